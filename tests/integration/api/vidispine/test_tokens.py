"""Tokens, and acting as another user: who is let in, for how long, and with whose roles."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.integration.api.vidispine.conftest import JSON, TEXT, USERS, Api, Reply
from tests.integration.engine.conftest import Engine
from tests.integration.serving import PASSWORD
from vidijob.engine.accounts import Accounts
from vidijob.errors import NotAuthenticated
from vidijob.store.database import Database


async def execute(database: Database, statement: str, *arguments: object) -> list[tuple[object, ...]]:
    """Run a statement of a test."""
    async with database.session() as session:
        return [tuple(row) for row in await session._connection.fetch(statement, *arguments)]


async def issue(api: Api, query: str = "", *, user: str = "plain", name: str | None = None) -> str:
    """Get a token as a client does."""
    reply = await api("GET", f"/API/user/{name or user}/token?{query}", user=user, accept=TEXT)
    assert reply.status == 200, reply.text
    return reply.text


async def with_token(api: Api, token: str, path: str = "/API/whoami", scheme: str = "token") -> Reply:
    """Send a request with a token."""
    return await api("GET", path, user=None, accept=TEXT, headers={"Authorization": f"{scheme} {token}"})


@pytest.mark.parametrize("scheme", ["token", "Token", "Bearer", "bearer"])
async def test_a_token_is_a_login(api: Api, scheme: str) -> None:
    token = await issue(api)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    reply = await with_token(api, token, scheme=scheme)
    assert (reply.status, reply.text) == (200, "plain")
    # With the roles of the user, no more.
    assert (await with_token(api, token, "/API/job", scheme)).status == 200
    assert (await with_token(api, token, "/API/user", scheme)).status == 403


async def test_a_token_in_each_form(api: Api) -> None:
    reply = await api("GET", "/API/token", user="plain", accept=JSON)
    assert list(reply.json) == ["token", "user"] and reply.json["user"] == "plain"
    assert (await with_token(api, reply.json["token"])).text == "plain"
    document = await api("GET", "/API/user/plain/token?seconds=30", user="plain")
    assert document.find("user") == ["plain"]
    assert (await with_token(api, document.find("token")[0])).text == "plain"
    # As text where nothing is preferred: that is what old clients know.
    assert (await api("GET", "/API/token", user="plain", accept=None)).headers["Content-Type"].startswith(TEXT)
    assert (await issue(api)) != (await issue(api))


async def test_a_token_is_stored_as_a_digest_only(api: Api, database: Database) -> None:
    token = await issue(api)
    ((digest, account),) = await execute(database, "SELECT digest, account FROM token")
    assert isinstance(digest, bytes) and len(digest) == 32 and account == "plain"
    assert token.encode() not in digest


async def test_a_token_of_one_process_is_known_to_another(api: Api, database: Database) -> None:
    token = await issue(api)
    assert (await Accounts(database).authenticate_token(token)).name == "plain"


async def test_an_expired_token_is_refused_and_cleaned_up(api: Api, database: Database) -> None:
    token = await issue(api)
    await execute(database, "UPDATE token SET expires_at = clock_timestamp() - interval '1 s'")
    reply = await with_token(api, token)
    assert reply.status == 401 and reply.text.startswith("401 ")
    other = await issue(api)
    assert len(await execute(database, "SELECT digest FROM token")) == 1
    assert (await with_token(api, other)).status == 200


async def test_a_token_ends_in_time_although_it_is_remembered(api: Api) -> None:
    token = await issue(api, "seconds=2")
    assert (await with_token(api, token)).status == 200
    await asyncio.sleep(2.1)
    assert (await with_token(api, token)).status == 401


@pytest.mark.parametrize("token", ["x", "", " ", "x" * 43, "x" * 5000, "YWRtaW46c2VjcmV0"])
async def test_what_is_no_token_is_refused(api: Api, token: str) -> None:
    reply = await with_token(api, token)
    assert reply.status == 401 and reply.headers["WWW-Authenticate"].startswith("Basic ")


async def test_a_token_that_refreshes_itself_lasts_on(api: Api, database: Database) -> None:
    kept = await issue(api, "seconds=60&autoRefresh=true")
    plain = await issue(api, "seconds=60")
    # As if 50 of the 60 seconds had gone by.
    await execute(
        database,
        "UPDATE token SET expires_at = expires_at - interval '50 s', refreshed_at = refreshed_at - interval '50 s'",
    )
    for token in (kept, plain):
        assert (await with_token(api, token)).status == 200
    rows = await execute(
        database, "SELECT auto_refresh, extract(epoch FROM expires_at - clock_timestamp())::float8 FROM token"
    )
    left = {str(auto): str(seconds) for auto, seconds in rows}
    assert 55 < float(left["True"]) <= 60
    assert float(left["False"]) <= 10


async def test_a_refresh_is_not_written_with_every_request(api: Api, database: Database) -> None:
    token = await issue(api, "seconds=60&autoRefresh=true")
    before = await execute(database, "SELECT refreshed_at FROM token")
    for accounts in (Accounts(database), Accounts(database)):
        assert (await accounts.authenticate_token(token)).name == "plain"
    assert await execute(database, "SELECT refreshed_at FROM token") == before


async def test_a_short_token_in_use_stays_alive(api: Api, database: Database) -> None:
    token = await issue(api, "seconds=3&autoRefresh=true")
    for _ in range(8):
        assert (await with_token(api, token)).status == 200
        await asyncio.sleep(0.5)
    await asyncio.sleep(3.1)
    assert (await with_token(api, token)).status == 401


async def test_how_long_a_token_may_last(api: Api) -> None:
    for query in ("seconds=61", "seconds=2592000&autoRefresh=true"):
        reply = await api("GET", f"/API/user/plain/token?{query}", user="plain", accept=JSON)
        assert reply.status == 403 and reply.json["forbidden"]["id"] == "_administrator"
    assert await issue(api, "seconds=60") and await issue(api, "seconds=2592000&autoRefresh=true", user="administrator")
    assert await issue(api, "seconds=2592000", user="administrator", name="plain")
    for query in ("seconds=0", "seconds=-1", "seconds=x", "seconds=99999999999999", "autoRefresh=maybe"):
        assert (await api("GET", f"/API/token?{query}", accept=JSON)).status == 400, query


async def test_an_administrator_can_let_tokens_last_longer(api: Api, database: Database) -> None:
    for key, value in (("userTokenMaxInterval", "2592000"), ("userTokenDefaultInterval", "600")):
        assert (await api("PUT", f"/API/configuration/properties/{key}", body=value, type=TEXT)).status == 200
    assert await issue(api, "seconds=2592000&autoRefresh=true")
    await issue(api)
    assert await execute(database, "SELECT seconds FROM token ORDER BY seconds") == [(600,), (2592000,)]


async def test_a_token_of_another_needs_the_role(api: Api) -> None:
    for user in ("plain", "runas", "nobody"):
        assert (await api("GET", "/API/user/admin/token", user=user, accept=TEXT)).status == 403
    assert (await with_token(api, await issue(api, user="administrator", name="plain"))).text == "plain"
    assert (await api("GET", "/API/user/ghost/token", accept=JSON)).json["notFound"]["id"] == "ghost"
    assert await issue(api, user="nobody")


async def test_a_disabled_user_has_no_tokens(api: Api) -> None:
    token = await issue(api, user="plain")
    assert (await with_token(api, token)).status == 200
    assert (await api("DELETE", "/API/user/plain")).status == 200
    assert (await with_token(api, token)).status == 401
    reply = await api("GET", "/API/user/plain/token", accept=JSON)
    assert reply.status == 409 and reply.json["conflict"]["id"] == "plain"
    # Neither does it come back with the user.
    assert (await api("PUT", "/API/user/plain/enable")).status == 200
    assert (await with_token(api, token)).status == 401


async def test_another_password_ends_the_tokens(api: Api) -> None:
    token = await issue(api, user="plain")
    reply = await api("PUT", "/API/user/plain/password?type=raw", user="plain", body="another one", type=TEXT)
    assert reply.status == 200
    assert (await with_token(api, token)).status == 401
    assert (await api("GET", "/API/whoami", user="plain", password="another one", accept=TEXT)).status == 200
    assert (await api("GET", "/API/whoami", user="plain", accept=TEXT)).status == 401


async def test_acting_as_another_user(api: Api, engine: Engine) -> None:
    for user in ("administrator", "runas"):
        reply = await api("GET", "/API/whoami", user=user, accept=TEXT, headers={"RunAs": "plain"})
        assert (reply.status, reply.text) == (200, "plain")
        # The roles of that user, and only these.
        assert (await api("GET", "/API/job", user=user, headers={"RunAs": "plain"})).status == 200
        assert (await api("GET", "/API/configuration", user=user, headers={"RunAs": "plain"})).status == 403
        assert (await api("GET", "/API/job", user=user)).status == 403
    id = await api.create("type=WORK", user="runas", headers={"RunAs": "plain"})
    assert (await api("GET", f"/API/job/{id}")).find("user") == ["plain"]


async def test_acting_needs_a_role(api: Api, engine: Engine) -> None:
    before = await engine.events()
    for user, roles in USERS.items():
        reply = await api("POST", "/API/job?type=WORK", user=user, accept=JSON, headers={"RunAs": "nobody"})
        assert reply.status == 403, user
        may = user == "nobody" or {"_runas", "_administrator"} & set(roles)
        assert reply.json["forbidden"]["id"] == ("_job_write" if may else "_runas"), user
    assert await engine.events() == before
    # As oneself, everybody may.
    assert (await api("GET", "/API/whoami", user="plain", accept=TEXT, headers={"RunAs": "plain"})).text == "plain"
    assert (await api("GET", "/API/whoami", user="plain", accept=TEXT, headers={"RunAs": " "})).text == "plain"


@pytest.mark.parametrize("name", ["ghost", "a b", "a:b", "x" * 200, "jürgen", "%00"])
async def test_acting_as_nobody(api: Api, name: str) -> None:
    reply = await api("GET", "/API/job", user="administrator", accept=JSON, headers={"RunAs": name})
    assert reply.status == 401 and reply.json["notAuthorized"]["message"]
    assert reply.headers["Reason"].startswith("User was not found: ")
    if name.isascii():
        assert reply.headers["Reason"] == f"User was not found: {name}"
    # Who may not act as others is not told who exists.
    assert (await api("GET", "/API/job", user="plain", headers={"RunAs": name})).status == 403


async def test_nobody_acts_as_a_disabled_user(api: Api) -> None:
    assert (await api("DELETE", "/API/user/plain")).status == 200
    reply = await api("GET", "/API/job", headers={"RunAs": "plain"})
    assert (reply.status, reply.headers["Reason"]) == (401, "User is disabled: plain")


async def test_who_acts_as_others_cannot_become_an_administrator(api: Api) -> None:
    for path in ("/API/whoami", "/API/user", "/API/configuration"):
        reply = await api("GET", path, user="runas", accept=JSON, headers={"RunAs": "admin"})
        assert reply.status == 403 and reply.json["forbidden"]["id"] == "_administrator"
    assert (
        await api("GET", "/API/whoami", user="administrator", accept=TEXT, headers={"RunAs": "admin"})
    ).text == "admin"


async def test_who_acts_as_another_does_not_keep_its_login(api: Api) -> None:
    # A token or a password would outlive the right to act.
    acting = {"RunAs": "plain"}
    for method, path, body in (
        ("GET", "/API/token", None),
        ("GET", "/API/user/plain/token", None),
        ("PUT", "/API/user/plain/password?type=raw", b"stolen it"),
    ):
        for user in ("runas", "administrator"):
            assert (await api(method, path, user=user, body=body, headers=acting)).status == 403, path
    assert (await api("GET", "/API/whoami", user="plain", accept=TEXT)).status == 200
    # Looking at that user is fine.
    assert (await api("GET", "/API/user/plain", user="runas", headers=acting)).find("userName") == ["plain"]


async def test_a_role_that_is_lost_is_lost_for_tokens_and_acting(api: Api) -> None:
    token = await issue(api, user="runas")
    header = {"Authorization": f"token {token}", "RunAs": "plain"}
    assert (await api("GET", "/API/job", user=None, headers=header)).status == 200
    assert (await api("DELETE", "/API/group/_runas/user/runas")).status == 200
    assert (await api("GET", "/API/job", user=None, headers=header)).status == 403


async def test_a_change_is_felt_elsewhere_when_the_memory_ends(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidijob.engine import accounts

    monkeypatch.setattr(accounts, "_REMEMBERED", 0.2)
    other = Accounts(database)
    token = await issue(api, "seconds=60")
    assert (await other.authenticate("plain", PASSWORD)).has("_job_read")
    assert (await other.authenticate_token(token)).has("_job_read")
    assert (await api("DELETE", "/API/user/plain")).status == 200
    await asyncio.sleep(0.25)
    with pytest.raises(NotAuthenticated, match="disabled"):
        await other.authenticate("plain", PASSWORD)
    with pytest.raises(NotAuthenticated):
        await other.authenticate_token(token)
