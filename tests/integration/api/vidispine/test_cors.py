"""A page of another origin, in a browser: what it is told before and with each request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api, Reply
from tests.integration.engine.conftest import Engine
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.engine.configuration import Configuration
from vidijob.store.database import Database

CORS = "/API/configuration/cors"
PAGE = "https://admin.example.org"
#: What the official admin interface asks for.
ASKED = "accept,authorization,content-type,index,runas,size"


async def preflight(api: Api, origin: str = PAGE, method: str = "GET", path: str = "/API/job") -> Reply:
    """Ask as a browser does: without a login."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": ASKED}
    return await api("OPTIONS", path, user=None, accept="*/*", headers=headers)


def told(reply: Reply) -> dict[str, str]:
    """Return what an answer says about other origins."""
    return {name: value for name, value in reply.headers.items() if name.startswith("Access-Control-")}


def document(origin: str = PAGE, request: str | None = None, more: str = "") -> str:
    condition = f"<origin>{origin}</origin>" if request is None else request
    return (
        f'<CORSConfigurationDocument xmlns="{NAMESPACE}"><entry><request>{condition}</request>'
        f"<response><allowOrigin>{origin}</allowOrigin>{more}</response></entry></CORSConfigurationDocument>"
    )


async def test_nothing_is_allowed_at_first(api: Api) -> None:
    reply = await preflight(api)
    assert reply.status == 403 and told(reply) == {}
    reply = await api("GET", "/API/job", headers={"Origin": PAGE})
    assert reply.status == 200 and told(reply) == {}
    assert reply.headers["Vary"] == "Accept, Origin"
    assert (await api("GET", "/API/job")).headers["Vary"] == "Accept"


async def test_a_browser_client_of_another_origin_works(api: Api) -> None:
    assert (await api("PUT", CORS, body=document(), type=XML)).status == 200
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        reply = await preflight(api, method=method)
        assert reply.status == 200
        said = told(reply)
        assert said["Access-Control-Allow-Origin"] == PAGE
        assert method in said["Access-Control-Allow-Methods"].split(", ")
        assert set(ASKED.split(",")) <= set(said["Access-Control-Allow-Headers"].split(", "))
        assert int(said["Access-Control-Max-Age"]) > 0
        assert "Access-Control-Allow-Credentials" not in said
    # With every answer, errors among them, or the page could not read why.
    for path, status, user in (("/API/job", 200, "admin"), ("/API/job/VX-9", 404, "admin"), ("/API/job", 401, None)):
        reply = await api("GET", path, user=user, headers={"Origin": PAGE})
        assert reply.status == status
        assert told(reply)["Access-Control-Allow-Origin"] == PAGE
        assert "reason" in told(reply)["Access-Control-Expose-Headers"]
    for origin in ("https://evil.example.org", f"{PAGE}.evil.org", "null", PAGE.upper(), "http://admin.example.org"):
        assert told(await preflight(api, origin)) == {}
        assert told(await api("GET", "/API/job", headers={"Origin": origin})) == {}
    assert (await api("DELETE", CORS)).status == 200
    assert told(await preflight(api)) == {}


async def test_an_ordinary_options_request_is_no_preflight(api: Api) -> None:
    await api("PUT", CORS, body=document(), type=XML)
    assert (await api("OPTIONS", "/API/job", user=None)).status == 401
    assert (await api("OPTIONS", "/API/job")).status == 405
    assert (await api("OPTIONS", "/API/job", user=None, headers={"Origin": PAGE})).status == 401


async def test_the_document_comes_back(api: Api) -> None:
    given = {
        "entry": [
            {
                "request": [
                    {"method": ["GET"], "originRegex": ["https://[a-z]+\\.example\\.org"], "pathRegex": ["/API/.*"],
                     "headerRegex": [{"key": "X-Token", "value": ".+"}]}
                ],
                "response": {
                    "allowOrigin": PAGE, "allowMethods": ["GET"], "allowHeaders": ["accept"], "allowMaxAge": 5,
                    "allowOtherHeader": [{"key": "access-control-allow-credentials", "value": "true"}],
                },
            }
        ]
    }  # fmt: skip
    assert (await api("PUT", CORS, body=_json(given), type=JSON)).status == 200
    assert (await api("GET", CORS, accept=JSON)).json == given
    assert (await api("GET", CORS)).find("entry/response/allowOrigin") == [PAGE]


