"""The graphs of real servers (contract 9), defined over the API and run to their end: who ran beside whom, by the event log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import pytest

from tests.graphs import PLACEHOLDER_IMPORT, SHAPE_IMPORT, may_start, on, task
from tests.integration.api.vidispine.conftest import JSON, Api
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.model import Dependency, TaskDefinition
from vidijob.jobs.states import JobState


def document(type: str, tasks: Sequence[TaskDefinition]) -> str:
    """Return the definition of a type's steps."""

    def dependency(one: Dependency) -> dict[str, object]:
        return {"step": one.step, "previous": one.previous, "allPrevious": one.all_previous}

    return json.dumps(
        {
            "task": [
                {
                    "description": one.description,
                    "bean": one.executor,
                    "method": one.method,
                    "step": one.step,
                    "jobType": type,
                    "dependency": dependency(one.dependency),
                    "parallelDependency": dependency(one.parallel_dependency),
                    "critical": one.critical,
                    "cleanup": one.cleanup,
                }
                for one in tasks
            ]
        }
    )


async def story(engine: Engine) -> list[tuple[str, int]]:
    """Return what the event log tells of the steps: "start", "signal", "end"."""
    told = []
    for _, step, old, new in await engine.events():
        if step is not None and new.startswith("STARTED_PARALLEL"):
            told.append(("signal", step))
        elif step is not None and new.startswith("STARTED"):
            told.append(("start", step))
        elif step is not None and (old or "").startswith("STARTED"):
            told.append(("end", step))
    return told


def beside(told: Sequence[tuple[str, int]]) -> set[tuple[int, int]]:
    """Return the pairs of steps that ran at the same time."""
    pairs, running = set(), set[int]()
    for kind, step in told:
        if kind == "start":
            pairs |= {(min(step, other), max(step, other)) for other in running}
            running.add(step)
        elif kind == "end":
            running.remove(step)
    return pairs


async def run(
    api: Api,
    engine: Engine,
    tasks: Sequence[TaskDefinition],
    signals: set[int],
    until: Mapping[int, tuple[str, int]],
) -> list[tuple[str, int]]:
    """Define a type of these steps, run a job of it, and return its story; steps go on ``until`` others are so far."""
    type = "ACME_GRAPH"
    assert (await api("POST", f"/API/task-definition/jobtype/{type}?id=20001")).status == 200
    reply = await api("POST", "/API/task-definition", accept=JSON, type=JSON, body=document(type, tasks))
    assert reply.status == 200, reply.text

    async def work(step: StepContext) -> Outcome:
        if step.step in signals:
            step.signal()
        async with asyncio.timeout(10):
            while step.step in until and until[step.step] not in await story(engine):
                await asyncio.sleep(0.02)
        return Done()

    engine.worker(ScriptedExecutor(work=work), slots=8)
    engine.scheduler()
    id = await api.create(f"type={type}")
    job = await engine.until(id, seconds=30)
    assert job.state is JobState.FINISHED, job.log
    told = await story(engine)
    steps = {int(one.step): one for one in tasks if not one.cleanup}
    ended, signalled = set[int](), set[int]()
    for kind, step in told:
        if kind == "start" and step in steps:
            assert may_start(tasks, steps[step], ended, signalled), (step, told)
        elif kind == "signal":
            signalled.add(step)
        elif kind == "end":
            ended.add(step)
    assert ended == {one.step for one in tasks}
    assert told[-2:] == [("start", 5000), ("end", 5000)]
    assert job.log is not None and [attempt.step for attempt in job.log] == sorted(steps)
    return told


async def test_shape_import_without_signals_runs_in_a_row(api: Api, engine: Engine) -> None:
    told = await run(api, engine, SHAPE_IMPORT, set(), {})
    assert [step for kind, step in told if kind == "start"] == [100, 200, 300, 400, 1000, 5000]
    assert beside(told) == set()


async def test_shape_import_checks_the_media_while_it_is_transferred(api: Api, engine: Engine) -> None:
    told = await run(api, engine, SHAPE_IMPORT, {200}, {200: ("end", 400), 1000: ("end", 200)})
    assert beside(told) == {(200, 300), (200, 400), (200, 1000)}


async def test_placeholder_import_with_all_that_runs_beside(api: Api, engine: Engine) -> None:
    told = await run(
        api,
        engine,
        PLACEHOLDER_IMPORT,
        {200, 500, 600},
        {
            200: ("start", 540),
            300: ("end", 800),
            500: ("start", 300),
            540: ("end", 500),
            600: ("start", 700),
            700: ("end", 600),
        },
    )
    assert beside(told) == {
        (200, 400), (200, 500), (200, 540),
        (300, 500), (300, 540), (300, 545), (300, 600), (300, 700), (300, 800),
        (500, 540), (600, 700),
    }  # fmt: skip
    after = told[told.index(("end", 300)) :]
    starts = [step for kind, step in after if kind == "start"]
    assert starts == [850, 852, 855, 860, 870, 875, 900, 1000, 1090, 1100, 5000], "then one after the other"


REFUSED = {
    "a circle": ([(100, 300, "dependency"), (200, 100, "dependency"), (300, 200, "dependency")], "100 → ", "circle"),
    "a circle by signals": ([(100, 200, "parallelDependency"), (200, 100, "dependency")], "200", "circle"),
    "itself": ([(100, 100, "dependency")], "100", "waits for itself"),
    "itself, beside": ([(100, 100, "parallelDependency")], "100", "waits for itself"),
    "one that is not there": ([(100, 0, "dependency"), (200, 150, "dependency")], "150", "is not there"),
    "one beside it that is not there": ([(100, 150, "parallelDependency")], "150", "is not there"),
    "no number of a step": ([(100, 40000, "dependency")], "40000", "from 0 to"),
}


@pytest.mark.parametrize(("tasks", "value", "words"), REFUSED.values(), ids=REFUSED)
async def test_a_graph_that_cannot_be_run_is_refused_and_nothing_of_it_is_kept(
    api: Api, tasks: list[tuple[int, int, str]], value: str, words: str
) -> None:
    assert (await api("POST", "/API/task-definition/jobtype/ACME_GRAPH?id=20001")).status == 200
    body = {
        "task": [
            {"bean": "test", "method": "work", "step": step, "jobType": "ACME_GRAPH", kind: {"step": other}}
            for step, other, kind in tasks
        ]
    }
    reply = await api("POST", "/API/task-definition", accept=JSON, type=JSON, body=json.dumps(body))
    assert reply.status == 400
    fault = reply.json["invalidInput"]
    assert value in fault["value"] and words in fault["explanation"], fault
    assert fault["context"]
    kept = await api("GET", "/API/task-definition/jobtype/ACME_GRAPH", accept=JSON)
    assert kept.json.get("task", []) == []
    assert (await api("POST", "/API/job?type=ACME_GRAPH")).status == 400, "a type without steps cannot be run"


async def test_a_step_may_wait_for_one_with_a_higher_number(api: Api, engine: Engine) -> None:
    told = await run(
        api, engine, [task(100, on(300)), task(200), task(300, on(200)), task(5000, cleanup=True)], set(), {}
    )
    assert [step for kind, step in told if kind == "start"] == [200, 300, 100, 5000]
