"""Configuration over HTTP, and what the server tells of itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from tests.integration.serving import served
from vidijob.engine.configuration import Configuration
from vidijob.engine.health import Health
from vidijob.errors import SetupError
from vidijob.jobs.model import Priority
from vidijob.store import limits
from vidijob.store.database import Database

POOLS = "/API/configuration/job-pool"
PROPERTIES = "/API/configuration/properties"
PRIORITIES = "/API/configuration/job-priority"


def pools_xml(concurrent: int | None, *pools: tuple[str, int]) -> str:
    inner = "" if concurrent is None else f"<concurrentJobs>{concurrent}</concurrentJobs>"
    for threshold, size in pools:
        inner += f"<pool><priorityThreshold>{threshold}</priorityThreshold><size>{size}</size></pool>"
    return f'<JobPoolListDocument xmlns="{NAMESPACE}">{inner}</JobPoolListDocument>'


async def test_what_can_be_configured(api: Api) -> None:
    urls = (await api("GET", "/API/configuration")).find("uri")
    assert [url.rsplit("/", 1)[1] for url in urls] == ["cors", "job-pool", "job-priority", "properties", "purging"]
    for url in urls:
        path = "/" + url.split("/", 3)[3]
        assert (await api("GET", path)).status == 200
        assert (await api("GET", path, user="configuration_read")).status == 200
        assert (await api("PUT", path, user="configuration_read")).status == 403


async def test_at_first_three_jobs_run_at_once_and_there_is_no_pool(api: Api) -> None:
    assert (await api("GET", POOLS, accept=JSON)).json == {"concurrentJobs": 3}
    assert (await api("GET", f"{PROPERTIES}/concurrentJobs", accept=TEXT)).text == "3"
    listed = (await api("GET", PROPERTIES, accept=JSON)).json["property"]
    assert listed == [{"key": "concurrentJobs", "value": "3"}]


async def test_pools_are_set_changed_and_taken_out(api: Api) -> None:
    assert (await api("PUT", POOLS, body=pools_xml(10, ("HIGH", 2), ("MEDIUM", 3)), type=XML)).status == 200
    document = await api("GET", POOLS)
    assert document.find("concurrentJobs") == ["10"]
    assert document.find("pool/priorityThreshold") == ["HIGH", "MEDIUM"] and document.find("pool/size") == ["2", "3"]
    # PATCH leaves what is not given.
    body = '{"pool":[{"priorityThreshold":"HIGH","size":"4"},{"priorityThreshold":"LOW","size":1}]}'
    assert (await api("PATCH", POOLS, body=body, type=JSON)).status == 200
    assert (await api("GET", POOLS, accept=JSON)).json == {
        "concurrentJobs": 10,
        "pool": [
            {"priorityThreshold": "HIGH", "size": 4},
            {"priorityThreshold": "MEDIUM", "size": 3},
            {"priorityThreshold": "LOW", "size": 1},
        ],
    }
    assert (await api("DELETE", f"{POOLS}/MEDIUM")).status == 200
    assert (await api("DELETE", f"{POOLS}/MEDIUM")).status == 404
    assert (await api("GET", POOLS)).find("pool/priorityThreshold") == ["HIGH", "LOW"]
    # PUT does not; without concurrentJobs that stays.
    assert (await api("PUT", POOLS, body=pools_xml(None, ("LOW", 1)), type=XML)).status == 200
    assert (await api("GET", POOLS)).find("pool/priorityThreshold") == ["LOW"]
    assert (await api("DELETE", POOLS)).status == 200
    assert (await api("GET", POOLS, accept=JSON)).json == {"concurrentJobs": 10}


@pytest.mark.parametrize(
    "body",
    [
        pools_xml(3, ("HIGH", 2), ("LOW", 2)),
        pools_xml(None, ("HIGH", 4)),
        pools_xml(3, ("HIGH", 1), ("HIGH", 1)),
        pools_xml(3, ("IMMEDIATE", 1)),
        pools_xml(3, ("URGENT", 1)),
        pools_xml(3, ("HIGH", 0)),
        pools_xml(3, ("HIGH", -1)),
        pools_xml(0),
        pools_xml(-1),
        pools_xml(1_000_000),
        "",
        "<a/>",
    ],
)
async def test_pools_that_cannot_be_change_nothing(api: Api, body: str) -> None:
    await api("PUT", POOLS, body=pools_xml(3, ("MEDIUM", 1)), type=XML)
    before = (await api("GET", POOLS, accept=JSON)).json
    for method in ("PUT", "PATCH"):
        reply = await api(method, POOLS, body=body, type=XML, accept=JSON)
        assert reply.status == 400 and reply.json["invalidInput"]["explanation"]
    assert (await api("GET", POOLS, accept=JSON)).json == before


async def test_the_limit_is_a_property_too(api: Api) -> None:
    assert (await api("PUT", f"{PROPERTIES}/concurrentJobs", body="7", type=TEXT)).status == 200
    assert (await api("GET", POOLS)).find("concurrentJobs") == ["7"]
    await api("PUT", POOLS, body=pools_xml(5, ("HIGH", 5)), type=XML)
    assert (await api("GET", f"{PROPERTIES}/concurrentJobs", accept=TEXT)).text == "5"
    # Neither way leads below what the pools keep.
    assert (await api("PUT", f"{PROPERTIES}/concurrentJobs", body="4", type=TEXT)).status == 400
    assert (await api("DELETE", f"{PROPERTIES}/concurrentJobs")).status == 400
    await api("DELETE", POOLS)
    assert (await api("DELETE", f"{PROPERTIES}/concurrentJobs")).status == 200
    assert (await api("GET", POOLS)).find("concurrentJobs") == ["3"]
    for value in ("0", "x", "-1", "1.5", "99999", "", " "):
        assert (await api("PUT", f"{PROPERTIES}/concurrentJobs", body=value, type=TEXT)).status == 400, value


async def test_properties(api: Api) -> None:
    key = f"{PROPERTIES}/my.key"
    assert (await api("GET", key)).status == 404
    for type, body, value in (
        (TEXT, "plain & <text>\u00e4", "plain & <text>\u00e4"),
        (None, "untyped", "untyped"),
        (JSON, '{"key":"my.key","value":"from json"}', "from json"),
        (XML, f'<ConfigurationPropertyDocument xmlns="{NAMESPACE}"><key>my.key</key><value>v</value>'
              "</ConfigurationPropertyDocument>", "v"),
    ):  # fmt: skip
        assert (await api("PUT", key, body=body.encode(), type=type)).status == 200
        assert (await api("GET", key, accept=TEXT)).text == value
        document = (await api("GET", key, accept=JSON)).json
        assert (document["key"], document["value"]) == ("my.key", value)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", document["lastChange"])
    assert (await api("PUT", key, body='{"key":"other","value":"x"}', type=JSON)).status == 400
    # One or several, to the list.
    one = f'<ConfigurationPropertyDocument xmlns="{NAMESPACE}"><key>a</key><value>1</value></ConfigurationPropertyDocument>'
    assert (await api("PUT", PROPERTIES, body=one, type=XML)).status == 200
    several = '{"property":[{"key":"b","value":"2"},{"key":"c","value":"3"}]}'
    assert (await api("PUT", PROPERTIES, body=several, type=JSON)).status == 200
    assert (await api("GET", PROPERTIES)).find("property/key") == ["a", "b", "c", "concurrentJobs", "my.key"]
    assert (await api("GET", PROPERTIES, accept=TEXT)).text.startswith("a\t1\r\nb\t2\r\n")
    # All or none.
    several = '{"property":[{"key":"b","value":"9"},{"key":"concurrentJobs","value":"no"}]}'
    assert (await api("PUT", PROPERTIES, body=several, type=JSON)).status == 400
    assert (await api("GET", f"{PROPERTIES}/b", accept=TEXT)).text == "2"
    assert (await api("PUT", PROPERTIES, body='{"key":"b"}', type=JSON)).status == 400
    assert (await api("DELETE", key)).status == 200
    assert (await api("DELETE", key)).status == 404


async def test_default_priorities(api: Api, engine: Engine, database: Database) -> None:
    body = (
        f'<JobPriorityConfigurationDocument xmlns="{NAMESPACE}"><job><type>WORK</type><value>HIGH</value></job>'
        "<job><type>OTHER</type><value>LOW</value></job></JobPriorityConfigurationDocument>"
    )
    assert (await api("GET", PRIORITIES, accept=JSON)).json == {}
    assert (await api("PUT", PRIORITIES, body=body, type=XML)).status == 200
    assert (await api("POST", "/API/job?type=WORK")).find("priority") == ["HIGH"]
    assert (await api("POST", "/API/job?type=WORK&priority=LOW")).find("priority") == ["LOW"]
    configuration = Configuration(database, engine.bell)
    assert await configuration.default_priority("WORK") is Priority.HIGH
    assert await configuration.default_priority("NEITHER") is Priority.MEDIUM
    # One type, as one client's form sends it; the others keep theirs.
    assert (await api("PUT", PRIORITIES, body='{"job":{"type":"WORK","value":"LOWEST"}}', type=JSON)).status == 200
    assert (await api("PUT", PRIORITIES, body='{"job":[{"type":"OTHER"}]}', type=JSON)).status == 200
    assert (await api("GET", PRIORITIES, accept=JSON)).json == {"job": [{"type": "WORK", "value": "LOWEST"}]}
    # Another process has seen it after two seconds.
    async with asyncio.timeout(2):
        while await configuration.default_priority("WORK") is not Priority.LOWEST:
            await asyncio.sleep(0.02)
    for value in ("IMMEDIATE", "URGENT", "high"):
        body = f'{{"job":[{{"type":"WORK","value":"{value}"}}]}}'
        assert (await api("PUT", PRIORITIES, body=body, type=JSON)).status == 400
    assert (await api("DELETE", PRIORITIES)).status == 200
    assert (await api("GET", PRIORITIES, accept=JSON)).json == {}


async def test_the_limit_takes_effect_at_once(api: Api, engine: Engine, database: Database) -> None:
    go_on = asyncio.Event()

    async def work(step: object) -> object:
        from vidijob.executors.base import Done

        await go_on.wait()
        return Done()

    engine.worker(ScriptedExecutor(work=work), slots=20)  # type: ignore[arg-type]
    engine.scheduler()
    for _ in range(6):
        await api.create("type=WORK")

    async def started(number: int) -> None:
        async with asyncio.timeout(2.5):
            while (await api("GET", "/API/job?state=STARTED&number=0", accept=JSON)).json["hits"] != number:
                await asyncio.sleep(0.05)

    await started(3)
    await api("PUT", f"{PROPERTIES}/concurrentJobs", body="5", type=TEXT)
    await started(5)
    go_on.set()
    for number in range(1, 7):
        await engine.until(f"VX-{number}")
    await api("PUT", POOLS, body=pools_xml(2, ("HIGH", 1)), type=XML)
    async with asyncio.timeout(2.5):
        while sorted(seat.kept_for.value for seat in (await limits.read(database)).seats) != ["HIGH", "LOWEST"]:
            await asyncio.sleep(0.05)


@pytest.fixture
async def ailing(
    engine: Engine, database: Database, tmp_path: Path
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A server without ffmpeg, whose storage cannot be written to."""

    def find() -> object:
        raise SetupError("There is none.")

    (tmp_path / "good").mkdir()
    roots = [tmp_path / "good", tmp_path / "missing"]
    health = Health(database, storage_roots=roots, find_ffmpeg=find)
    async with served(engine, health=health) as client:
        yield client


