"""What is refused, how that reads in the caller's form, and that nothing was changed by it."""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from io import BytesIO

import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, USERS, XML, Api
from tests.integration.api.vidispine.contract_roles import CONTRACT
from tests.integration.engine.conftest import Engine
from tests.integration.serving import PASSWORD
from vidijob.api.vidispine.routes import TABLE
from vidijob.web.routing import Needed, Open, Own

NINE = [
    "notFound", "internalServer", "forbidden", "notYetImplemented", "conflict", "invalidInput", "licenseFault",
    "fileAlreadyExists", "notAuthorized",
]  # fmt: skip


async def test_an_unknown_id_reads_as_recorded(api: Api) -> None:
    reply = await api("GET", "/API/job/VX-1000000", accept=JSON)
    assert reply.status == 404
    assert reply.body == (
        b'{"notFound":{"type":"Job","id":"VX-1000000","context":null},"internalServer":null,"forbidden":null,'
        b'"notYetImplemented":null,"conflict":null,"invalidInput":null,"licenseFault":null,"fileAlreadyExists":null,'
        b'"notAuthorized":null}'
    )
    xml = await api("GET", "/API/job/VX-1000000")
    assert xml.find("notFound/type") == ["Job"] and xml.find("notFound/id") == ["VX-1000000"]
    text = await api("GET", "/API/job/VX-1000000", accept=TEXT)
    assert text.text == "404 A resource could not be found\r\nType: Job\r\nID: VX-1000000\r\n"


@pytest.mark.parametrize(
    "id",
    [
        "1",
        "vx-1",
        "VX-",
        "VX-0",
        "VX-1x",
        "KP-1",
        "VX-99999999999999999999999999999999",
        "%00",
        "..",
        "VX-1%20",
        "%F0%9F%92%A5",
    ],
)
@pytest.mark.parametrize("operation", ["GET", "PUT", "DELETE", "POST re-run", "DELETE ?id="])
async def test_an_id_of_a_wrong_form(api: Api, id: str, operation: str) -> None:
    method, _, rest = operation.partition(" ")
    path = f"/API/job?id={id}" if rest.startswith("?") else f"/API/job/{id}" + (f"/{rest}" if rest else "")
    reply = await api(method, path, accept=JSON)
    # NUL and the like are refused as input before they can be an id.
    assert reply.status in (400, 404)
    assert reply.status == 404 or id == "%00"


@pytest.mark.parametrize(
    ("query", "context"),
    [
        ("", "type"),
        ("type=", "type"),
        ("type=NOPE", "type"),
        ("type=NONE", "type"),
        ("type=WORK&priority=URGENT", "priority"),
        ("type=WORK&priority=high", "priority"),
        ("type=WORK&jobmetadata=novalue", "jobmetadata"),
        ("type=WORK&jobmetadata=%3Dx", "jobmetadata"),
        ("type=WORK&jobmetadata=a%3D%00", "jobmetadata"),
        ("type=%ff", "query"),
    ],
)
async def test_create_with_bad_parameters(api: Api, engine: Engine, query: str, context: str) -> None:
    reply = await api("POST", f"/API/job?{query}", accept=JSON)
    assert reply.status == 400
    assert list(reply.json) == NINE
    assert reply.json["invalidInput"]["context"] == context
    assert len(reply.json["invalidInput"]["explanation"]) > 20
    assert (await api("POST", f"/API/job?{query}")).find("invalidInput/context") == [context]
    text = (await api("POST", f"/API/job?{query}", accept=f"{TEXT}, {XML};q=0.1")).text
    assert text.startswith(("400 An invalid parameter was entered\r\n", "<?xml"))
    assert await engine.events() == []


@pytest.mark.parametrize(
    "query",
    [
        "state=RUNNING",
        "priority=9",
        "first=-1",
        "number=x",
        "user=maybe",
        "metadata=2",
        "sort=jobId%20up",
        "number=1e3",
    ],
)
async def test_list_with_bad_parameters(api: Api, query: str) -> None:
    reply = await api("GET", f"/API/job?{query}", accept=JSON)
    assert reply.status == 400
    assert reply.json["invalidInput"]["context"] == query.partition("=")[0]


