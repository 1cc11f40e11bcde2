"""Steps that are done as several sub-tasks: in the log while they run and after, whatever ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.jobs.model import Attempt, Job, JobType, Progress
from vidijob.jobs.policy import MOST_VANISHED
from vidijob.jobs.states import JobState, StepState

Look = Callable[[Attempt], bool]


class Two:
    """A step that finishes one of two sub-tasks and is half through the other, until it is told how to end."""

    def __init__(self) -> None:
        self.end: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.fail = ""

    async def __call__(self, step: StepContext) -> Outcome:
        if step.step != 100:
            return Done()
        first, second = step.split(["a.mov", "b.mov"])
        first.start()
        first.progress(10, 10, "bytes")
        first.finish()
        second.start()
        second.progress(5, 10, "bytes")
        outcome = await asyncio.shield(self.end)
        if isinstance(outcome, Done):
            second.progress(10, 10, "bytes")
            second.finish()
        elif self.fail:
            second.fail(self.fail)
        return outcome


@pytest.fixture
async def two(engine: Engine) -> Two:
    engine.types["SPLIT"] = JobType("SPLIT", (task(100, retryDelay="0", retries="1"), task(5000, cleanup=True)))
    engine.know_types()
    return Two()


async def seen(engine: Engine, id: str, look: Look) -> Job:
    """Wait until the first attempt in a job's log looks so."""
    async with asyncio.timeout(10):
        while True:
            job = await engine.insights.job(id)
            if job.log and look(job.log[0]):
                return job
            await asyncio.sleep(0.02)


def half_way(attempt: Attempt) -> bool:
    return [(one.state, one.progress and one.progress.value) for one in attempt.sub_tasks] == [
        (StepState.FINISHED, 10),
        (StepState.STARTED_ASYNCHRONOUS, 5),
    ]


def parts(attempt: Attempt) -> list[tuple[StepState, str | None]]:
    return [(one.state, one.error) for one in attempt.sub_tasks]


async def test_they_are_seen_while_they_run_and_stay_when_they_are_over(engine: Engine, two: Two) -> None:
    engine.worker(ScriptedExecutor(work=two))
    engine.scheduler()
    id = await engine.submit("SPLIT")
    job = await seen(engine, id, half_way)
    assert job.log is not None and job.log[0].state is StepState.STARTED_SUBTASKS
    assert job.log[0].total_sub_tasks == 2
    assert [one.description for one in job.log[0].sub_tasks] == ["a.mov", "b.mov"]
    two.end.set_result(Done())
    job = await engine.until(id)
    assert job.log is not None and parts(job.log[0]) == [(StepState.FINISHED, None)] * 2
    assert [one.progress for one in job.log[0].sub_tasks] == [Progress(10, 10, "bytes")] * 2
    assert job.data == {"progress-100-0-0": ["bytes 10/10"], "progress-100-1-0": ["bytes 10/10"]}
    assert [new for _, step, _, new in await engine.events() if step == 100] == [
        "READY", "STARTED_ASYNCHRONOUS", "STARTED_SUBTASKS", "FINISHED",
    ]  # fmt: skip


async def test_each_try_has_its_own(engine: Engine, two: Two) -> None:
    engine.worker(ScriptedExecutor(work=two))
    engine.scheduler()
    id = await engine.submit("SPLIT")
    two.end.set_result(Retry("not now"))
    two.fail = "b.mov is not there"
    job = await engine.until(id)
    assert job.state is JobState.FAILED_TOTAL
    assert job.log is not None and len(job.log) == 2
    for attempt in job.log:
        assert attempt.total_sub_tasks == 2
        assert parts(attempt) == [(StepState.FINISHED, None), (StepState.FAILED_FATAL, "b.mov is not there")]
    assert {key: values for key, values in job.data.items() if key.startswith("errorMessage")} == {
        "errorMessage": ["not now"],
        "errorMessage-100-1-0": ["b.mov is not there"],
        "errorMessage-100-1-1": ["b.mov is not there"],
    }
    again = await engine.commands.rerun(ADMIN, id, None)
    assert again.data == {"rerunOf": [id]}, "what the first found out is no order to the second"


