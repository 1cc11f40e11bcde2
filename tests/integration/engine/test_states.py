"""Every state that a step can be in, reached by a step of a real job and seen by who reads it (spec "Step states")."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from vidijob.engine.rescuer import Rescuer
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, Wait
from vidijob.jobs.model import Job, JobType
from vidijob.jobs.states import JobState, StepState


class Held:
    """A step that does something, then goes on until it is told to end."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def plain(self, step: StepContext) -> Outcome:
        await self.go_on.wait()
        return Done()

    async def signal(self, step: StepContext) -> Outcome:
        step.signal()
        return await self.plain(step)

    async def split(self, step: StepContext) -> Outcome:
        step.split(["one", "two"])
        return await self.plain(step)


async def seen(engine: Engine, id: str, state: StepState) -> Job:
    """Wait until the step at which a job is, is in a state; its last attempt says the same."""
    async with asyncio.timeout(10):
        while True:
            job = await engine.insights.job(id)
            if job.current_step is not None and job.current_step.state is state:
                assert job.log is not None and job.log[-1].state is state
                return job
            await asyncio.sleep(0.02)


@pytest.fixture
def held() -> Held:
    return Held()


def define(engine: Engine, *methods: str) -> None:
    """Make the type STATES, whose steps do one method each."""
    tasks = [task(100 * place, method, retryDelay="60") for place, method in enumerate(methods, 1)]
    engine.types["STATES"] = JobType("STATES", tuple(tasks))
    engine.know_types()


def everything(held: Held) -> ScriptedExecutor:
    """Return an executor of which ``quick`` and ``quick_signal`` are short."""
    return ScriptedExecutor(
        plain=held.plain,
        signal=held.signal,
        split=held.split,
        quick=held.plain,
        quick_signal=held.signal,
        short=("quick", "quick_signal"),
    )


RUNNING = {
    StepState.STARTED: "quick",
    StepState.STARTED_ASYNCHRONOUS: "plain",
    StepState.STARTED_PARALLEL: "quick_signal",
    StepState.STARTED_PARALLEL_ASYNCHRONOUS: "signal",
    StepState.STARTED_SUBTASKS: "split",
}


@pytest.mark.parametrize("state", RUNNING)
async def test_a_step_that_runs(engine: Engine, held: Held, state: StepState) -> None:
    define(engine, RUNNING[state])
    engine.worker(everything(held))
    engine.scheduler()
    id = await engine.submit("STATES")
    await seen(engine, id, state)
    # Its log was read a moment after the job itself.
    await engine.until(id, JobState.STARTED)
    held.go_on.set()
    job = await engine.until(id)
    assert job.state is JobState.FINISHED
    assert job.current_step is not None and job.current_step.state is StepState.FINISHED


async def test_none_before_its_turn_and_ready_when_it_comes(engine: Engine) -> None:
    async def states() -> list[str]:
        async with engine.database.session() as session:
            rows = await session._connection.fetch("SELECT state::text FROM step ORDER BY number")
        return [row["state"] for row in rows]

    define(engine, "work", "work")
    id = await engine.submit("STATES")
    assert await states() == ["NONE", "NONE"]
    engine.scheduler()
    await engine.until(id, JobState.STARTED)
    assert await states() == ["READY", "NONE"]


ENDS: dict[StepState, Outcome] = {
    StepState.FINISHED: Done(),
    StepState.FAILED_RETRY: Retry("not now"),
    StepState.FAILED_FATAL: Fail("never"),
    StepState.WAITING: Wait("TEST", {"what": "it"}, "it is not there"),
}


@pytest.mark.parametrize("state", ENDS)
async def test_a_step_that_has_ended(engine: Engine, state: StepState) -> None:
    async def work(step: StepContext) -> Outcome:
        return ENDS[state]

    define(engine, "work")
    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    job = await seen(engine, await engine.submit("STATES"), state)
    assert job.log is not None and len(job.log) == 1


async def test_a_step_whose_worker_has_vanished(engine: Engine, held: Held) -> None:
    define(engine, "plain")
    worker = engine.worker(everything(held))
    scheduler = engine.scheduler()
    id = await engine.submit("STATES")
    await seen(engine, id, StepState.STARTED_ASYNCHRONOUS)
    # It hears no more, as one that is cut off.
    await worker._beats.stop()
    await worker._claims.stop()
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE lease SET expires_at = now() - interval '1 s'")
    await Rescuer(engine.database, engine.bell, lambda: True).tick()
    await seen(engine, id, StepState.DISAPPEARED)
    held.go_on.set()
    assert scheduler.leads


def test_these_are_all() -> None:
    others = {StepState.NONE, StepState.READY, StepState.DISAPPEARED}
    assert {*RUNNING, *ENDS, *others} == set(StepState)
