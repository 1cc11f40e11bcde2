"""Tasks: with several inputs and outputs, listed page by page, told of as they go."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from tests.integration.api.azure.conftest import ATOM, BODY, ENCODER, MINIMAL, Media
from tests.integration.api.azure.test_notifications import endpoint, told
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.api.azure import jobs
from vidijob.engine import watcher as watching
from vidijob.engine.watcher import Watcher
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.jobs.states import JobState
from vidijob.store.database import Database

PRESET = json.dumps({"Codecs": [{"H264Layers": [{"Height": "360"}, {"Height": "720"}]}]})


def body(inputs: list[str], outputs: list[int]) -> str:
    """Return a TaskBody."""
    read = "".join(f"<inputAsset>{one}</inputAsset>" for one in inputs)
    made = "".join(f'<outputAsset assetName="o{one}">JobOutputAsset({one})</outputAsset>' for one in outputs)
    return f"<taskBody>{read}{made}</taskBody>"


def a_task(text: str, configuration: str = "H264 Broadband 720p", **more: Any) -> dict[str, Any]:
    """Return a task."""
    return {"Configuration": configuration, "MediaProcessorId": ENCODER, "TaskBody": text, **more}


async def test_a_task_reads_and_makes_several_assets(media: Media, engine: Engine) -> None:
    first, second = await media.asset("a.mov"), await media.asset("b.mov")
    tasks = [
        a_task(body(["JobInputAsset(0)", "JobInputAsset(1)"], [0, 1]), PRESET, Name="both"),
        a_task(body(["JobOutputAsset(1)", "JobInputAsset(0)", "JobOutputAsset(0)"], [2]), PRESET, Name="last"),
    ]
    order = media.job(first, Tasks=tasks, InputMediaAssets=[f"Assets('{one}')" for one in (first, second)])
    made = await media("POST", "api/Jobs", order)
    assert made.status == 201, made.text
    works: list[Any] = []

    async def run(step: StepContext) -> Outcome:
        works.append(json.loads(step.metadata["order"]))
        return Done()

    engine.worker(ScriptedExecutor(run=run), name="task")
    engine.scheduler()
    await engine.until("VX-1")
    (large, small), (last,) = works
    assert large["sourceUri"] == small["sourceUri"] and [uri[-6:] for uri in large["sourceUri"]] == ["/a.mov", "/b.mov"]
    heights = [json.loads(work["transcodeJob"][0])["video"]["height"] for work in (large, small, last)]
    assert heights == [720, 360, 720]
    assert last["sourceUri"] == [small["destinationUri"][0], large["sourceUri"][0], large["destinationUri"][0]]
    both, after = (await media("GET", f"api/Jobs('{made.d['Id']}')/Tasks")).d["results"]

    async def names(task: Any, link: str) -> list[str]:
        found = (await media("GET", f"api/Tasks('{task['Id']}')/{link}MediaAssets")).d["results"]
        return [asset["Name"] for asset in found]

    assert await names(both, "Input") == ["a.mov", "b.mov"] and await names(both, "Output") == ["o0", "o1"]
    assert await names(after, "Input") == ["o1", "a.mov", "o0"] and await names(after, "Output") == ["o2"]
    outputs = await media("GET", f"api/Jobs('{made.d['Id']}')/OutputMediaAssets?$filter=Name%20ne%20'o1'")
    assert [asset["Name"] for asset in outputs.d["results"]] == ["o0", "o2"]
    assert (await media("GET", f"api/Jobs('{made.d['Id']}')/OutputMediaAssets/$count")).text == "3"


async def test_tasks_that_cannot_be_are_refused(media: Media) -> None:
    asset = await media.asset()
    one = "JobInputAsset(0)"
    for tasks in (
        [a_task(body([one], []))], [a_task(body([], [0]))], [a_task(body([one], [0, 0]))], [a_task(body([one] * 51, [0]))],
        [a_task(body([one], [0, 1])), a_task(body([one], [1]))], [a_task(body([one, "JobOutputAsset(0)"], [0]))],
        [a_task(body(["JobOutputAsset(1)"], [0])), a_task(body([one, "JobOutputAsset(0)"], [1]))],
        [a_task(BODY, TaskNotificationSubscriptions=[{"TargetTaskState": 1, "NotificationEndPointId": "x"}])],
        [a_task(BODY, TaskNotificationSubscriptions=[{"TargetTaskState": 3}])], [a_task(BODY, TaskNotificationSubscriptions=5)],
    ):  # fmt: skip
        refused = await media("POST", "api/Jobs", media.job(asset, Tasks=tasks))
        assert refused.status == 400, refused.text
    assert (await media("GET", "api/Jobs/$count")).text == "0"


async def test_all_tasks_are_read_page_by_page(media: Media, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_JOBS", 2)
    monkeypatch.setattr(jobs, "_STRETCHES", 3)
    await media.submit(Tasks=[a_task(BODY, Name="t1"), a_task(body(["JobOutputAsset(0)"], [1]), Name="t2")])
    for number in range(3, 6):
        await media.submit(Tasks=[a_task(BODY, Name=f"t{number}")])
    await engine.submit()

    async def walk(path: str, accept: str) -> list[list[str]]:
        pages = []
        while path:
            reply = await media("GET", path, accept=accept)
            assert reply.status == 200, reply.text
            pages.append(re.findall(r'(?:"Name":"|<d:Name>)(\w+)', reply.text))
            on = re.search(r'(?:"odata.nextLink":"|"__next":"|<link rel="next" href=")([^"]+)', reply.text)
            path = "api/" + on[1].replace("&amp;", "&").partition("/azure/api/")[2] if on else ""
        return pages

    for accept in (MINIMAL, ATOM, "application/json;odata=verbose"):
        assert await walk("api/Tasks", accept) == [["WORK", "t5"], ["t4", "t3"], ["t1", "t2"]]
    assert await walk("api/Tasks?$top=3&$select=Name", MINIMAL) == [["WORK", "t5"], ["t4"]]
    assert await walk("api/Tasks?$filter=Name%20eq%20't2'", MINIMAL) == [[], [], ["t2"]]
    assert await walk("api/Tasks?$orderby=Name&$skip=1&$top=2", MINIMAL) == [["t1", "t2"]]
    # That of a job of another face is empty.
    assert await walk("api/Tasks?$orderby=TaskBody&$top=1", MINIMAL) == [["WORK"]]
    counted = await media("GET", "api/Tasks?$inlinecount=allpages&$top=1")
    assert counted.d["__count"] == "6" and len(counted.d["results"]) == 1
    assert (await media("GET", "api/Tasks/$count")).text == "6"
    for wrong in ("api/Tasks?$skiptoken=x", "api/Tasks?$skiptoken=-1", "api/Jobs?$skiptoken=1"):
        assert (await media("GET", wrong)).status == 400
    await engine.submit()
    await engine.submit()
    assert (await media("GET", "api/Tasks/$count")).status == 400


async def test_a_task_is_told_of_with_its_progress(
    media: Media, engine: Engine, database: Database, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_ADVANCE", 0.05)
    id = await endpoint(media)
    wanted = {"NotificationEndPointId": id, "TargetTaskState": 2, "IncludeTaskProgress": True}
    final = {"NotificationEndPointId": id, "TargetTaskState": "1"}
    going = asyncio.Event()

    async def run(step: StepContext) -> Outcome:
        step.progress(40, 100, "percent")
        await going.wait()
        return Fail("no such codec")

    tasks = [
        a_task(BODY, Name="first", TaskNotificationSubscriptions=[wanted]),
        a_task(body(["JobOutputAsset(0)"], [1]), Name="second", TaskNotificationSubscriptions=[final]),
    ]
    made = await media("POST", "api/Jobs", media.job(await media.asset(), Tasks=tasks))
    first, second = (await media("GET", f"api/Jobs('{made.d['Id']}')/Tasks")).d["results"]
    assert first["TaskNotificationSubscriptions"]["results"] == [
        {"NotificationEndPointId": id, "TargetTaskState": 2, "IncludeTaskProgress": True}
    ]
    engine.worker(ScriptedExecutor(run=run), name="task")
    engine.scheduler()
    await told(database, "notifications", 3)
    going.set()
    await engine.until("VX-1", JobState.FAILED_TOTAL)
    _, *found = await told(database, "notifications", 5)
    about = [(one["EventType"], one["Properties"]) for one in found]
    assert [(kind, one["TaskName"], one.get("NewState", one.get("LastComputedProgress"))) for kind, one in about] == [
        ("TaskStateChange", "first", "Processing"),
        ("TaskProgress", "first", 40),
        ("TaskStateChange", "first", "Error"),
        ("TaskStateChange", "second", "Canceled"),
    ]
    assert [one["TaskId"] for _, one in about] == [first["Id"]] * 3 + [second["Id"]]
    assert {one["JobId"] for _, one in about} == {made.d["Id"]}
    assert len({one["ETag"] for one in found}) == 4