DOCUMENT = (
    f'<SimpleMetadataDocument xmlns="{NAMESPACE}"><field><key>a</key><value>b</value></field></SimpleMetadataDocument>'
)
BODIES = [
    (XML, "<SimpleMetadataDocument"),
    (XML, "hello"),
    (XML, DOCUMENT.replace(NAMESPACE, "urn:other")),
    (XML, DOCUMENT.replace("SimpleMetadataDocument", "JobDocument")),
    (XML, '<!DOCTYPE a [<!ENTITY x "y">]>' + DOCUMENT),
    (XML, '<!DOCTYPE a SYSTEM "file:///etc/passwd">' + DOCUMENT),
    (XML, DOCUMENT.replace("<key>a</key>", "")),
    (XML, DOCUMENT.replace("<value>b</value>", "<value>&#0;</value>")),
    (XML, '<?xml version="1.0" encoding="UTF-16"?>' + DOCUMENT),
    (XML, '<?xml version="1.0" encoding="klingon"?>' + DOCUMENT),
    (XML, b"\xff\xfe\x00"),
    (XML, "<a>" * 100_000),
    (JSON, "{"),
    (JSON, "[]"),
    (JSON, "7"),
    (JSON, '{"field":"x"}'),
    (JSON, '{"field":[{"key":"a"}]}'),
    (JSON, '{"field":[{"key":"a","value":{}}]}'),
    (JSON, '{"field":[{"key":"a","value":"\\u0000"}]}'),
    (JSON, '{"field":[{"key":"a","value":"\\ud800"}]}'),
    (JSON, b"\xff"),
    (JSON, "[" * 100_000),
    (JSON, '{"field":' * 5000),
]


@pytest.mark.parametrize(("type", "body"), BODIES, ids=[f"{type[12:]}-{n}" for n, (type, _) in enumerate(BODIES)])
async def test_create_with_a_bad_body(api: Api, engine: Engine, type: str, body: str | bytes) -> None:
    reply = await api("POST", "/API/job?type=WORK", accept=JSON, type=type, body=body)
    assert reply.status == 400
    assert len(reply.json["invalidInput"]["explanation"]) > 20
    assert await engine.events() == []


async def test_a_type_of_body_that_cannot_be_read(api: Api, engine: Engine) -> None:
    assert (await api("POST", "/API/job?type=WORK", type="text/plain", body="a=b")).status == 415
    assert (await api("POST", "/API/job?type=WORK", type="image/png", body="a=b", accept=JSON)).status == 415
    assert await engine.events() == []


async def test_a_body_that_is_too_large(api: Api, engine: Engine) -> None:
    reply = await api(
        "POST", "/API/job?type=WORK", type=JSON, body=BytesIO(b'{"field":[]' + b" " * (10 * 1024 * 1024 + 1) + b"}")
    )
    assert reply.status == 413
    assert await engine.events() == []


async def test_of_many_large_bodies_two_are_read_at_once(api: Api, engine: Engine) -> None:
    body = b'{"field":[{"key":"a","value":"' + b"x" * 300_000 + b'"},{}]}'
    replies = await asyncio.gather(*(api("POST", "/API/job?type=WORK", type=JSON, body=body) for _ in range(12)))
    assert {reply.status for reply in replies} == {400}
    assert 1 <= sum(thread.name.startswith("large-body") for thread in threading.enumerate()) <= 2
    assert await engine.events() == []


@pytest.mark.parametrize("path", ["/API/job?type=WORK", "/API/task-definition", "/API/user/plain/realname"])
async def test_a_body_that_is_not_compressed_as_it_says(api: Api, engine: Engine, path: str) -> None:
    """The connection cannot be used any more, and the client is told so instead of finding it out by its next request."""
    method = "PUT" if path.endswith("realname") else "POST"
    headers = {"Content-Encoding": "gzip"}
    reply = await api(method, path, accept=JSON, type=JSON, body=BytesIO(b"{}" * 500), headers=headers)
    assert reply.status == 400
    assert reply.headers["Connection"] == "close"
    assert "could not be read to its end" in reply.json["invalidInput"]["explanation"]
    assert await engine.events() == []


async def test_an_ended_job_keeps_its_state_and_priority(api: Api) -> None:
    id = await api.create()
    await api("DELETE", f"/API/job/{id}?cleanup=false")
    for method in ("DELETE", "PUT"):
        reply = await api(method, f"/API/job/{id}", accept=JSON)
        assert reply.status == 400 and reply.json["invalidInput"]["id"] == id


async def test_a_path_that_is_not_there(api: Api) -> None:
    for path in ("/API/nothing", "/API", "/API/job/VX-1/nothing", "/API/job/VX-1/re-run/x"):
        reply = await api("GET", path, accept=JSON)
        assert (reply.status, reply.json) == (404, {"code": 404, "message": "HTTP 404 Not Found"})
        assert (await api("GET", path)).find("notFound/type") == ["resource"]


async def test_a_method_that_is_not_possible(api: Api) -> None:
    reply = await api("PATCH", "/API/job/VX-1", accept=JSON)
    assert (reply.status, reply.headers["Allow"]) == (405, "DELETE, GET, PUT")


