"""Limits, pools and task groups in a running engine: what is configured holds, whatever is killed or changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.engine.configuration import Configuration
from vidijob.engine.task_groups import TaskGroups
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.model import Priority
from vidijob.jobs.policy import Admission
from vidijob.jobs.pools import Pool
from vidijob.jobs.states import JobState
from vidijob.jobs.task_groups import JobFilter, TaskGroup
from vidijob.store import admissions, limits, slots, workers

LOWEST, LOW, MEDIUM, HIGH = list(Priority)[:4]


class Gate:
    """Lets jobs through when the test says so, and knows how many of which priority run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._open: set[str] = set()
        self.running: set[str] = set()
        self.most = 0

    async def __call__(self, step: StepContext) -> Outcome:
        if step.step == 5000:
            return Done()
        self.running.add(step.job)
        self.most = max(self.most, len(self.running))
        while step.job not in self._open:
            await asyncio.sleep(0.01)
        if step.step == 300:
            self.running.discard(step.job)
        return Done()

    async def let(self, *ids: str) -> None:
        """Let jobs end, and wait until they have."""
        self._open |= set(ids)
        for id in ids:
            await self._engine.until(id)

    async def count(self, number: int) -> None:
        """Wait until so many run."""
        async with asyncio.timeout(5):
            while len(self.running) != number:
                await asyncio.sleep(0.01)


@pytest.fixture
async def gate(engine: Engine) -> Gate:
    gate = Gate(engine)
    engine.worker(ScriptedExecutor(work=gate), slots=50)
    return gate


async def settled(seconds: float = 1.2) -> None:
    """Give the scheduler the time to do what it should not."""
    await asyncio.sleep(seconds)


async def test_a_pool_keeps_its_places(engine: Engine, gate: Gate) -> None:
    await Configuration(engine.database, engine.bell).set_job_pools(3, [Pool(HIGH, 1)], replace=True)
    engine.scheduler()
    low = [await engine.submit(priority=LOW) for _ in range(4)]
    await gate.count(2)
    await settled()
    assert gate.running == set(low[:2])
    high = [await engine.submit(priority=HIGH) for _ in range(2)]
    await gate.count(3)
    await settled()
    assert gate.running == {*low[:2], high[0]}
    # What is free for everybody goes to the highest.
    await gate.let(low[0])
    await gate.count(3)
    assert gate.running == {low[1], *high}
    await gate.let(*high, *low)
    assert gate.most == 3


async def test_a_new_pool_counts_the_jobs_that_run(engine: Engine, gate: Gate) -> None:
    configuration = Configuration(engine.database, engine.bell)
    engine.scheduler()
    low = [await engine.submit(priority=LOW) for _ in range(6)]
    await gate.count(3)
    await configuration.set_job_pools(None, [Pool(HIGH, 2)], replace=True)
    await settled()
    await gate.let(low[0], low[1])
    await settled()
    # One LOW job runs; the two other places are kept.
    assert gate.running == {low[2]}
    high = [await engine.submit(priority=HIGH) for _ in range(3)]
    await gate.count(3)
    assert gate.running == {low[2], *high[:2]}
    await configuration.delete_job_pools()
    await gate.let(*high)
    await gate.count(3)
    await gate.let(*low)


async def test_a_smaller_limit_lets_nobody_in_until_enough_have_ended(engine: Engine, gate: Gate) -> None:
    configuration = Configuration(engine.database, engine.bell)
    await configuration.set_job_pools(5, [], replace=True)
    engine.scheduler()
    ids = [await engine.submit() for _ in range(8)]
    await gate.count(5)
    await configuration.set_job_pools(2, [], replace=True)
    await settled()
    for number, id in enumerate(ids[:4], 1):
        await gate.let(id)
        await settled(0.3)
        assert len(gate.running) == max(5 - number, 2)
    await gate.let(*ids)
    assert len((await limits.read(engine.database)).seats) == 2


async def test_the_setting_counts_until_an_administrator_has_spoken(engine: Engine, gate: Gate) -> None:
    engine.concurrent_jobs = 1
    engine.scheduler()
    ids = [await engine.submit() for _ in range(3)]
    await gate.count(1)
    configuration = Configuration(engine.database, engine.bell, concurrent_jobs=1)
    await configuration.set_properties({"concurrentJobs": "2"})
    await gate.count(2)
    await configuration.delete_property("concurrentJobs")
    await settled()
    await gate.let(ids[0])
    await settled(0.5)
    assert len(gate.running) == 1
    await gate.let(*ids)


