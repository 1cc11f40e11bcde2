"""Users, groups and roles over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, USERS, XML, Api
from tests.integration.serving import PASSWORD
from vidijob.access import ROLES
from vidijob.engine.accounts import Accounts
from vidijob.errors import Conflict
from vidijob.store.database import Database


async def login(api: Api, user: str, password: str = PASSWORD) -> int:
    """Return the status of a login."""
    return (await api("GET", "/API/whoami", user=user, password=password, accept=TEXT)).status


async def roles(api: Api, user: str) -> list[str]:
    """Return the roles that a user has."""
    reply = await api("GET", f"/API/user/{user}/roles", accept=JSON)
    assert reply.status == 200
    return [group["groupName"] for group in reply.json.get("group", [])]


def user_xml(name: str, inner: str = "", attributes: str = "") -> str:
    return f'<UserDocument xmlns="{NAMESPACE}"{attributes}><userName>{name}</userName>{inner}</UserDocument>'


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (
            XML,
            user_xml(
                "ann",
                "<realName>Ann Other</realName><password>qwerty</password><groupList>"
                "<group><groupName>_job_read</groupName></group><group><groupName>cutters</groupName></group></groupList>",
            ),
        ),
        (
            JSON,
            '{"userName":"ann","realName":"Ann Other","password":"qwerty",'
            '"groupList":{"group":[{"groupName":"_job_read"},{"groupName":"cutters"}]}}',
        ),
    ],
)
async def test_a_user_is_made_and_can_log_in(api: Api, type: str, body: str) -> None:
    assert (await api("PUT", "/API/group/cutters")).status == 200
    reply = await api("POST", "/API/user?passwordType=raw", body=body, type=type)
    assert (reply.status, reply.body) == (200, b"")
    assert await login(api, "ann", "qwerty") == 200 and await login(api, "ann", "other") == 401
    user = (await api("GET", "/API/user/ann", accept=JSON)).json
    assert user == {
        "userName": "ann",
        "realName": "Ann Other",
        "groupList": {"group": [{"groupName": "cutters", "role": False}, {"groupName": "_job_read", "role": True}]},
    }
    assert "qwerty" not in (await api("GET", "/API/user")).text
    assert (await api("GET", "/API/user/ann/realname", accept=TEXT)).text == "Ann Other"
    assert (await api("GET", "/API/group/cutters/users", accept=TEXT)).text == "ann\r\n"


async def test_a_name_is_taken_once(api: Api) -> None:
    for reply in (
        await api("POST", "/API/user?passwordType=raw", body=user_xml("plain", "<password>abcd</password>"), type=XML),
        await api("PUT", "/API/user/plain"),
    ):
        assert reply.status == 409 and reply.find("conflict/id") == ["plain"]
    assert await login(api, "plain") == 200


async def test_a_user_without_a_password_cannot_log_in_yet(api: Api) -> None:
    assert (await api("PUT", "/API/user/ann")).status == 200
    for password in ("", "ann", "empty"):
        assert await login(api, "ann", password) == 401
    assert (await api("PUT", "/API/user/ann/password?type=raw", body="open sesame", type=TEXT)).status == 200
    assert await login(api, "ann", "open sesame") == 200


async def test_a_password_as_its_md5_digest(api: Api) -> None:
    digest = hashlib.md5(b"qwerty").hexdigest()
    body = user_xml("ann", f"<password>{digest.upper()}</password>")
    assert (await api("POST", "/API/user", body=body, type=XML)).status == 200
    assert await login(api, "ann", "qwerty") == 200
    # What was sent opens nothing.
    assert await login(api, "ann", digest) == 401 and await login(api, "ann", digest.upper()) == 401
    digest = hashlib.md5("pässword".encode()).hexdigest()
    assert (await api("PUT", "/API/user/ann/password", body=digest, type=TEXT)).status == 200
    assert await login(api, "ann", "pässword") == 200
    # One in plain text is not taken for a digest, and the answer says what to do.
    reply = await api("PUT", "/API/user/ann/password", body="plain text", type=TEXT, accept=JSON)
    assert reply.status == 400 and "type=raw" in reply.json["invalidInput"]["explanation"]
    assert "plain text" not in reply.text.replace("in plain text", "")
    assert await login(api, "ann", "pässword") == 200


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("passwordType=raw", user_xml("a b", "<password>qwerty</password>")),
        ("passwordType=raw", user_xml("a/b", "<password>qwerty</password>")),
        ("passwordType=raw", user_xml("", "<password>qwerty</password>")),
        ("passwordType=raw", user_xml("ann", "<password>abc</password>")),
        ("passwordType=raw", user_xml("ann", "<salt>x</salt><password>qwerty</password>")),
        ("passwordType=sha1", user_xml("ann", "<password>qwerty</password>")),
        ("passwordType=raw", user_xml("ann", "<groupList><group/></groupList>")),
        ("passwordType=raw", ""),
        ("passwordType=raw", f'<UserDocument xmlns="{NAMESPACE}"/>'),
        ("passwordType=raw", "<"),
    ],
)
async def test_a_user_that_cannot_be(api: Api, query: str, body: str) -> None:
    reply = await api("POST", f"/API/user?{query}", body=body, type=XML, accept=JSON)
    assert reply.status == 400 and reply.json["invalidInput"]["explanation"]
    assert (await api("GET", "/API/user", accept=JSON)).json["hits"] == len(USERS)


async def test_a_user_in_a_group_that_is_not_there_is_not_made(api: Api) -> None:
    body = user_xml("ann", "<groupList><group><groupName>ghosts</groupName></group></groupList>")
    reply = await api("POST", "/API/user", body=body, type=XML, accept=JSON)
    assert reply.status == 404 and reply.json["notFound"] == {"type": "Group", "id": "ghosts", "context": None}
    assert (await api("GET", "/API/user/ann")).status == 404


async def test_the_list_of_users(api: Api) -> None:
    document = (await api("GET", "/API/user", accept=JSON)).json
    assert document["hits"] == len(USERS)
    assert [user["userName"] for user in document["user"]] == sorted(USERS)
    page = await api("GET", "/API/user?first=2&number=3")
    assert page.find("hits") == [str(len(USERS))] and page.find("user/userName") == sorted(USERS)[1:4]
    assert (await api("GET", "/API/user?name=plain,ghost&name=admin")).find("user/userName") == ["admin", "plain"]
    assert (await api("GET", "/API/user?number=0", accept=JSON)).json == {"hits": len(USERS)}
    assert (await api("GET", "/API/user?name=plain", accept=TEXT)).text == "plain\r\n"
    await api("DELETE", "/API/user/plain")
    assert (await api("GET", "/API/user?disabled=true")).find("user/userName") == ["plain"]
    assert "plain" not in (await api("GET", "/API/user?disabled=false")).find("user/userName")
    assert (await api("GET", "/API/user?disabled=all")).find("hits") == [str(len(USERS))]


async def test_a_user_is_disabled_enabled_and_taken_out(api: Api) -> None:
    id = await api.create("type=WORK", user="plain")
    assert await login(api, "plain") == 200
    assert (await api("DELETE", "/API/user/plain")).status == 200
    assert await login(api, "plain") == 401
    assert (await api("GET", "/API/user/plain", accept=JSON)).json["disabled"] is True
    assert (await api("PUT", "/API/user/plain/enable")).status == 200
    assert await login(api, "plain") == 200
    assert "disabled" not in (await api("GET", "/API/user/plain", accept=JSON)).json
    assert (await api("DELETE", "/API/user/plain?hard=true")).status == 200
    assert await login(api, "plain") == 401
    assert (await api("GET", "/API/user/plain")).status == 404
    assert (await api("GET", f"/API/job/{id}")).find("user") == ["plain"]


async def test_a_user_is_changed_by_a_document(api: Api) -> None:
    body = user_xml(
        "plain",
        "<realName>Plain Person</realName><password>new one</password>"
        '<groupList><group><groupName>_job_search</groupName></group><group remove="true">'
        "<groupName>_job_write</groupName></group></groupList>",
        ' disabled="false"',
    )
    assert (await api("PUT", "/API/user/plain?passwordType=raw", body=body, type=XML)).status == 200
    assert await roles(api, "plain") == ["_job_read", "_job_search"]
    assert await login(api, "plain", "new one") == 200 and await login(api, "plain") == 401
    assert (await api("PUT", "/API/user/plain/realname", body="P. P.", type=TEXT)).status == 200
    assert (await api("GET", "/API/user/plain")).find("realName") == ["P. P."]
    assert (await api("PUT", "/API/user/plain", body=user_xml("other"), type=XML)).status == 400
    assert (await api("PUT", "/API/user/ghost", body=user_xml("ghost"), type=XML)).status == 404


async def test_everybody_may_look_at_himself_and_change_his_password(api: Api) -> None:
    for path in ("", "/roles", "/groups", "/allgroups"):
        assert (await api("GET", f"/API/user/nobody{path}", user="nobody")).status == 200
        assert (await api("GET", f"/API/user/plain{path}", user="nobody")).status == 403
    password = "/API/user/{}/password?type=raw"
    assert (await api("PUT", password.format("plain"), user="nobody", body="mine now", type=TEXT)).status == 403
    assert (await api("PUT", password.format("nobody"), user="nobody", body="my own", type=TEXT)).status == 200
    assert await login(api, "nobody", "my own") == 200
    for method, path, body in (
        ("PUT", "/groups", '{"group":[{"groupName":"_administrator"}]}'),
        ("PUT", "", '{"userName":"nobody","groupList":{"group":[{"groupName":"_administrator"}]}}'),
        ("PUT", "/enable", ""),
        ("DELETE", "", ""),
    ):
        reply = await api(method, f"/API/user/nobody{path}", user="nobody", password="my own", body=body, type=JSON)
        assert reply.status == 403
    assert await roles(api, "nobody") == []


async def test_roles_are_groups(api: Api) -> None:
    for name in ROLES:
        document = (await api("GET", f"/API/group/{name}", accept=JSON)).json
        assert (document["groupName"], document["role"]) == (name, True) and document["description"]
    assert (await api("GET", "/API/group/_job_read/role", accept=TEXT)).text == "true"
    names = (await api("GET", "/API/group", accept=TEXT)).text.split()
    assert names == sorted(ROLES)
    assert (await api("GET", "/API/group?first=2&number=1")).find("group/groupName") == [sorted(ROLES)[1]]
    assert (await api("PUT", "/API/group/_job_search/user/plain")).status == 200
    assert await roles(api, "plain") == ["_job_read", "_job_search", "_job_write"]
    assert (await api("PUT", "/API/job/search", user="plain")).status == 200
    assert (await api("DELETE", "/API/group/_job_search/user/plain")).status == 200
    assert (await api("PUT", "/API/job/search", user="plain")).status == 403
    for method, path in (
        ("PUT", "/API/group/_no_such_role"),
        ("DELETE", "/API/group/_job_read"),
        ("PUT", "/API/group/a%20b"),
    ):
        assert (await api(method, path)).status == 400, path
    for path in (
        "/API/group/_no_such_role/user/plain",
        "/API/group/ghosts/user/plain",
        "/API/group/_job_read/user/ghost",
    ):
        for method in ("PUT", "DELETE"):
            assert (await api(method, path)).status == 404, path


async def test_a_group_and_who_is_in_it(api: Api) -> None:
    group: dict[str, Any] = {
        "description": "Who cuts", "userList": {"user": [{"userName": "plain"}, {"userName": "nobody"}]},
    }  # fmt: skip
    assert (await api("PUT", "/API/group/cutters", body=_json(group), type=JSON)).status == 200
    assert (await api("GET", "/API/group/cutters/description", accept=TEXT)).text == "Who cuts"
    assert (await api("GET", "/API/group/cutters/users")).find("user/userName") == ["nobody", "plain"]
    group = {"userList": {"user": [{"userName": "plain", "remove": True}, {"userName": "other"}]}}
    assert (await api("PUT", "/API/group/cutters", body=_json(group), type=JSON)).status == 200
    document = (await api("GET", "/API/group/cutters", accept=JSON)).json
    assert document == {
        "groupName": "cutters", "description": "Who cuts", "role": False,
        "userList": {"user": [{"userName": "nobody"}, {"userName": "other"}]},
    }  # fmt: skip
    body = '{"userList":{"user":[{"userName":"plain"}]}}'
    assert (await api("PUT", "/API/group/cutters?clear=true", body=body, type=JSON)).status == 200
    assert (await api("GET", "/API/group/cutters/users", accept=TEXT)).text == "plain\r\n"
    # Without a body it is only made, and made twice is made.
    assert (await api("PUT", "/API/group/cutters")).status == 200
    assert (await api("GET", "/API/group/cutters/users", accept=TEXT)).text == "plain\r\n"
    body = '{"userList":{"user":[{"userName":"other"},{"userName":"ghost"}]}}'
    assert (await api("PUT", "/API/group/cutters", body=body, type=JSON)).status == 404
    assert (await api("GET", "/API/group/cutters/users", accept=TEXT)).text == "plain\r\n"
    assert (await api("DELETE", "/API/group/cutters")).status == 200
    assert (await api("GET", "/API/group/cutters")).status == 404
    assert (await api("DELETE", "/API/group/cutters")).status == 404
    assert await login(api, "plain") == 200


async def test_a_group_gives_roles_to_its_members(api: Api) -> None:
    await api("PUT", "/API/group/readers")
    await api("PUT", "/API/group/readers/user/nobody")
    assert (await api("GET", "/API/job", user="nobody")).status == 403
    assert (await api("PUT", "/API/group/_job_read/group/readers")).status == 200
    assert (await api("GET", "/API/job", user="nobody")).status == 200
    assert await roles(api, "nobody") == ["_job_read"]
    assert (await api("GET", "/API/group/readers/parents", accept=TEXT)).text == "_job_read\r\n"
    assert (await api("GET", "/API/group/_job_read/children", accept=TEXT)).text == "readers\r\n"
    groups = (await api("GET", "/API/user/nobody/allgroups")).find("group/groupName")
    assert groups == ["readers", "_job_read"]
    assert (await api("GET", "/API/user/nobody/groups")).find("group/groupName") == ["readers"]
    assert (await api("DELETE", "/API/group/_job_read/group/readers")).status == 200
    assert (await api("GET", "/API/job", user="nobody")).status == 403
    await api("PUT", "/API/group/inner")
    for path in ("/API/group/readers/group/inner", "/API/group/_job_read/group/_job_write"):
        assert (await api("PUT", path)).status == 501
    for path in ("/API/group/_job_read/group/ghosts", "/API/group/ghosts/group/readers"):
        assert (await api("PUT", path)).status == 404


async def test_the_groups_of_a_user(api: Api) -> None:
    await api("PUT", "/API/group/cutters")
    path = "/API/user/plain/groups"
    body = '{"group":[{"groupName":"cutters"},{"groupName":"_job_search"},{"groupName":"_job_read","remove":"true"}]}'
    assert (await api("PUT", path, body=body, type=JSON)).status == 200
    assert (await api("GET", path)).find("group/groupName") == ["cutters", "_job_search", "_job_write"]
    body = f'<GroupListDocument xmlns="{NAMESPACE}"><group><groupName>_job_read</groupName></group></GroupListDocument>'
    assert (await api("PUT", f"{path}?move=true", body=body, type=XML)).status == 200
    assert (await api("GET", path)).find("group/groupName") == ["_job_read"]
    assert (await api("PUT", path, body='{"group":[{"groupName":"ghosts"}]}', type=JSON)).status == 404
    assert (await api("PUT", "/API/user/ghost/groups", body="{}", type=JSON)).status == 404


#: Every way to lose the last administrator.
LOSSES = [
    ("DELETE", "/API/user/{}", ""),
    ("DELETE", "/API/user/{}?hard=true", ""),
    ("PUT", "/API/user/{}", '{"userName":"{}","disabled":true}'),
    ("PUT", "/API/user/{}", '{"userName":"{}","groupList":{"group":[{"groupName":"_administrator","remove":true}]}}'),
    ("PUT", "/API/user/{}/groups?move=true", '{"group":[]}'),
    ("DELETE", "/API/group/_administrator/user/{}", ""),
    ("PUT", "/API/group/_administrator?clear=true", ""),
    ("PUT", "/API/group/_administrator", '{"userList":{"user":[{"userName":"{}","remove":true}]}}'),
]


@pytest.mark.parametrize(("method", "path", "body"), LOSSES)
async def test_the_last_administrator_stays(api: Api, method: str, path: str, body: str) -> None:
    for other in ("other", "administrator"):
        assert (await api("DELETE", f"/API/user/{other}")).status == 200
    path, body = path.replace("{}", "admin"), body.replace("{}", "admin")
    reply = await api(method, path, body=body, type=JSON, accept=JSON)
    assert reply.status == 409 and "_administrator" in reply.json["conflict"]["explanation"]
    assert "_administrator" in await roles(api, "admin")
    assert (await api("GET", "/API/user", user="admin")).status == 200
    # With another one it goes.
    assert (await api("PUT", "/API/user/other/enable")).status == 200
    assert (await api(method, path, body=body, type=JSON)).status == (409 if "clear" in path else 200)


async def test_the_last_administrator_by_a_group_stays(api: Api) -> None:
    await api("PUT", "/API/group/chiefs")
    await api("PUT", "/API/group/chiefs/user/nobody")
    await api("PUT", "/API/group/_administrator/group/chiefs")
    for user in ("other", "administrator", "admin"):
        assert (await api("DELETE", f"/API/user/{user}", user="nobody")).status == 200
    for method, path in (
        ("DELETE", "/API/group/chiefs"),
        ("DELETE", "/API/group/chiefs/user/nobody"),
        ("DELETE", "/API/group/_administrator/group/chiefs"),
        ("PUT", "/API/group/chiefs?clear=true"),
    ):
        assert (await api(method, path, user="nobody")).status == 409, path
    assert (await api("GET", "/API/user", user="nobody")).status == 200


async def test_two_administrators_do_not_take_each_other_out(api: Api, database: Database) -> None:
    assert (await api("DELETE", "/API/user/administrator")).status == 200
    one, other = Accounts(database), Accounts(database)
    results = await asyncio.gather(
        one.set_disabled("admin", True), other.revoke("other", ["_administrator"]), return_exceptions=True
    )
    assert [type(result) for result in results if result is not None] == [Conflict]


async def test_who_is_not_there(api: Api) -> None:
    for method, path in (
        ("GET", "/API/user/ghost"),
        ("DELETE", "/API/user/ghost"),
        ("DELETE", "/API/user/ghost?hard=true"),
        ("PUT", "/API/user/ghost/enable"),
        ("PUT", "/API/user/ghost/password?type=raw"),
        ("GET", "/API/user/ghost/roles"),
        ("GET", "/API/group/ghosts"),
    ):
        reply = await api(method, path, body=b"qwerty" if "password" in path else None, accept=JSON)
        assert reply.status == 404 and reply.json["notFound"]["id"] in ("ghost", "ghosts"), path


def _json(document: dict[str, Any]) -> str:
    import json

    return json.dumps(document)