@pytest.mark.parametrize("accept", [XML, JSON, TEXT])
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic YWRtaW4=",
        "Basic YWRtaW46d3Jvbmc=",
        "Basic /zr/",
        "Bearer x",
        "Digest a=b",
        "x" * 5000,
    ],
)
async def test_no_login_or_a_wrong_one(api: Api, accept: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/API/job", "/API/nothing"):
        reply = await api("GET", path, accept=accept, user=None, headers=headers)
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"].startswith("Basic ")
        if accept == JSON:
            assert reply.json["notAuthorized"]["message"]
        elif accept == XML:
            assert reply.find("notAuthorized/message")
        else:
            assert reply.text.startswith("401 ")


async def test_who_is_not_known_and_who_is_read_alike(api: Api) -> None:
    unknown = await api("GET", "/API/job", user="ghost")
    known = await api("GET", "/API/job", user="admin", password="wrong")
    assert (unknown.status, unknown.body) == (known.status, known.body) == (401, known.body)


def enough(operation: str, needed: Needed) -> frozenset[str]:
    """Return the roles of which each is enough, by the contract, or by our table where an operation is ours; none: all may."""
    if operation in CONTRACT:
        return CONTRACT[operation]
    match needed:
        case Open():
            return frozenset()
        case Own(role=role):
            return frozenset({role})
        case str():
            return frozenset({needed})
        case _:
            return needed


def test_every_operation_of_the_contract_is_there() -> None:
    assert CONTRACT.keys() - {operation for operation, _ in ROUTES} == set()
    # What is beyond it, and so is checked against our own table only, is little.
    assert len(CONTRACT) > 100


ROUTES = [(f"{route.method} {re.sub(r'{[^}]*}', '{}', route.path)}", route.role) for route in TABLE.routes]


@pytest.mark.timeout(180)
async def test_each_route_lets_in_exactly_those_with_its_role(api: Api, engine: Engine) -> None:
    """One server for all, since each login is checked anew by each: that takes long, by design."""
    wrong = []
    for operation, needed in ROUTES:
        method, path = operation.replace("{}", "VX-1").split(" ")
        # A stream would not end.
        path += "?after=nowhere" if path == "/job/events" else ""
        roles_needed = enough(operation, needed)
        for user, password in ((None, ""), ("admin", "wrong")):
            if (await api(method, "/API" + path, user=user, password=password)).status != 401:
                wrong.append(f"{operation} by {user} with {password!r}")
        for user, roles in USERS.items():
            reply = await api(method, "/API" + path, user=user, accept="*/*")
            may = not roles_needed or not roles_needed.isdisjoint(roles)
            if reply.status == 401 or (reply.status != 403) != may:
                wrong.append(f"{operation} by {user}: {reply.status}")
            if reply.status == 403:
                (lacking,) = reply.find("forbidden/id")
                assert lacking and not set(lacking.split(" or ")) & set(roles)
    assert wrong == []
    assert await engine.events() == []


async def test_immediate_needs_the_role(api: Api, engine: Engine) -> None:
    reply = await api("POST", "/API/job?type=WORK&priority=IMMEDIATE", user="plain", accept=JSON)
    assert reply.status == 403 and reply.json["forbidden"]["id"] == "_super_access_user"
    assert await engine.events() == []
    id = await api.create("type=WORK", user="plain")
    before = await engine.events()
    assert (await api("PUT", f"/API/job/{id}?priority=IMMEDIATE", user="plain")).status == 403
    assert (await api("POST", f"/API/job/{id}/re-run?priority=IMMEDIATE", user="plain")).status == 403
    assert await engine.events() == before
    assert (await api("PUT", f"/API/job/{id}?priority=IMMEDIATE")).status == 200
    # A copy of an IMMEDIATE job is one as well.
    assert (await api("POST", f"/API/job/{id}/re-run", user="plain")).status == 403
    assert (await api("POST", f"/API/job/{id}/re-run")).status == 200


async def test_the_password_is_in_no_answer(api: Api) -> None:
    for accept, path in itertools.product((XML, JSON, TEXT), ("/API/job", "/API/whoami", "/API/nothing")):
        assert PASSWORD not in (await api("GET", path, accept=accept)).text


async def test_health_and_readiness_need_no_login(api: Api) -> None:
    assert (await api("GET", "/health", user=None)).json == {"status": "up"}
    assert (await api("GET", "/ready", user=None)).json == {"status": "ready"}


async def test_when_the_database_is_away(api: Api, engine: Engine) -> None:
    assert (await api("GET", "/API/whoami", accept=TEXT)).status == 200
    await engine.database.close()
    for method, path in (("GET", "/API/job"), ("POST", "/API/job?type=WORK"), ("GET", "/API/job/VX-1")):
        reply = await api(method, path, accept=JSON)
        assert reply.status == 503 and reply.headers["Retry-After"] == "1"
        assert "password" not in reply.text
    assert (await api("GET", "/ready", user=None)).status == 503
    assert (await api("GET", "/health", user=None)).status == 200