async def test_a_stale_leader_arranges_nothing(engine: Engine) -> None:
    old, new = uuid4(), uuid4()
    await workers.campaign(engine.database, "scheduler", old, timedelta(seconds=-1))
    assert await workers.campaign(engine.database, "scheduler", new, timedelta(seconds=60)) == 2
    await slots.arrange(engine.database, new, 2, {1: LOWEST, 2: HIGH}, ())
    for holder, term in ((old, 1), (old, 2), (new, 1)):
        await slots.arrange(engine.database, holder, term, {1: HIGH, 3: LOWEST}, (2,))
    assert [(seat.number, seat.kept_for) for seat in (await limits.read(engine.database)).seats] == [
        (1, LOWEST),
        (2, HIGH),
    ]


async def test_a_slot_that_is_taken_is_not_taken_out(engine: Engine) -> None:
    holder = uuid4()
    await workers.campaign(engine.database, "scheduler", holder, timedelta(seconds=60))
    await slots.arrange(engine.database, holder, 1, {1: LOWEST, 2: LOWEST}, ())
    job = (await engine.insights.job(await engine.submit())).id
    assert (await admissions.admit(engine.database, holder, 1, [Admission(job, 1)])).started == [job]
    await slots.arrange(engine.database, holder, 1, {}, (1, 2))
    assert [(seat.number, seat.occupant) for seat in (await limits.read(engine.database)).seats] == [(1, MEDIUM)]


async def test_the_database_refuses_the_same_place_twice(engine: Engine) -> None:
    holder = uuid4()
    await workers.campaign(engine.database, "scheduler", holder, timedelta(seconds=60))
    await slots.arrange(engine.database, holder, 1, {1: LOWEST, 2: LOWEST}, ())
    first, second = [(await engine.insights.job(await engine.submit())).id for _ in range(2)]
    assert (await admissions.admit(engine.database, holder, 1, [Admission(first, 1, "g", 1)])).started == [first]
    with pytest.raises(asyncpg.UniqueViolationError):
        await admissions.admit(engine.database, holder, 1, [Admission(second, 2, "g", 1)])
    assert await slots.places(engine.database) == {"g": {1}}
    assert (await admissions.admit(engine.database, holder, 1, [Admission(second, 2, "g", 2)])).started == [second]


async def test_a_group_is_limited_by_any_number_of_schedulers(engine: Engine, gate: Gate) -> None:
    groups = TaskGroups(engine.database, engine.bell)
    await groups.put(TaskGroup("g", max_concurrency=2, filters=(JobFilter(data=(("a", "b"),)),)))
    await Configuration(engine.database, engine.bell).set_job_pools(6, [], replace=True)
    for _ in range(3):
        engine.scheduler()
    limited = [await engine.submit(a="b") for _ in range(8)]
    free = [await engine.submit(a="c") for _ in range(2)]
    await gate.count(4)
    await settled()
    assert gate.running == {*limited[:2], *free}
    for number in range(6):
        await gate.let(limited[number])
        await settled(0.2)
        assert len(gate.running & set(limited)) == 2
    await gate.let(*limited, *free)
    assert await slots.places(engine.database) == {}


async def test_a_place_comes_back_when_its_job_is_aborted_or_raised(engine: Engine, gate: Gate) -> None:
    await TaskGroups(engine.database, engine.bell).put(TaskGroup("g", max_concurrency=1))
    engine.scheduler()
    first, second, third = [await engine.submit() for _ in range(3)]
    await gate.count(1)
    await engine.commands.abort(ADMIN, first, reason=None, cleanup=True)
    gate._open.add(first)
    await engine.until(second, JobState.STARTED)
    await engine.commands.prioritise(ADMIN, second, Priority.IMMEDIATE)
    await engine.until(third, JobState.STARTED)
    await gate.let(second, third)


async def test_many_jobs_of_a_full_group_do_not_hold_others_back(engine: Engine, gate: Gate) -> None:
    from vidijob.engine import choices

    await TaskGroups(engine.database, engine.bell).put(
        TaskGroup("g", max_concurrency=1, filters=(JobFilter(data=(("a", None),)),))
    )
    limited = await asyncio.gather(*(engine.submit(a="b") for _ in range(choices._PAGE + 50)))
    other = await engine.submit()
    engine.scheduler()
    await engine.until(other, JobState.STARTED)
    assert len(gate.running & set(limited)) <= 1
    gate._open.add(other)
    await engine.until(other)
