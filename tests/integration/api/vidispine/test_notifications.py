"""Notifications over HTTP: defined, read, changed, forgotten, named by jobs. Delivery is another matter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api
from tests.integration.engine.conftest import Engine
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.notifications import Notifications
from vidijob.jobs.notifications import Place, Scope

#: As a real client sends it: its own order, two types, ``retry`` last.
LOOSE = f"""<NotificationDocument xmlns="{NAMESPACE}">
  <action>
    <http synchronous="false">
      <url>http://user:hunter2@receiver.example:8080/jobs</url>
      <contentType>application/json</contentType>
      <method>PUT</method>
      <timeout>5</timeout>
      <retry>3</retry>
    </http>
  </action>
  <trigger>
    <job>
      <filter><type>TRANSCODE</type><type>ESSENCE_VERSION</type></filter>
      <stop/>
    </job>
  </trigger>
</NotificationDocument>"""
FULL = {
    "action": {
        "http": {
            "extradata": "mine",
            "retry": "3",
            "contentType": "application/json",
            "url": "https://receiver.example/jobs?a=b",
            "method": "post",
            "timeout": "none",
            "synchronous": "true",
            "group": "one",
            "Queue": "x",
        }
    },
    "trigger": {
        "job": {
            "type": "job",
            "update": "",
            "placeholder": "true",
            "contentFilters": {"contentFilter": ["jobId", "jobState", "jobId"]},
            "filter": {
                "type": ["TRANSCODE"],
                "step": "600",
                "jobdata": {"key": "itemId", "value-regex": "VX-\\d+"},
            },
        }
    },
}
PLACES = ["/API/job/notification", "/API/job/VX-1/notification", "/API/notification"]


def http(**changes: object) -> dict[str, Any]:
    """Return a small document with other values in its action; ``None`` takes one out."""
    action: dict[str, object] = {"url": "http://receiver.example/", "timeout": "5", "synchronous": "false"}
    action |= changes
    given: dict[str, object] = {key: value for key, value in action.items() if value is not None}
    return document({"http": given})


def document(action: object = None, trigger: object = None) -> dict[str, Any]:
    """Return a small document with another action or trigger."""
    default = {"http": {"url": "http://receiver.example/", "timeout": "5", "synchronous": False}}
    return {"action": action or default, "trigger": trigger or {"job": {"stop": ""}}}


async def define(api: Api, path: str = PLACES[0], body: object = None) -> str:
    """Define a notification and return its path."""
    sent = json.dumps(body or document())
    reply = await api("POST", path, type=JSON, body=sent, accept=TEXT)
    assert reply.status == 200, reply.text
    return URL(reply.text).path


@pytest.fixture(params=PLACES)
async def place(api: Api, request: pytest.FixtureRequest) -> str:
    """Each of the three places; there is a job."""
    await api.create()
    assert isinstance(request.param, str)
    return request.param


async def test_as_a_real_client_does_it(api: Api, place: str) -> None:
    reply = await api("POST", place, type=XML, body=LOOSE)
    assert reply.status == 200
    (url,) = reply.find("uri")
    address = URL(url)
    # Clients check the host, cut the id off the end, and want no slash after it.
    assert (address.scheme, address.host, address.path) == ("http", "127.0.0.1", f"{place}/VX-1")
    read = await api("GET", address.path)
    assert read.status == 200
    names = [element.tag.removeprefix(f"{{{NAMESPACE}}}") for element in read.xml.iter()]
    assert names == [
        "NotificationDocument", "action", "http", "retry", "contentType", "url", "method", "timeout",
        "trigger", "job", "stop", "filter", "type", "type",
    ]  # fmt: skip
    assert read.find("trigger/job/filter/type") == ["TRANSCODE", "ESSENCE_VERSION"]
    assert read.find("action/http/url") == ["http://user:hunter2@receiver.example:8080/jobs"]
    (http,) = read.xml.iter(f"{{{NAMESPACE}}}http")
    assert http.items() == [("synchronous", "false")]


async def test_json_with_strings_for_numbers_comes_back_typed_and_in_order(api: Api, place: str) -> None:
    reply = await api("POST", place, type=JSON, body=json.dumps(FULL), accept=JSON)
    assert (reply.status, list(reply.json)) == (200, ["uri"])
    path = URL(reply.json["uri"][0]).path
    assert (await api("GET", path, accept=JSON)).text == json.dumps(
        {
            "action": {
                "http": {
                    "extradata": "mine",
                    "retry": 3,
                    "contentType": "application/json",
                    "url": "https://receiver.example/jobs?a=b",
                    "method": "POST",
                    "timeout": "none",
                    "synchronous": True,
                    "group": "one",
                }
            },
            "trigger": {
                "job": {
                    "update": "",
                    "placeholder": True,
                    "contentFilters": {"contentFilter": ["jobId", "jobState"]},
                    "filter": {
                        "type": ["TRANSCODE"],
                        "step": 600,
                        "jobdata": {"key": "itemId", "value-regex": "VX-\\d+"},
                    },
                }
            },
        },
        separators=(",", ":"),
    )


@pytest.mark.parametrize("trigger", ["create", "update", "stop", "finished", "fail"])
async def test_every_trigger(api: Api, trigger: str) -> None:
    path = await define(api, body=document(trigger={"job": {trigger: ""}}))
    assert (await api("GET", path, accept=JSON)).json["trigger"] == {"job": {trigger: ""}}
    assert (await api("GET", path)).find(f"trigger/job/{trigger}") == [""]


async def test_what_is_left_out_is_filled_in_where_the_schema_wants_it(api: Api) -> None:
    path = await define(api, body={"action": {"http": {"url": "http://a/"}}, "trigger": {"job": {"stop": ""}}})
    assert (await api("GET", path, accept=JSON)).json["action"]["http"] == {
        "url": "http://a/", "timeout": "10", "synchronous": False,
    }  # fmt: skip


async def test_fields_of_a_form_that_were_left_empty(api: Api) -> None:
    form = {
        "http": {"url": " http://a/ ", "timeout": "0", "retry": "", "contentType": "", "method": "", "group": ""},
        "ejb": None,
    }
    trigger = {
        "job": {
            "stop": "",
            "placeholder": "",
            "filter": {"type": [""], "step": "", "jobdata": {"key": "", "value": ""}},
        }
    }
    path = await define(api, body=document(form, trigger))
    assert (await api("GET", path, accept=JSON)).json == {
        "action": {"http": {"url": "http://a/", "timeout": "0", "synchronous": False}},
        "trigger": {"job": {"stop": ""}},
    }


async def test_lists_in_three_forms(api: Api, place: str) -> None:
    for accept, empty in ((JSON, "{}"), (TEXT, "")):
        assert (await api("GET", place, accept=accept)).text == empty
    assert (await api("GET", place)).find("uri") == []
    paths = [await define(api, place) for _ in range(3)]
    urls = (await api("GET", place)).find("uri")
    assert [URL(url).path for url in urls] == paths == [f"{place}/VX-{number}" for number in (1, 2, 3)]
    assert (await api("GET", place + "/", accept=JSON)).json == {"uri": urls}
    text = await api("GET", place, accept=TEXT)
    assert text.text == "".join(f"{url}\r\n" for url in urls)


async def test_the_text_answer_to_a_post_is_the_url_and_nothing_else(api: Api, place: str) -> None:
    reply = await api("POST", place, type=XML, body=LOOSE, accept=TEXT)
    assert reply.text.startswith("http://127.0.0.1:") and reply.text.endswith(f"{place}/VX-1")


async def test_change(api: Api, place: str) -> None:
    path = await define(api, place)
    reply = await api("PUT", path, type=JSON, body=json.dumps(FULL))
    assert (reply.status, reply.body) == (200, b"")
    assert (await api("GET", path, accept=JSON)).json["trigger"]["job"]["filter"]["step"] == 600
    assert (await api("PUT", path, type=XML, body=LOOSE)).status == 200
    read = (await api("GET", path, accept=JSON)).json
    assert read["trigger"] == {"job": {"stop": "", "filter": {"type": ["TRANSCODE", "ESSENCE_VERSION"]}}}
    assert len((await api("GET", place)).find("uri")) == 1


async def test_delete_one_and_all(api: Api, place: str) -> None:
    paths = [await define(api, place) for _ in range(3)]
    reply = await api("DELETE", paths[1])
    assert (reply.status, reply.body) == (200, b"")
    for method, body in (("GET", None), ("DELETE", None), ("PUT", json.dumps(document()))):
        gone = await api(method, paths[1], accept=JSON, type=JSON, body=body)
        assert gone.status == 404 and gone.json["notFound"]["type"] == "Notification"
    assert len((await api("GET", place)).find("uri")) == 2
    assert (await api("DELETE", place)).status == 200
    assert (await api("GET", place)).find("uri") == []


async def test_a_notification_is_only_where_it_was_defined(api: Api) -> None:
    await api.create()
    await api.create()
    places = [*PLACES, "/API/job/VX-2/notification"]
    paths = [await define(api, place) for place in places]
    for number, path in enumerate(paths, 1):
        for place in places:
            reply = await api("GET", f"{place}/VX-{number}")
            assert (reply.status == 200) == (path == f"{place}/VX-{number}")
            if reply.status != 200:
                assert (await api("DELETE", f"{place}/VX-{number}")).status == 404
                body = json.dumps(document())
                assert (await api("PUT", f"{place}/VX-{number}", type=JSON, body=body)).status == 404
    assert (await api("DELETE", places[0])).status == 200
    assert [len((await api("GET", place)).find("uri")) for place in places] == [0, 1, 1, 1]


@pytest.mark.parametrize("id", ["VX-9", "KP-1", "VX-0", "1", "nothing", "VX-", "%00", "VX-" + "9" * 30, "x" * 300])
async def test_an_id_that_is_not_there(api: Api, id: str) -> None:
    await define(api)
    for method in ("GET", "DELETE"):
        reply = await api(method, f"/API/job/notification/{id}", accept=JSON)
        assert reply.status == 404 and reply.json["notFound"]["type"] == "Notification"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", ""), ("GET", "/VX-1")])
async def test_of_a_job_that_is_not_there(api: Api, method: str, path: str) -> None:
    body = json.dumps(document()) if method == "POST" else None
    reply = await api(method, f"/API/job/VX-7/notification{path}", accept="*/*", type=JSON, body=body)
    assert reply.status == 404 and reply.find("notFound/type") == ["Job"]


async def test_it_goes_with_its_job(api: Api, engine: Engine) -> None:
    engine.notifier()
    id = await api.create()
    path = await define(api, f"/API/job/{id}/notification")
    await api("DELETE", f"/API/job/{id}?cleanup=false")
    assert (await api("GET", path)).status == 200
    assert (await api("DELETE", f"/API/job?id={id}")).status == 200
    assert (await api("GET", path)).status == 404


@pytest.mark.parametrize("action", ["ejb", "jms", "javascript", "sqs", "sns"])
@pytest.mark.parametrize("form", [JSON, XML])
async def test_other_actions_are_known_and_not_taken(api: Api, engine: Engine, action: str, form: str) -> None:
    inner = {"synchronous": "true", "queue": "a", "script": "b", "data": [{"key": "c", "value": "d"}]}
    body = json.dumps(document({action: inner}))
    if form == XML:
        start, end = LOOSE.index("<http"), LOOSE.index("</action>")
        body = f'{LOOSE[:start]}<{action} synchronous="true"><script>b</script></{action}>{LOOSE[end:]}'
    for place in (PLACES[0], PLACES[2]):
        reply = await api("POST", place, type=form, body=body, accept=JSON)
        assert reply.status == 501 and reply.json["notYetImplemented"] == {}
        assert (await api("POST", place, type=form, body=body)).find("notYetImplemented") == [""]
        assert (await api("POST", place, type=form, body=body, accept=TEXT)).text.startswith("501 ")
        assert (await api("GET", place)).find("uri") == []


@pytest.mark.parametrize("kind", ["metadata", "item", "collection", "storage", "file", "group", "deletionLock"])
async def test_other_triggers_are_known_and_not_taken(api: Api, kind: str) -> None:
    body = json.dumps(document(trigger={kind: {"modify": ""}}))
    assert (await api("POST", PLACES[2], type=JSON, body=body)).status == 501
    assert (await api("GET", PLACES[2])).find("uri") == []


def jobdata(**pairs: str) -> dict[str, Any]:
    """Return a document with a filter of job data."""
    return document(
        trigger={"job": {"stop": "", "filter": {"jobdata": {k.replace("_", "-"): v for k, v in pairs.items()}}}}
    )


BAD: list[tuple[str, Any]] = [
    ("url", http(url=None)),
    ("url", http(url="")),
    ("url", http(url="receiver.example")),
    ("url", http(url="//receiver.example/")),
    ("url", http(url="ftp://receiver.example/")),
    ("url", http(url="file:///etc/passwd")),
    ("url", http(url="javascript:alert(1)")),
    ("url", http(url="http://")),
    ("url", http(url="http:///x")),
    ("url", http(url="http://user:hunter2@")),
    ("url", http(url="http://user:hunter2@host:port/")),
    ("url", http(url="http://host:99999/")),
    ("url", http(url="http://[::1/")),
    ("url", http(url="http://a b/")),
    ("url", http(url="http://host/\r\nX-Injected: 1")),
    ("url", http(url="http://host/" + "x" * 5000)),
    ("method", http(method="GET")),
    ("method", http(method="DELETE")),
    ("timeout", http(timeout="soon")),
    ("timeout", http(timeout="-1")),
    ("timeout", http(timeout="1.5")),
    ("timeout", http(timeout="999999999")),
    ("retry", http(retry="-1")),
    ("retry", http(retry="1001")),
    ("retry", http(retry="many")),
    ("retry", http(retry=2**63)),
    ("synchronous", http(synchronous="perhaps")),
    ("contentType", http(contentType="image/png")),
    ("contentType", http(contentType="x" * 2000)),
    ("group", http(group="x" * 2000)),
    ("action", document({"http": {"url": "http://a/"}, "ejb": {}})),
    ("action", document({"smoke": {}})),
    ("trigger", document(trigger={"smoke": {}})),
    ("trigger", document(trigger={"job": {}})),
    ("trigger", document(trigger={"job": {"stop": "", "fail": ""}})),
    ("trigger", document(trigger={"job": {"stop": {}}})),
    ("contentFilter", document(trigger={"job": {"stop": "", "contentFilters": {"contentFilter": ["weather"]}}})),
    ("step", document(trigger={"job": {"stop": "", "filter": {"step": "-1"}}})),
    ("step", document(trigger={"job": {"stop": "", "filter": {"step": "first"}}})),
    ("jobdata", jobdata(key="a")),
    ("jobdata", jobdata(value="a")),
    ("jobdata", jobdata(key="a", key_regex="b", value="c")),
    ("key-regex", jobdata(key_regex="(", value="c")),
    ("key-regex", jobdata(key_regex="a)|(?:b", value="c")),
    ("value-regex", jobdata(key="a", value_regex="*")),
    ("value-regex", jobdata(key="a", value_regex="(?=look)")),
    ("value-regex", jobdata(key="a", value_regex=r"(a)\1")),
    ("value-regex", jobdata(key="a", value_regex=r"((\w{500}){500}){500}")),
    ("value-regex", jobdata(key="a", value_regex="x" * 1001)),
    ("type", document(trigger={"job": {"stop": "", "filter": {"type": [str(n) for n in range(1001)]}}})),
    ("NotificationDocument", {}),
    ("NotificationDocument", ""),
]


@pytest.mark.parametrize(("context", "body"), BAD, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BAD)])
async def test_what_cannot_be_taken_changes_nothing(api: Api, context: str, body: Any) -> None:
    path = await define(api)
    before = (await api("GET", path)).body
    sent = json.dumps(body) if body != "" else ""
    for method, where in (("POST", PLACES[0]), ("PUT", path)):
        reply = await api(method, where, type=JSON, body=sent, accept=JSON)
        assert reply.status == 400
        fault = reply.json["invalidInput"]
        assert context in fault["context"] + fault["explanation"]
        assert len(fault["explanation"]) > 20
        assert "hunter2" not in reply.text
    assert (await api("GET", path)).body == before
    assert len((await api("GET", PLACES[0])).find("uri")) == 1


async def test_the_url_in_no_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await api("POST", PLACES[0], type=XML, body=LOOSE)
    await api("POST", PLACES[0], type=XML, body=LOOSE.replace("8080", "x"))
    await api("GET", PLACES[0] + "/VX-1")
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("jobs.example.org", 200),
        ("jobs.example.org:8443", 200),
        ("[::1]:8080", 200),
        ("a<b", 400),
        ("a/b", 400),
        ("a b", 400),
        ("user@host", 400),
    ],
)
async def test_urls_are_on_the_host_that_the_client_called(api: Api, host: str, status: int) -> None:
    await define(api)
    headers = {"Host": host, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    reply = await api("GET", PLACES[0], headers=headers)
    assert reply.status == status
    if status == 200:
        assert reply.find("uri") == [f"http://{host}/API/job/notification/VX-1"]


@pytest.fixture
async def proxied(api: Api, engine: Engine) -> AsyncIterator[Api]:
    """A client of a server that has a public URL."""
    application = build_application(
        engine.database, engine.bell, Accounts(engine.database), site="VX", public_url="https://jobs.example.org/media/"
    )
    async with TestClient[web.Request, web.Application](TestServer(application)) as client:
        yield Api(client)


async def test_urls_with_a_public_url(proxied: Api) -> None:
    reply = await proxied("POST", PLACES[0], type=XML, body=LOOSE)
    assert reply.find("uri") == ["https://jobs.example.org/media/API/job/notification/VX-1"]
    assert (await proxied("GET", PLACES[0], headers={"Host": "other"})).find("uri") == reply.find("uri")


async def request_of(engine: Engine, id: str) -> tuple[int | None, object] | None:
    """Return what a job asked of notifications."""
    async with engine.database.session() as session:
        row = await session._connection.fetchrow(
            "SELECT notification_id, data FROM job_notification WHERE job_id = $1", int(id.removeprefix("VX-"))
        )
    return None if row is None else (row["notification_id"], row["data"])


async def test_a_job_names_a_placeholder(api: Api, engine: Engine) -> None:
    await define(api, PLACES[2])
    await api("PUT", "/API/notification/VX-1/external-id/mine")
    url = (await api("GET", PLACES[2])).find("uri")[0]
    for name in ("VX-1", "mine", url.replace(":", "%3A").replace("/", "%2F")):
        id = await api.create(
            f"type=WORK&notification={name}&notificationData=a%3Db%3Dc&notificationData=d%3De&NotificationData=d%3Df"
        )
        assert await request_of(engine, id) == (1, {"a": ["b=c"], "d": ["e", "f"]})


async def test_a_notification_of_all_jobs_that_is_a_placeholder_can_be_named(api: Api, engine: Engine) -> None:
    await define(api, body=document(trigger={"job": {"stop": "", "placeholder": "true"}}))
    id = await api.create("type=WORK&notification=VX-1")
    assert await request_of(engine, id) == (1, {})


async def test_data_without_a_placeholder(api: Api, engine: Engine) -> None:
    id = await api.create("type=WORK&notificationData=a%3Db")
    assert await request_of(engine, id) == (None, {"a": ["b"]})
    assert await request_of(engine, await api.create()) is None


async def test_a_rerun_copies_what_was_asked(api: Api, engine: Engine) -> None:
    await define(api, PLACES[2])
    await api.create("type=WORK&notification=VX-1&notificationData=a%3Db")
    again = (await api("POST", "/API/job/VX-1/re-run")).find("jobId")[0]
    # Also when the placeholder is gone by then.
    await api("DELETE", "/API/notification/VX-1")
    third = (await api("POST", f"/API/job/{again}/re-run")).find("jobId")[0]
    for id in (again, third):
        assert await request_of(engine, id) == (1, {"a": ["b"]})


@pytest.mark.parametrize("name", ["VX-1", "VX-7", "nothing", "%00", "1"])
async def test_a_placeholder_that_is_not_there(api: Api, engine: Engine, name: str) -> None:
    reply = await api("POST", f"/API/job?type=WORK&notification={name}", accept=JSON)
    assert reply.status == (400 if name == "%00" else 404)
    if reply.status == 404:
        assert reply.json["notFound"]["type"] == "Notification"
    assert await engine.events() == []


async def test_what_is_no_placeholder_cannot_be_named(api: Api, engine: Engine) -> None:
    await define(api)
    reply = await api("POST", "/API/job?type=WORK&notification=VX-1", accept=JSON)
    assert reply.status == 400 and reply.json["invalidInput"]["context"] == "notification"
    assert await engine.events() == []


@pytest.mark.parametrize("pair", ["novalue", "%3Dx", "a" * 1001 + "%3Dx"])
async def test_bad_notification_data(api: Api, engine: Engine, pair: str) -> None:
    reply = await api("POST", f"/API/job?type=WORK&notificationData={pair}", accept=JSON)
    assert reply.status == 400 and reply.json["invalidInput"]["context"] == "notificationData"
    assert await engine.events() == []


async def test_external_ids_of_notifications(api: Api, place: str) -> None:
    path = await define(api, place)
    other = await define(api, place)
    assert (await api("PUT", f"{path}/external-id/my%20receiver")).status == 200
    assert (await api("PUT", f"{path}/external-id/my%20receiver")).status == 200
    reply = await api("PUT", f"{other}/external-id/my%20receiver", accept=JSON)
    assert reply.status == 409 and reply.json["conflict"]["id"] == "my receiver"
    assert (await api("GET", f"{place}/my%20receiver/external-id", accept=JSON)).json == {
        "id": [{"entityId": "VX-1", "entityType": "Notification", "namespace": "default", "externalId": "my receiver"}]
    }
    body = json.dumps(FULL)
    assert (await api("PUT", f"{place}/my%20receiver", type=JSON, body=body)).status == 200
    assert (await api("GET", path, accept=JSON)).json == (await api("GET", f"{place}/my%20receiver", accept=JSON)).json
    assert (await api("DELETE", f"{other}/external-id/my%20receiver")).status == 404
    assert (await api("DELETE", f"{path}/external-id/my%20receiver")).status == 200
    assert (await api("GET", f"{path}/external-id", accept=JSON)).text == "{}"
    await api("PUT", f"{path}/external-id/a")
    await api("PUT", f"{path}/external-id/b")
    assert (await api("DELETE", f"{path}/external-id")).status == 200
    assert (await api("GET", f"{path}/external-id")).find("id/externalId") == []
    await api("PUT", f"{path}/external-id/a")
    await api("DELETE", path)
    # It is free again.
    assert (await api("PUT", f"{other}/external-id/a")).status == 200


async def test_many_at_once(api: Api) -> None:
    paths = await asyncio.gather(*(define(api) for _ in range(20)))
    assert len(set(paths)) == 20
    assert {URL(url).path for url in (await api("GET", PLACES[0])).find("uri")} == set(paths)


async def test_the_engine_keeps_who_defined_it_and_how_that_user_came(api: Api, engine: Engine) -> None:
    await api("POST", PLACES[0], type=XML, body=LOOSE, user="other", headers={"Host": "jobs.example.org"})
    notifications = Notifications(engine.database, engine.bell, ExternalIds(engine.database, "VX"), "VX")
    kept = await notifications.get(Place(Scope.JOBS), "VX-1")
    assert (kept.owner, kept.base_uri) == ("other", "http://jobs.example.org/API/")
    assert "hunter2" not in repr(kept)
