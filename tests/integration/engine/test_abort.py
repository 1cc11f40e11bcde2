"""Abort from every state, and its races."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.errors import NotFound, TransitionRefused
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.model import JobType
from vidijob.jobs.states import JobState, StepState


class Blocking:
    """A step that runs until it is cancelled, and says so."""

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, step: StepContext) -> Outcome:
        if step.step == 5000:
            return Done()
        self.running.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Done()


async def test_ready_without_clean_up_is_aborted_at_once(engine: Engine) -> None:
    id = await engine.submit()
    state = await engine.commands.abort(ADMIN, id, reason="no need", cleanup=False)
    assert state is JobState.ABORTED
    job = await engine.insights.job(id)
    assert job.state is JobState.ABORTED and job.finished is not None
    executor = ScriptedExecutor()
    engine.worker(executor)
    engine.scheduler()
    await engine.until(await engine.submit())
    assert [job for job, _ in executor.calls if job == id] == []


async def test_ready_with_clean_up_runs_it_and_nothing_else(engine: Engine) -> None:
    id = await engine.submit()
    assert await engine.commands.abort(ADMIN, id, reason=None, cleanup=True) is JobState.ABORTED_PENDING
    assert (await engine.insights.job(id)).state is JobState.ABORTED_PENDING
    executor = ScriptedExecutor()
    engine.worker(executor)
    engine.scheduler()
    assert (await engine.until(id)).state is JobState.ABORTED
    assert executor.calls == [(id, 5000)]


async def test_ready_with_clean_up_where_there_is_none_is_aborted_at_once(engine: Engine) -> None:
    engine.types["BARE"] = JobType("BARE", (task(100),))
    engine.know_types()
    id = await engine.submit("BARE")
    assert await engine.commands.abort(ADMIN, id, reason=None, cleanup=True) is JobState.ABORTED


@pytest.mark.parametrize("cleanup", [True, False])
async def test_a_running_job_is_stopped_and_cleaned_up(engine: Engine, cleanup: bool) -> None:
    work = Blocking()
    executor = ScriptedExecutor(work=work)
    engine.worker(executor)
    engine.scheduler()
    id = await engine.submit()
    await asyncio.wait_for(work.running.wait(), 10)
    began = asyncio.get_running_loop().time()
    state = await engine.commands.abort(ADMIN, id, reason="changed my mind", cleanup=cleanup)
    assert state is JobState.ABORTED_PENDING
    job = await engine.until(id)
    assert job.state is JobState.ABORTED
    assert asyncio.get_running_loop().time() - began < 2
    assert work.cancelled.is_set()
    assert [step for _, step in executor.calls] == [100, 5000]
    assert job.log is not None and job.log[0].state is StepState.FAILED_FATAL
    async with engine.database.session() as session:
        reason = await session._connection.fetchval("SELECT remark FROM happened WHERE new_state = 'ABORTED_PENDING'")
    assert reason == "changed my mind"


async def test_aborting_again_changes_nothing(engine: Engine) -> None:
    id = await engine.submit()
    await engine.commands.abort(ADMIN, id, reason=None, cleanup=True)
    before = await engine.events()
    assert await engine.commands.abort(ADMIN, id, reason=None, cleanup=True) is JobState.ABORTED_PENDING
    assert await engine.events() == before


async def test_an_ended_job_is_not_aborted(engine: Engine) -> None:
    engine.worker(ScriptedExecutor())
    engine.scheduler()
    id = await engine.submit()
    await engine.until(id)
    before = await engine.events()
    with pytest.raises(TransitionRefused, match="has ended"):
        await engine.commands.abort(ADMIN, id, reason=None, cleanup=True)
    assert await engine.events() == before


async def test_a_job_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(NotFound):
        await engine.commands.abort(ADMIN, "VX-1", reason=None, cleanup=True)


async def test_an_aborted_job_gives_its_slot_to_the_next(engine: Engine) -> None:
    engine.concurrent_jobs = 1
    work = Blocking()
    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    first = await engine.submit()
    await asyncio.wait_for(work.running.wait(), 10)
    second = await engine.submit()
    await asyncio.sleep(0.3)
    assert (await engine.insights.job(second)).state is JobState.READY
    await engine.commands.abort(ADMIN, first, reason=None, cleanup=True)
    await engine.until(second, JobState.STARTED)


async def test_abort_against_finish_has_one_winner(engine: Engine) -> None:
    """Whatever happens first, the job ends once, and its state does not change after that."""
    engine.types["BARE"] = JobType("BARE", (task(100),))
    engine.know_types()
    engine.worker(ScriptedExecutor(), slots=8)
    engine.concurrent_jobs = 8
    engine.scheduler()

    async def race(n: int) -> None:
        id = await engine.submit("BARE")
        # Around the time that a job takes, sooner or later.
        await asyncio.sleep(0.004 * n)
        with suppress(TransitionRefused):
            await engine.commands.abort(ADMIN, id, reason=None, cleanup=n % 2 == 0)
        await engine.until(id)

    for _ in range(6):
        await asyncio.gather(*(race(n) for n in range(10)))
        await asyncio.gather(*(race(n * 10) for n in range(0, 10, 3)))
    ends = [event for event in await engine.events() if event[1] is None and event[3] in ("FINISHED", "ABORTED")]
    assert len(ends) == 84
    assert len({job for job, *_ in ends}) == 84
    assert {state for *_, state in ends} == {"FINISHED", "ABORTED"}, "both sides of the race were seen"


async def test_abort_against_claim_never_leaves_a_step_running_beside_clean_up(engine: Engine) -> None:
    busy: set[str] = set()
    wrong: list[str] = []

    async def work(step: StepContext) -> Outcome:
        if step.step == 5000:
            if step.job in busy:
                wrong.append(step.job)
            return Done()
        busy.add(step.job)
        try:
            await asyncio.sleep(0.02)
        finally:
            busy.discard(step.job)
        return Done()

    for _ in range(3):
        engine.worker(ScriptedExecutor(work=work), slots=8)
    engine.concurrent_jobs = 20
    engine.scheduler()

    async def race(n: int) -> None:
        id = await engine.submit()
        await asyncio.sleep(0.003 * (n % 30))
        with suppress(TransitionRefused):
            await engine.commands.abort(ADMIN, id, reason=None, cleanup=True)
        await engine.until(id, seconds=30)

    await asyncio.gather(*(race(n) for n in range(90)))
    assert wrong == []
