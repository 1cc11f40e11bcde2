"""Jobs that start as they arrive, by one statement; and those that do not, and start all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.faults.injection import Faults, FaultyDatabase, Kind
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, succeed, task
from vidijob.engine.configuration import PAUSE_JOBS, Configuration
from vidijob.engine.scheduler import Scheduler
from vidijob.errors import Unavailable
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.graph import plan
from vidijob.jobs.model import JobType, Priority
from vidijob.jobs.notifications import NotificationRequest
from vidijob.jobs.states import JobState
from vidijob.store import jobs, traces
from vidijob.store.jobs import NewJob

ARRIVAL = ("arrivals.start", "arrival.start")
SUBMISSION = ("jobs.submit", "job.submit")
ADMISSION = ("admissions.admit", "job.admit")
TYPES = {"WORK": JobType("WORK", (task(100), task(200))), "LAST": JobType("LAST", (task(100, "last"),))}


class World:
    """An engine that leads, with one worker, on a database that counts what it is asked."""

    def __init__(self, database: FaultyDatabase, faults: Faults) -> None:
        self.engine = Engine(database, TYPES)
        self.faults = faults
        self.scheduler: Scheduler = self.engine.scheduler()
        #: Steps that are to last wait for it.
        self.go_on = asyncio.Event()
        self.engine.worker(ScriptedExecutor(work=succeed, last=self._last), slots=8)

    async def _last(self, step: StepContext) -> Outcome:
        await self.go_on.wait()
        return Done()

    async def opens(self) -> None:
        """Wait until the scheduler knows an opening."""
        async with asyncio.timeout(10):
            while self.scheduler.opening(Priority.MEDIUM) is None:
                await asyncio.sleep(0.005)

    async def sql(self, statement: str) -> None:
        """Change what the scheduler does not hear of."""
        async with self.engine.database.session() as session:
            await session._connection.execute(statement)

    async def starts(self) -> list[int]:
        """Return which jobs have started, in order."""
        return [job for job, step, _, new in await self.engine.events() if step is None and new == "STARTED"]


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """A world in which the next job would start as it arrives."""
    faults = Faults()
    database = FaultyDatabase(url, faults)
    await database.open()
    world = World(database, faults)
    # The worker offers nothing before it has looked whether others wait.
    await world.engine.until(await world.engine.submit())
    await world.opens()
    yield world
    await world.engine.stop()
    await database.close()


def new(priority: Priority = Priority.MEDIUM) -> NewJob:
    """A job as another process stores it that has not rung yet."""
    return NewJob("WORK", JobState.READY, priority, "admin", {}, plan(TYPES["WORK"].tasks))


async def test_it_is_stored_and_started_in_one_commit(world: World) -> None:
    passed = world.faults.passed.copy()
    asked = NotificationRequest(data={"name": ["value"]})
    job = await world.engine.commands.submit(ADMIN, "LAST", Priority.MEDIUM, {"a": ["b"]}, asked)
    assert job.state is JobState.READY
    found = await world.engine.insights.job(f"VX-{job.id}")
    assert (found.state, found.data, found.started) == (JobState.STARTED, {"a": ["b"]}, job.started)
    assert (world.faults.passed - passed)[ARRIVAL] == 1
    assert not {SUBMISSION, ADMISSION} & set(world.faults.passed - passed)
    async with world.engine.database.session() as session:
        told = await session._connection.fetch("SELECT DISTINCT tx FROM event WHERE job_id = $1", job.id)
        kept = await session._connection.fetchval("SELECT data FROM job_notification WHERE job_id = $1", job.id)
    assert len(told) == 1
    assert kept == {"name": ["value"]}
    world.go_on.set()
    assert (await world.engine.until(f"VX-{job.id}")).state is JobState.FINISHED


async def test_the_trace_that_it_belongs_to_is_kept_with_it(world: World) -> None:
    trace = f"00-{1:032x}-{2:016x}-01"
    stored = await world.engine.arrivals.start(replace(new(), trace=trace))
    assert stored is not None
    assert await traces.of(world.engine.database, stored[0]) == trace
    await world.engine.until(f"VX-{stored[0]}")


async def test_an_immediate_job_starts_as_it_arrives_although_all_is_full(world: World) -> None:
    full = [await world.engine.submit("LAST") for _ in range(world.engine.concurrent_jobs)]
    for job in full:
        await world.engine.until(job, JobState.STARTED)
    waiting = await world.engine.submit(priority=Priority.HIGHEST)
    passed = world.faults.passed.copy()
    await world.engine.until(await world.engine.submit(priority=Priority.IMMEDIATE))
    assert (world.faults.passed - passed)[ARRIVAL] == 1
    assert (world.faults.passed - passed)[SUBMISSION] == 0
    assert (await world.engine.insights.job(waiting)).state is JobState.READY
    world.go_on.set()
    await world.engine.until(waiting)


BEHIND = {
    "another has led meanwhile": "UPDATE leader SET term = term + 1",
    "the term is over": "UPDATE leader SET expires_at = clock_timestamp() - interval '1 s'",
    "other rules": "UPDATE admission_rules SET version = version + 1",
    "the slot is kept for others": "UPDATE slot SET least_priority = 'HIGHEST'",
}


@pytest.mark.parametrize("change", BEHIND.values(), ids=BEHIND)
async def test_where_it_is_not_as_the_scheduler_believes_it_queues(world: World, change: str) -> None:
    passed = world.faults.passed.copy()
    await world.sql(change)
    job = await world.engine.submit()
    assert (world.faults.passed - passed)[ARRIVAL] == 1
    assert (await world.engine.until(job)).state is JobState.FINISHED
    assert (world.faults.passed - passed)[ADMISSION] >= 1
    assert (world.faults.passed - passed)[SUBMISSION] == 0


async def test_it_does_not_overtake_one_that_another_process_has_stored_a_moment_ago(world: World) -> None:
    (first,) = await jobs.submit(world.engine.database, [new(Priority.LOWEST)])
    assert first is not None
    second = await world.engine.submit()
    for job in (f"VX-{first[0]}", second):
        await world.engine.until(job)
    # It is admitted with it, by the usual way.
    assert world.faults.passed[ADMISSION] >= 1
    async with world.engine.database.session() as session:
        told = await session._connection.fetch(
            "SELECT job_id, new_state FROM event WHERE step IS NULL AND new_state = 'READY' AND further IS NULL"
        )
    assert {f"VX-{row['job_id']}" for row in told} >= {f"VX-{first[0]}", second}


async def test_held_ones_such_with_a_key_and_several_go_the_usual_way(world: World) -> None:
    commands, passed = world.engine.commands, world.faults.passed.copy()
    held = await commands.submit(ADMIN, "WORK", Priority.MEDIUM, {}, hold=True)
    await world.opens()
    await world.engine.until(f"VX-{(await commands.submit(ADMIN, 'WORK', Priority.MEDIUM, {}, key='once')).id}")
    await world.opens()
    assert (world.faults.passed - passed)[ARRIVAL] == 0
    for job in await asyncio.gather(*(world.engine.submit() for _ in range(6))):
        await world.engine.until(job)
    # The first of those that come together is not with the others.
    assert (world.faults.passed - passed)[ARRIVAL] <= 1
    assert (await world.engine.insights.job(f"VX-{held.id}")).state is JobState.HOLD


async def test_nothing_starts_while_all_is_paused_nor_by_one_that_does_not_lead(world: World) -> None:
    configuration = Configuration(world.engine.database, world.engine.bell)
    await configuration.set_properties({PAUSE_JOBS: "true"})
    passed = world.faults.passed.copy()
    paused = await world.engine.submit()
    async with asyncio.timeout(10):
        while world.scheduler.opening(Priority.MEDIUM) is not None:
            await asyncio.sleep(0.005)
    tried = (world.faults.passed - passed)[ARRIVAL]
    later = await world.engine.submit()
    for job in (paused, later):
        assert (await world.engine.insights.job(job)).state is JobState.READY
    await configuration.set_properties({PAUSE_JOBS: "false"})
    for job in (paused, later):
        await world.engine.until(job)
    await world.scheduler.stop()
    last = await world.engine.submit()
    assert (await world.engine.insights.job(last)).state is JobState.READY
    assert (world.faults.passed - passed)[ARRIVAL] == tried <= 1


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.DELAY])
async def test_whatever_becomes_of_the_statement_or_its_answer_the_job_is_there_once_or_not(
    world: World, kind: Kind
) -> None:
    world.faults.arm(kind, only=ARRIVAL, calls=(world.faults.passed[ARRIVAL] + 1,))
    with pytest.raises(Unavailable):
        await world.engine.submit()
    world.faults.disarm()
    stored = {job for job, *_ in await world.engine.events()}
    assert len(stored) == (2 if kind is Kind.LOST else 1)
    for job in stored:
        # What its worker holds without knowing it, is given back long before the lease runs out.
        assert (await world.engine.until(f"VX-{job}", seconds=7)).state is JobState.FINISHED
    await world.opens()
    passed = world.faults.passed.copy()
    await world.engine.until(await world.engine.submit())
    assert (world.faults.passed - passed)[ARRIVAL] == 1


async def test_a_slot_is_given_to_nobody_else_while_a_job_is_on_its_way_to_it(url: str) -> None:
    faults = Faults()
    database = FaultyDatabase(url, faults)
    await database.open()
    world = World(database, faults)
    world.engine.concurrent_jobs = 1
    try:
        held = await world.engine.commands.submit(ADMIN, "WORK", Priority.MEDIUM, {}, hold=True)
        await world.engine.until(await world.engine.submit())
        await world.opens()
        passed = faults.passed.copy()
        faults.arm(Kind.DELAY, only=ARRIVAL, calls=(faults.passed[ARRIVAL] + 1,))
        coming = asyncio.create_task(world.engine.submit())
        await asyncio.sleep(0.02)
        await world.engine.commands.release(ADMIN, f"VX-{held.id}")
        first = await coming
        for job in (first, f"VX-{held.id}"):
            await world.engine.until(job)
        # Not one in vain.
        assert (faults.passed - passed)[ADMISSION] == 1
    finally:
        await world.engine.stop()
        await database.close()
