"""What steps tell is not lost while it cannot be stored, and does not hold up the heartbeat."""

from __future__ import annotations

import asyncio

import pytest

from tests.graphs import NONE, PREVIOUS, task
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.model import JobType
from vidijob.jobs.states import JobState, StepState


async def test_a_signal_and_sub_tasks_that_could_not_be_stored_are_stored_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidijob.engine.loop._PROMPT", 0.2)
    engine.types["BESIDE"] = JobType("BESIDE", (task(100), task(200, NONE, PREVIOUS)))
    engine.know_types()
    say, beside = asyncio.Event(), asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        if step.step == 200:
            beside.set()
            return Done()
        await say.wait()
        step.signal()
        step.split(["one"])
        step.note("both said")
        async with asyncio.timeout(15):
            await beside.wait()
        return Done()

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    id = await engine.submit("BESIDE")
    async with asyncio.timeout(10):
        while not (await engine.insights.job(id)).log:
            await asyncio.sleep(0.02)
    async with engine.database.transaction() as session:
        # Somebody holds the job for longer than a heartbeat waits.
        await session._connection.execute("SELECT FROM job FOR UPDATE")
        before = await session._connection.fetchval("SELECT expires_at FROM lease")
        say.set()
        async with asyncio.timeout(10):
            while await session._connection.fetchval("SELECT expires_at FROM lease") == before:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        assert not beside.is_set()
        assert (await engine.insights.job(id)).log[0].state is StepState.STARTED_ASYNCHRONOUS  # type: ignore[index]
    job = await engine.until(id)
    assert job.state is JobState.FINISHED
    assert job.log is not None and job.log[0].total_sub_tasks == 1
    assert [note.text for note in job.log[0].notes] == ["both said"]
    states = [new for _, step, _, new in await engine.events() if step == 100]
    assert states == ["READY", "STARTED_ASYNCHRONOUS", "STARTED_PARALLEL_ASYNCHRONOUS", "FINISHED"]
