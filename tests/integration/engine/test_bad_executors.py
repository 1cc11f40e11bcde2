"""Executors that answer what cannot be stored, or nothing, or do not end: no other step suffers."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any, cast

import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.jobs.model import JobType
from vidijob.jobs.states import JobState

ODD: dict[str, Any] = {
    "surrogate": Fail("not a name: \udcff"),
    "nul": Done({"a\x00": ["b\x00"]}),
    "number": Done({"a": cast(Any, 7)}),
    "numbers": Done({"a": cast(Any, [7])}),
    "text": Done({"a": "letters"}),
    "nothing": None,
    "something": "done",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_an_odd_answer_ends_its_own_job_and_no_other(engine: Engine, odd: Any) -> None:
    async def work(step: StepContext) -> Outcome:
        return cast(Outcome, odd) if "odd" in step.data and step.step == 100 else Done()

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    bad, good = await asyncio.gather(engine.submit(odd="yes"), engine.submit())
    assert (await engine.until(good)).state is JobState.FINISHED
    job = await engine.until(bad)
    assert job.state in (JobState.FAILED_TOTAL, JobState.FINISHED)
    assert (await engine.until(await engine.submit())).state is JobState.FINISHED


async def test_an_executor_that_cancels_itself(engine: Engine) -> None:
    async def work(step: StepContext) -> Outcome:
        raise asyncio.CancelledError

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    job = await engine.until(await engine.submit())
    assert job.state is JobState.FAILED_TOTAL and "cancelled itself" in job.data["errorMessage"][0]


async def test_a_delay_beyond_all_measure(engine: Engine) -> None:
    engine.types["RETRY"] = JobType("RETRY", (task(100, retryDelay="100000", retries="100"),))
    engine.know_types()

    async def work(step: StepContext) -> Outcome:
        return Retry("no")

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    id = await engine.submit("RETRY")
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE step SET retries = 99")
    await engine.until(id, JobState.STARTED)
    async with asyncio.timeout(10):
        while not (await engine.insights.job(id)).log:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Fraction(1, 3)])
async def test_progress_that_is_no_number(engine: Engine, value: Any) -> None:
    async def work(step: StepContext) -> Outcome:
        step.progress(value, value, "percent")
        await asyncio.sleep(1.2)
        return Done()

    engine.types["ONE"] = JobType("ONE", (task(100),))
    engine.know_types()
    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    assert (await engine.until(await engine.submit("ONE"))).state is JobState.FINISHED


async def test_a_worker_stops_although_an_executor_will_not(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidijob.engine.worker._FAREWELL", 0.2)
    running, let_go = asyncio.Event(), asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        running.set()
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return Done()

    worker = engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    id = await engine.submit()
    await running.wait()
    engine.parts.remove(worker)
    async with asyncio.timeout(5):
        await worker.stop()
    let_go.set()
    engine.worker(ScriptedExecutor())
    assert (await engine.until(id)).state is JobState.FINISHED