async def test_conditions(api: Api) -> None:
    request = (
        "<method>GET</method><originRegex>https://[a-z]+\\.example\\.org</originRegex><pathRegex>/API/job.*</pathRegex>"
    )
    await api("PUT", CORS, body=document(request=request, more="<allowMaxAge>5</allowMaxAge>"), type=XML)
    assert told(await preflight(api))["Access-Control-Max-Age"] == "5"
    assert told(await preflight(api, method="PUT")) == {}
    assert told(await preflight(api, path="/API/user")) == {}
    assert told(await preflight(api, "https://x.y.example.org")) == {}
    assert told(await preflight(api, "https://other.example.org"))["Access-Control-Allow-Origin"] == PAGE
    methods = "<allowMethods>get, put</allowMethods><allowHeaders>Accept,RunAs</allowHeaders>"
    await api("PUT", CORS, body=document(more=methods), type=XML)
    said = told(await preflight(api))
    assert said["Access-Control-Allow-Methods"] == "GET, PUT"
    assert said["Access-Control-Allow-Headers"] == "accept, runas"


async def test_credentials_only_for_a_named_origin(api: Api) -> None:
    more = "<allowOtherHeader><key>Access-Control-Allow-Credentials</key><value>true</value></allowOtherHeader>"
    await api("PUT", CORS, body=document(more=more), type=XML)
    said = told(await preflight(api))
    assert said["Access-Control-Allow-Credentials"] == "true" and said["Access-Control-Allow-Origin"] == PAGE
    assert (await api("PUT", CORS, body=document("*", more=more), type=XML)).status == 400
    assert (await api("PUT", CORS, body=document("*"), type=XML)).status == 200
    said = told(await preflight(api, "https://anybody.example.com"))
    assert said["Access-Control-Allow-Origin"] == "*" and "Access-Control-Allow-Credentials" not in said


@pytest.mark.parametrize(
    "body",
    [
        document("https://a/path"),
        document("ftp://a"),
        document("a\r\nSet-Cookie: b=c"),
        document("https://a, https://b"),
        document(request="<originRegex>(</originRegex>"),
        document(more="<allowHeaders>a b</allowHeaders>"),
        document(more="<allowMaxAge>-1</allowMaxAge>"),
        document(more="<allowOtherHeader><key>Set-Cookie</key><value>a=b</value></allowOtherHeader>"),
        document(
            more="<allowOtherHeader><key>access-control-expose-headers</key><value>a&#10;b</value></allowOtherHeader>"
        ),
        f'<CORSConfigurationDocument xmlns="{NAMESPACE}"><entry/></CORSConfigurationDocument>',
        "",
    ],
)
async def test_what_cannot_be_configured(api: Api, body: str) -> None:
    reply = await api("PUT", CORS, body=body, type=XML, accept=JSON)
    assert reply.status == 400 and reply.json["invalidInput"]["explanation"]
    assert (await api("GET", CORS, accept=JSON)).json == {}


Start = Callable[[list[str]], Any]


@pytest.fixture
async def started(engine: Engine, database: Database) -> AsyncIterator[Start]:
    """Start a server with the setting."""
    clients = []

    async def start(origins: list[str]) -> Api:
        configuration = Configuration(database, engine.bell, cors_origins=origins)
        application = build_application(
            database, engine.bell, Accounts(database), site="VX", configuration=configuration
        )
        client = TestClient(TestServer(application))
        await client.start_server()
        clients.append(client)
        return Api(client)

    yield start
    for client in clients:
        await client.close()


async def test_the_setting_allows_origins(started: Start) -> None:
    api = await started([PAGE, "http://localhost:8000"])
    assert told(await preflight(api))["Access-Control-Allow-Origin"] == PAGE
    assert told(await preflight(api, "http://localhost:8000"))["Access-Control-Allow-Origin"] == "http://localhost:8000"
    assert told(await preflight(api, "http://localhost:8001")) == {}
    anybody = await started(["*"])
    assert told(await preflight(anybody, "http://localhost:8001"))["Access-Control-Allow-Origin"] == "*"


async def test_without_the_database_nothing_new_is_allowed(started: Start, database: Database) -> None:
    api = await started([PAGE])
    await database.close()
    assert told(await preflight(api)) == {}
    assert (await api("GET", "/health", user=None, accept=TEXT, headers={"Origin": PAGE})).status == 200


def _json(document: dict[str, Any]) -> str:
    import json

    return json.dumps(document)
