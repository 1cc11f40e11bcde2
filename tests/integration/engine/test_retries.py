"""Steps that fail: how often, how soon and with which words they are tried again, and what the job makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from tests.integration.executors.test_child_processes import gone
from vidijob.executors import process
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.jobs.model import JobType, TaskDefinition
from vidijob.jobs.states import JobState, StepState


def define(engine: Engine, *tasks: TaskDefinition) -> None:
    engine.types["TRY"] = JobType("TRY", (*tasks, task(5000, "clean", cleanup=True)))
    engine.know_types()


def failing(*reasons: str) -> ScriptedExecutor:
    """Return an executor whose method ``work`` wants to be tried again for each reason, then succeeds."""
    left: Iterator[str] = iter(reasons)

    async def work(step: StepContext) -> Outcome:
        reason = next(left, None)
        return Done() if reason is None else Retry(reason)

    async def succeed(step: StepContext) -> Outcome:
        return Done()

    return ScriptedExecutor(work=work, clean=succeed, next=succeed)


async def test_without_a_word_a_step_is_tried_six_times_and_each_try_says_why(engine: Engine) -> None:
    define(engine, task(100, retryDelay="0"))
    engine.worker(failing(*(f"reason {n}" for n in range(7))))
    engine.scheduler()
    job = await engine.until(await engine.submit("TRY"))
    assert job.state is JobState.FAILED_TOTAL
    assert job.log is not None
    assert [(one.attempts, one.state, one.error) for one in job.log] == [
        *((n, StepState.FAILED_RETRY, f"reason {n}") for n in range(5)),
        (5, StepState.FAILED_FATAL, "reason 5"),
    ]
    assert job.data == {
        "errorMessage": ["reason 5"],
        **{f"errorMessage-100-0-{n}": [f"reason {n}"] for n in range(6)},
    }


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_a_step_that_succeeds_at_its_last_try_has_not_failed(engine: Engine, retries: int) -> None:
    define(engine, task(100, retryDelay="0", retries=str(retries)), task(200, "next"))
    executor = failing(*["no"] * retries)
    engine.worker(executor)
    engine.scheduler()
    job = await engine.until(await engine.submit("TRY"))
    assert job.state is JobState.FINISHED and "errorMessage" not in job.data
    assert [step for _, step in executor.calls] == [*[100] * (retries + 1), 200, 5000]


@pytest.mark.parametrize("critical", [True, False])
async def test_what_is_used_up_is_a_failure_or_a_warning(engine: Engine, critical: bool) -> None:
    define(engine, task(100, retryDelay="0", retries="1", critical=critical), task(200, "next"))
    executor = failing("one", "two")
    engine.worker(executor)
    engine.scheduler()
    job = await engine.until(await engine.submit("TRY"))
    assert job.state is (JobState.FAILED_TOTAL if critical else JobState.FINISHED_WARNING)
    assert [step for _, step in executor.calls] == ([100, 100, 5000] if critical else [100, 100, 200, 5000])


async def test_fail_is_not_tried_again(engine: Engine) -> None:
    async def work(step: StepContext) -> Outcome:
        return Fail("never")

    define(engine, task(100))
    executor = failing()
    executor.acts["work"] = work
    engine.worker(executor)
    engine.scheduler()
    job = await engine.until(await engine.submit("TRY"))
    assert job.state is JobState.FAILED_TOTAL
    assert [step for _, step in executor.calls] == [100, 5000]


async def test_each_wait_is_longer_and_none_is_like_the_other(engine: Engine) -> None:
    define(engine, task(100, retryDelay="100", retries="3"))
    engine.worker(failing(*["no"] * 9))
    engine.scheduler()
    ids = [await engine.submit("TRY") for _ in range(3)]
    waits: dict[str, list[float]] = {id: [] for id in ids}
    for retry in range(1, 4):
        for id in ids:
            async with asyncio.timeout(10):
                while (due := await _due(engine, id, retry)) is None:
                    await asyncio.sleep(0.02)
            job = await engine.insights.job(id)
            assert job.log is not None and len(job.log) == retry
            waits[id].append((due - job.log[-1].at).total_seconds())
        async with engine.database.session() as session:
            await session._connection.execute("UPDATE step_queue SET ready_at = now()")
        engine.bell.ring("vidijob_step")
    for waited in waits.values():
        for retry, seconds in enumerate(waited):
            whole = min(100 * 2**retry, 300)
            assert whole / 2 - 1 < seconds < whole + 1
    assert len({round(seconds, 3) for waited in waits.values() for seconds in waited}) == 9, (
        "chance has its part in each"
    )


async def _due(engine: Engine, id: str, retries: int) -> datetime | None:
    """Return when a job's step is tried again, once it has failed so often."""
    async with engine.database.session() as session:
        found = await session._connection.fetchval(
            "SELECT ready_at FROM step_queue q JOIN step s ON s.job_id = q.job_id AND s.number = q.step"
            " WHERE q.job_id = $1 AND s.retries = $2",
            int(id[3:]),
            retries,
        )
    assert found is None or isinstance(found, datetime)
    return found


async def test_a_time_out_ends_the_child_and_is_a_retry(engine: Engine) -> None:
    children: list[int] = []

    async def work(step: StepContext) -> Outcome:
        await process.run(["/bin/sh", "-c", "echo $$; exec sleep 60"], on_line=lambda line: children.append(int(line)))
        return Done()

    define(engine, task(100, timeout="0.5", retries="1", retryDelay="0"))
    executor = failing()
    executor.acts["work"] = work
    engine.worker(executor)
    engine.scheduler()
    job = await engine.until(await engine.submit("TRY"))
    assert job.state is JobState.FAILED_TOTAL
    assert job.log is not None
    assert [one.state for one in job.log] == [StepState.FAILED_RETRY, StepState.FAILED_FATAL]
    assert all(one.error == "It took longer than the time that the step has." for one in job.log)
    assert len(children) == 2
    for pid in children:
        assert await gone(pid, 2)
