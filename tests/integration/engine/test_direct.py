"""What goes from hand to hand within one process, without being queued: the same as otherwise, sooner."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

import pytest

from tests.faults.injection import Faults, FaultyDatabase, Kind, Site
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, succeed, task
from vidijob.engine import heads
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.jobs.model import Dependency, JobType, Priority, StepNumber, TaskDefinition
from vidijob.jobs.states import JobState
from vidijob.store.database import Database

Story = list[tuple[int | None, str | None, str]]


async def stories(engine: Engine) -> dict[int, Story]:
    """Return what happened to each job, in order."""
    told: defaultdict[int, Story] = defaultdict(list)
    for job, step, old, new in await engine.events():
        told[job].append((step, old, new))
    return told


async def queued(engine: Engine) -> int:
    """Return how many steps were ever queued."""
    async with engine.database.session() as session:
        return int(
            await session._connection.fetchval("SELECT last_value - (NOT is_called)::integer FROM step_queue_seq")
        )


async def test_a_job_is_never_queued_for_a_worker_of_the_same_process_and_its_story_is_the_same(engine: Engine) -> None:
    executor = ScriptedExecutor(short=["work"])
    scheduler, worker = engine.scheduler(), engine.worker(executor)
    await engine.until(await engine.submit())
    first, before = await queued(engine), len(executor.calls)
    near = await engine.until(await engine.submit(a="b"))
    # With a key it is stored first, and admitted then.
    keyed = await engine.commands.submit(ADMIN, "WORK", Priority.MEDIUM, {"a": ["b"]}, key="once")
    await engine.until(f"VX-{keyed.id}")
    # The worker had not looked whether others wait when the first came.
    assert await queued(engine) == first
    assert len(executor.calls) - before == 8
    await worker.stop()
    await scheduler.stop()
    engine.parts.clear()
    engine.worker(executor)
    engine.scheduler()
    far = await engine.until(await engine.submit(a="b"))
    assert await queued(engine) > first
    told = await stories(engine)
    assert told[int(near.id)] == told[keyed.id] == told[int(far.id)]
    assert near.state is far.state is JobState.FINISHED


async def test_clean_up_that_failed_is_told_by_the_end_whatever_is_cleaned_up_after_it(engine: Engine) -> None:
    engine.types["CLEAN"] = JobType("CLEAN", (task(100), task(4000, "fail", cleanup=True), task(5000, cleanup=True)))

    async def fail(step: StepContext) -> Outcome:
        return Fail("It is told to fail.")

    executor = ScriptedExecutor(fail=fail)
    engine.scheduler()
    engine.worker(executor)
    job = await engine.submit("CLEAN")
    assert (await engine.until(job)).state is JobState.FINISHED_WARNING
    assert executor.calls == [(job, 100), (job, 4000), (job, 5000)]


async def test_a_failure_that_is_not_critical_is_told_by_the_end(engine: Engine) -> None:
    engine.types["SLOPPY"] = JobType("SLOPPY", (task(100, "fail", critical=False), task(200), task(300)))

    async def fail(step: StepContext) -> Outcome:
        return Fail("It is told to fail.")

    engine.scheduler()
    engine.worker(ScriptedExecutor(fail=fail))
    assert (await engine.until(await engine.submit("SLOPPY"))).state is JobState.FINISHED_WARNING


async def test_several_steps_that_may_start_at_once_do(engine: Engine) -> None:
    tasks = tuple(TaskDefinition(StepNumber(number), "A step", "test", "meet") for number in (100, 200, 300))
    engine.types["WIDE"] = JobType("WIDE", (*tasks, task(5000, cleanup=True)))
    there = asyncio.Barrier(3)

    async def meet(step: StepContext) -> Outcome:
        await there.wait()
        return Done()

    executor = ScriptedExecutor(meet=meet)
    engine.scheduler()
    engine.worker(executor)
    job = await engine.submit("WIDE")
    assert (await engine.until(job)).state is JobState.FINISHED
    assert sorted(executor.calls) == [(job, 100), (job, 200), (job, 300), (job, 5000)]


async def test_a_step_that_waits_goes_before_what_comes_next_in_a_job_of_less_priority(engine: Engine) -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        begun.set()
        await go_on.wait()
        return Done()

    executor = ScriptedExecutor(work=work)
    engine.scheduler()
    engine.worker(executor, slots=1)
    low = await engine.submit(priority=Priority.LOW)
    await begun.wait()
    high = await engine.submit(priority=Priority.HIGH)
    await engine.until(high, JobState.STARTED)
    go_on.set()
    await engine.until(low)
    await engine.until(high)
    assert executor.calls[:2] == [(low, 100), (high, 100)]
    assert executor.calls.index((high, 300)) < executor.calls.index((low, 300))


@pytest.mark.parametrize("site", [("admissions.admit", "job.admit"), ("direct.end", "direct.end")])
async def test_what_a_worker_was_given_and_never_told_of_is_run_long_before_its_lease_runs_out(
    url: str, database: Database, site: Site
) -> None:
    faults = Faults()
    faulty = FaultyDatabase(url, faults)
    await faulty.open()
    engine = Engine(faulty, {"WORK": JobType("WORK", (task(100), task(200)))})
    try:
        engine.scheduler()
        engine.worker(ScriptedExecutor())
        await engine.until(await engine.submit())
        faults.arm(Kind.LOST, only=site, calls=(faults.passed[site] + 1,))
        # With a key it is not started by the statement that stores it.
        job = await engine.commands.submit(ADMIN, "WORK", Priority.MEDIUM, {}, key="once")
        assert (await engine.until(f"VX-{job.id}", seconds=7)).state is JobState.FINISHED
        assert faults.hit[site] == 1
    finally:
        await engine.stop()
        await faulty.close()


async def test_a_job_with_an_old_number_is_found_though_the_head_is_not_read_from_the_beginning(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_LONG", -1.0)
    monkeypatch.setattr(heads, "_BEFORE", 0)
    engine.scheduler()
    engine.worker(ScriptedExecutor())
    held = await engine.commands.submit(ADMIN, "WORK", Priority.MEDIUM, {}, hold=True)
    for _ in range(3):
        await engine.until(await engine.submit())
    read = heads.Heads(engine.database)
    await engine.until(await engine.submit())
    await engine.commands.release(ADMIN, f"VX-{held.id}")
    assert (await engine.until(f"VX-{held.id}", seconds=8)).state is JobState.FINISHED
    assert await read.read(10) == [] and not read.partial
    assert await read.read(10) == [] and read.partial


async def test_what_one_statement_does_to_a_job_of_very_many_steps_is_all_in_its_log(engine: Engine) -> None:
    first, second = range(1, 101), range(1001, 1100)
    begin = [TaskDefinition(StepNumber(n), "", "test", "brief", Dependency()) for n in first]
    gate = TaskDefinition(StepNumber(900), "", "test", "brief", Dependency(all_previous=True))
    fan = [TaskDefinition(StepNumber(n), "", "test", "brief", Dependency(step=StepNumber(900))) for n in second]
    engine.types["FAN"] = JobType("FAN", (*begin, gate, *fan))
    engine.know_types()
    engine.worker(ScriptedExecutor(short=["brief"], brief=succeed), slots=1000)
    engine.scheduler()
    job = await engine.submit("FAN")
    assert (await engine.until(job, seconds=50)).state is JobState.FINISHED
    log = Counter((step, new) for _, step, _, new in await engine.events())
    for step in (*first, 900, *second):
        assert [log[step, state] for state in ("READY", "STARTED", "FINISHED")] == [1, 1, 1], step
