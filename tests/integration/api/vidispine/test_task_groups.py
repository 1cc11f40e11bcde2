"""Task groups over HTTP, and that the limit of one holds."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.states import JobState

DOCUMENT = (
    f'<TaskGroupDocument xmlns="{NAMESPACE}"><name>slow</name>'
    "<job><type>WORK</type><type>OTHER</type><priority>LOW</priority></job>"
    "<job><user>plain</user><group>cutters</group><data><key>a</key><value>b</value></data><data><key>c</key></data></job>"
    "<transcoder><id>VX-1</id></transcoder>"
    "<metadata><field><key>k</key><value>v</value></field></metadata>"
    "<priority>HIGH</priority><maxConcurrency>2</maxConcurrency></TaskGroupDocument>"
)


async def test_a_group_is_stored_and_given_back(api: Api) -> None:
    reply = await api("PUT", "/API/task-group/slow", body=DOCUMENT, type=XML)
    assert reply.status == 200
    assert reply.find("job/type") == ["WORK", "OTHER"] and reply.find("maxConcurrency") == ["2"]
    document = (await api("GET", "/API/task-group/slow", accept=JSON)).json
    assert document.pop("loc").endswith("/API/task-group/slow")
    assert document == {
        "name": "slow",
        "job": [
            {"type": ["WORK", "OTHER"], "priority": ["LOW"]},
            {"user": ["plain"], "group": ["cutters"], "data": [{"key": "a", "value": "b"}, {"key": "c"}]},
        ],
        "transcoder": [{"id": "VX-1"}],
        "metadata": {"field": [{"key": "k", "value": "v"}]},
        "priority": "HIGH",
        "maxConcurrency": 2,
    }
    assert (await api("GET", "/API/task-group")).find("group/name") == ["slow"]
    assert (await api("DELETE", "/API/task-group/slow")).status == 200
    for method in ("GET", "DELETE"):
        reply = await api(method, "/API/task-group/slow", accept=JSON)
        assert reply.status == 404 and reply.json["notFound"] == {"type": "TaskGroup", "id": "slow", "context": None}


async def test_a_group_by_parameters(api: Api) -> None:
    query = "priority=LOW&maxConcurrency=1&metadata=k%3Dv%3Dw&job=type:WORK&job=data:a%3Db&job=data:c&transcoder=VX-2"
    assert (await api("PUT", f"/API/task-group/a%20b?{query}")).status == 200
    document = (await api("GET", "/API/task-group/a%20b", accept=JSON)).json
    assert document.pop("loc").endswith("/API/task-group/a%20b")
    assert document == {
        "name": "a b",
        "job": [{"type": ["WORK"]}, {"data": [{"key": "a", "value": "b"}]}, {"data": [{"key": "c"}]}],
        "transcoder": [{"id": "VX-2"}],
        "metadata": {"field": [{"key": "k", "value": "v=w"}]},
        "priority": "LOW",
        "maxConcurrency": 1,
    }
    for query in ("job=WORK", "job=type:", "job=colour:red", "job=priority:URGENT", "priority=1", "maxConcurrency=-1",
                  "metadata=x"):  # fmt: skip
        assert (await api("PUT", f"/API/task-group/other?{query}")).status == 400, query
    assert (await api("PUT", "/API/task-group/empty")).status == 200
    assert (await api("GET", "/API/task-group")).find("group/name") == ["a b", "empty"]
    assert (await api("DELETE", "/API/task-group")).status == 200
    assert (await api("GET", "/API/task-group", accept=JSON)).json == {}


async def test_the_metadata_of_a_group(api: Api) -> None:
    path = "/API/task-group/g/metadata"
    assert (await api("GET", path)).status == 404
    await api("PUT", "/API/task-group/g?maxConcurrency=3")
    assert (await api("PUT", f"{path}/k", body="v", type=TEXT)).status == 200
    body = '{"field":[{"key":"a","value":"1"},{"key":"a","value":"2"}]}'
    assert (await api("PUT", path, body=body, type=JSON)).status == 200
    assert sorted((await api("GET", path)).find("field/value")) == ["1", "2", "v"]
    assert (await api("GET", f"{path}/k", accept=TEXT)).text == "v"
    assert (await api("DELETE", f"{path}/k")).status == 200
    for method in ("GET", "DELETE"):
        assert (await api(method, f"{path}/k", accept="*/*")).status == 404
    assert (await api("DELETE", path)).status == 200
    assert (await api("GET", path, accept=JSON)).json == {}
    assert (await api("GET", "/API/task-group/g")).find("maxConcurrency") == ["3"]


async def test_transcoders_cannot_be_chosen(api: Api) -> None:
    await api("PUT", "/API/task-group/g")
    for method in ("PUT", "DELETE"):
        reply = await api(method, "/API/task-group/g/transcoder/VX-1", accept=JSON)
        assert reply.status == 501 and reply.json["notYetImplemented"] is not None


@pytest.mark.parametrize(
    "query", ["job=type:WORK", "job=user:plain", "job=group:cutters", "job=data:a%3Db", "job=data:a"]
)
async def test_the_limit_of_a_group_holds_and_others_go_past(api: Api, engine: Engine, query: str) -> None:
    await api("PUT", "/API/group/cutters")
    await api("PUT", "/API/group/cutters/user/plain")
    await api("PUT", "/API/configuration/properties/concurrentJobs", body="10", type=TEXT)
    assert (await api("PUT", f"/API/task-group/g?maxConcurrency=2&{query}")).status == 200
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done()

    engine.worker(ScriptedExecutor(work=work), slots=20)
    engine.scheduler()
    limited = [await api.create("type=WORK&jobmetadata=a%3Db", user="plain") for _ in range(5)]

    async def started() -> int:
        hits = (await api("GET", "/API/job?state=STARTED&user=false&number=0", accept=JSON)).json["hits"]
        assert isinstance(hits, int)
        return hits

    async with asyncio.timeout(5):
        while await started() < 2:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    assert await started() == 2
    if "type" not in query:
        # Behind them in the queue, and of no group.
        free = await api.create("type=WORK", user="admin")
        async with asyncio.timeout(5):
            while (await api("GET", f"/API/job/{free}", accept=TEXT)).text != "STARTED":
                await asyncio.sleep(0.02)
    # IMMEDIATE ones are limited by nothing.
    assert (await api("PUT", f"/API/job/{limited[4]}?priority=IMMEDIATE")).status == 200
    async with asyncio.timeout(5):
        while (await api("GET", f"/API/job/{limited[4]}", accept=TEXT)).text != "STARTED":
            await asyncio.sleep(0.02)
    go_on.set()
    for id in limited:
        await engine.until(id)


@pytest.mark.parametrize("by", ["the calls", "the document"])
async def test_a_paused_group_admits_nobody_and_says_so(api: Api, engine: Engine, by: str) -> None:
    path = "/API/task-group/pipeline"
    assert (await api("PUT", f"{path}?job=data:queue%3Dslow")).find("paused") == []

    async def pause(paused: bool) -> None:
        if by == "the calls":
            assert (await api("PUT", f"{path}/{'pause' if paused else 'resume'}")).status == 200
        else:
            document = (await api("GET", path, accept=JSON)).json | {"paused": paused}
            assert (await api("PUT", path, body=json.dumps(document), type=JSON)).status == 200
        assert (await api("GET", path)).find("paused") == (["true"] if paused else [])

    await pause(True)
    # Another definition leaves it as paused as it was.
    assert (await api("PUT", f"{path}?job=data:queue%3Dslow&maxConcurrency=2")).find("paused") == ["true"]
    engine.worker(ScriptedExecutor())
    engine.scheduler()
    held = [await api.create(f"type=WORK&jobmetadata=queue%3Dslow&priority={p}") for p in ("HIGHEST", "IMMEDIATE")]
    await engine.until(await api.create())
    for id in held:
        document = (await api("GET", f"/API/job/{id}", accept=JSON)).json
        assert document["status"] == "READY"
        assert document["waiting"] == {
            "resourceType": "task-group", "requirement": "The task group pipeline is paused.",
        }  # fmt: skip
    await pause(False)
    for id in held:
        await engine.until(id)


async def test_a_group_that_is_not_there_cannot_be_paused(api: Api) -> None:
    for call in ("pause", "resume"):
        assert (await api("PUT", f"/API/task-group/none/{call}")).status == 404


async def test_all_admission_is_paused_and_what_runs_goes_on(api: Api, engine: Engine) -> None:
    path = "/API/configuration/properties/pauseJobs"
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done()

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    running = await api.create()
    await engine.until(running, JobState.STARTED)
    assert (await api("PUT", path, body="yes", type=TEXT)).status == 400
    assert (await api("PUT", path, body=" True ", type=TEXT)).status == 200
    assert (await api("GET", path, accept=TEXT)).text == "true"
    await asyncio.sleep(1.2)
    held = await api.create()
    go_on.set()
    await engine.until(running)
    reply = await api("GET", f"/API/job/{held}")
    assert reply.find("status") == ["READY"] and reply.find("waiting/resourceType") == ["configuration"]
    assert (await api("DELETE", path)).status == 200
    await engine.until(held)


async def test_a_job_of_a_full_group_says_so(api: Api) -> None:
    await api("PUT", "/API/task-group/full?maxConcurrency=0&job=type:WORK")
    waiting = "The task group full runs at most 0 jobs at once."
    assert (await api("GET", f"/API/job/{await api.create()}")).find("waiting/requirement") == [waiting]
    urgent = await api.create("type=WORK&priority=IMMEDIATE")
    assert (await api("GET", f"/API/job/{urgent}")).find("waiting/requirement") == []