@pytest.mark.parametrize(("outcome", "state"), [(Fail("no"), StepState.FAILED_FATAL), (Done(), StepState.FINISHED)])
async def test_of_one_that_ends_before_anything_was_stored_all_is_there(
    engine: Engine, two: Two, outcome: Outcome, state: StepState
) -> None:
    two.end.set_result(outcome)
    engine.worker(ScriptedExecutor(work=two))
    engine.scheduler()
    job = await engine.until(await engine.submit("SPLIT"))
    assert job.log is not None and job.log[0].total_sub_tasks == 2
    assert parts(job.log[0]) == [(StepState.FINISHED, None), (state, None)]


async def test_those_of_an_aborted_step_end_with_it(engine: Engine, two: Two) -> None:
    engine.worker(ScriptedExecutor(work=two))
    engine.scheduler()
    id = await engine.submit("SPLIT")
    await seen(engine, id, half_way)
    await engine.commands.abort(ADMIN, id, reason=None, cleanup=True)
    job = await engine.until(id)
    assert job.log is not None and parts(job.log[0]) == [(StepState.FINISHED, None), (StepState.FAILED_FATAL, None)]


async def test_those_of_a_vanished_worker_show_it(engine: Engine, two: Two) -> None:
    worker = engine.worker(ScriptedExecutor(work=two))
    engine.scheduler()
    id = await engine.submit("SPLIT")
    await seen(engine, id, half_way)
    assert isinstance(worker, Worker)
    await worker._beats.stop()
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE lease SET expires_at = now() - interval '1 s'")
    await Rescuer(engine.database, engine.bell, lambda: True).tick()
    two.end.set_result(Done())
    job = await engine.until(id)
    assert job.log is not None and len(job.log) == 2
    assert parts(job.log[0]) == [(StepState.FINISHED, None), (StepState.DISAPPEARED, None)]
    assert parts(job.log[1]) == [(StepState.FINISHED, None)] * 2


async def test_who_has_signalled_keeps_that_state_and_has_its_sub_tasks_listed(engine: Engine, two: Two) -> None:
    async def work(step: StepContext) -> Outcome:
        if step.step == 100:
            step.signal()
            await seen(engine, step.job, lambda one: one.state is StepState.STARTED_PARALLEL_ASYNCHRONOUS)
        return await two(step)

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    id = await engine.submit("SPLIT")
    job = await seen(engine, id, half_way)
    assert job.log is not None and job.log[0].state is StepState.STARTED_PARALLEL_ASYNCHRONOUS
    two.end.set_result(Done())
    await engine.until(id)


async def test_those_of_a_step_that_is_given_up_show_it(engine: Engine, two: Two) -> None:
    worker = engine.worker(ScriptedExecutor(work=two))
    engine.scheduler()
    id = await engine.submit("SPLIT")
    await seen(engine, id, half_way)
    assert isinstance(worker, Worker)
    await worker._beats.stop()
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE step SET vanished = $1", MOST_VANISHED)
        await session._connection.execute("UPDATE lease SET expires_at = now() - interval '1 s'")
    await Rescuer(engine.database, engine.bell, lambda: True).tick()
    job = await engine.until(id)
    assert job.state is JobState.FAILED_TOTAL
    assert job.log is not None and parts(job.log[0]) == [(StepState.FINISHED, None), (StepState.FAILED_FATAL, None)]
    two.end.set_result(Done())


async def test_a_step_that_is_split_may_still_signal(engine: Engine, two: Two) -> None:
    async def work(step: StepContext) -> Outcome:
        if step.step != 100:
            return Done()
        step.split(["one"])
        await seen(engine, step.job, lambda one: one.state is StepState.STARTED_SUBTASKS)
        step.signal()
        await seen(engine, step.job, lambda one: one.state is StepState.STARTED_PARALLEL_ASYNCHRONOUS)
        return Done()

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    job = await engine.until(await engine.submit("SPLIT"))
    assert job.state is JobState.FINISHED
    assert job.log is not None and job.log[0].total_sub_tasks == 1