async def test_is_the_server_there(api: Api, engine: Engine) -> None:
    for accept in (None, TEXT, JSON, "text/html"):
        assert (await api("GET", "/APInoauth/is-online", user=None, accept=accept)).status == 200
    assert (await api("POST", "/APIinit", user=None)).status in (200, 406)
    assert (await api("POST", "/APIinit/", user=None, accept=None)).text.startswith("The database")
    for path in ("/APInoauth/job", "/APIinit/schema", "/APInoauth"):
        assert (await api("GET", path, user=None)).status in (401, 404, 405)
    await engine.database.close()
    assert (await api("GET", "/APInoauth/is-online", user=None)).status == 503


async def test_the_server_looks_at_itself(api: Api, engine: Engine) -> None:
    document = (await api("GET", "/APInoauth/selftest", user=None, accept=JSON)).json
    assert document["status"] == "warning"
    verdicts = {test["name"]: test["status"] for test in document["test"]}
    assert verdicts == {"database": "ok", "scheduler": "warning", "workers": "warning"}
    assert (await api("GET", "/API/selftest", user="nobody")).status == 200
    assert (await api("GET", "/API/selftest", user=None)).status == 401
    names = (await api("GET", "/APInoauth/selftest?exclude=workers,scheduler", user=None, accept=JSON)).json["test"]
    assert [test["name"] for test in names] == ["database"]
    one = (await api("GET", "/APInoauth/selftest/database", user=None, accept=JSON)).json
    assert one["status"] == "ok" and re.fullmatch(r"\d+ ms", one["took"])
    assert (await api("GET", "/APInoauth/selftest/nothing", user=None)).status == 404
    engine.worker(ScriptedExecutor())
    engine.scheduler()
    async with asyncio.timeout(10):
        while (await api("GET", "/API/selftest", accept=JSON)).json["status"] != "ok":
            await asyncio.sleep(0.1)


async def test_the_server_says_what_is_wrong(
    ailing: TestClient[web.Request, web.Application], engine: Engine, tmp_path: Path
) -> None:
    reply = await ailing.get("/APInoauth/selftest", headers={"Accept": JSON})
    text = await reply.text()
    document = await reply.json()
    assert document["status"] == "failed"
    wrong = {test["name"]: test.get("message") for test in document["test"] if test["status"] == "failed"}
    assert set(wrong) == {"storage", "ffmpeg"} and all(wrong.values())
    assert str(tmp_path) not in text
    await engine.database.close()
    await asyncio.sleep(2.1)
    document = await (await ailing.get("/APInoauth/selftest", headers={"Accept": JSON})).json()
    assert {test["name"]: test["status"] for test in document["test"]}["database"] == "failed"


async def test_the_site(api: Api) -> None:
    assert (await api("GET", "/API/site?type=current")).find("uri") == ["VX"]
    assert (await api("GET", "/API/site", accept=TEXT)).text == "VX\r\n"
