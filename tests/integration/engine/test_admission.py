"""Who is admitted, and how many at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import timedelta
from uuid import uuid4

import asyncpg

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.model import JobId, JobType, Priority
from vidijob.jobs.policy import Admission
from vidijob.jobs.states import JobState
from vidijob.store import admissions, slots, workers


class Counting:
    """Counts how many jobs run at once."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.now = 0
        self.most = 0
        self._seconds = seconds

    async def __call__(self, step: StepContext) -> Outcome:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self._seconds)
        self.now -= 1
        return Done()


def most_started(events: list[tuple[int, int | None, str | None, str]]) -> int:
    """Return how many jobs were STARTED at once at most, by the event log."""
    now = most = 0
    for _, step, old, new in events:
        if step is None:
            now += (new == "STARTED") - (old == "STARTED")
            most = max(most, now)
    return most


async def test_never_more_than_the_limit(engine: Engine) -> None:
    engine.concurrent_jobs = 2
    work = Counting()
    for _ in range(3):
        engine.worker(ScriptedExecutor(work=work), slots=8)
    for _ in range(3):
        engine.scheduler()
    ids = [await engine.submit() for _ in range(20)]
    for id in ids:
        await engine.until(id, seconds=30)
    assert work.most == 2
    assert most_started(list(await engine.events())) == 2


async def test_an_immediate_job_starts_as_soon_as_one_that_finds_room_although_all_is_full(engine: Engine) -> None:
    engine.types["ONE"] = JobType("ONE", (task(100, "brief"),))
    engine.know_types()
    engine.concurrent_jobs = 2
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done()

    begun: dict[str, float] = {}

    async def brief(step: StepContext) -> Outcome:
        begun[step.job] = time.perf_counter()
        return Done()

    engine.worker(ScriptedExecutor(work=work, brief=brief), slots=2)
    engine.scheduler()
    pick_ups: dict[Priority, list[float]] = {Priority.MEDIUM: [], Priority.IMMEDIATE: []}
    for _ in range(3):
        for priority, waits in pick_ups.items():
            go_on.clear()
            full = [await engine.submit() for _ in range(2)] if priority is Priority.IMMEDIATE else []
            for id in full:
                await engine.until(id, JobState.STARTED)
            waiting = [await engine.submit("ONE", Priority.HIGHEST) for _ in range(5)] if full else []
            for _ in range(7):
                before = time.perf_counter()
                job = await engine.submit("ONE", priority)
                await engine.until(job)
                waits.append(begun[job] - before)
            for id in waiting:
                assert (await engine.insights.job(id)).state is JobState.READY
            go_on.set()
            for id in [*full, *waiting]:
                await engine.until(id)
    usual, immediate = (statistics.median(waits) for waits in pick_ups.values())
    assert immediate <= 2 * usual, "medians of 21, by turns"


async def test_a_job_raised_to_immediate_is_admitted_and_frees_its_slot(engine: Engine) -> None:
    engine.concurrent_jobs = 1
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done()

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    first = await engine.submit()
    await engine.until(first, JobState.STARTED)
    second = await engine.submit()
    await engine.commands.prioritise(ADMIN, first, Priority.IMMEDIATE)
    await engine.until(second, JobState.STARTED)
    go_on.set()
    await engine.until(first)
    await engine.until(second)


async def test_a_queued_job_that_is_raised_goes_first(engine: Engine) -> None:
    engine.types["ONE"] = JobType("ONE", (task(100),))
    engine.know_types()
    engine.concurrent_jobs = 1
    ids = [await engine.submit("ONE") for _ in range(5)]
    await engine.commands.prioritise(ADMIN, ids[3], Priority.HIGH)
    await engine.commands.prioritise(ADMIN, ids[0], Priority.LOW)
    executor = ScriptedExecutor()
    engine.worker(executor)
    engine.scheduler()
    for id in ids:
        await engine.until(id)
    assert [job for job, _ in executor.calls] == [ids[3], ids[1], ids[2], ids[4], ids[0]]


async def test_a_stale_leader_admits_nothing(engine: Engine) -> None:
    id = await engine.submit()
    old, new = uuid4(), uuid4()
    term = await workers.campaign(engine.database, "scheduler", old, timedelta(seconds=-1))
    assert term == 1
    assert await workers.campaign(engine.database, "scheduler", new, timedelta(seconds=60)) == 2
    await slots.arrange(engine.database, new, 2, {1: Priority.LOWEST, 2: Priority.LOWEST}, ())
    job = (await engine.insights.job(id)).id
    for holder, stale_term in ((old, 1), (old, 2), (new, 1)):
        assert (await admissions.admit(engine.database, holder, stale_term, [Admission(job, 1)])).started == []
    assert (await engine.insights.job(id)).state is JobState.READY
    assert (await admissions.admit(engine.database, new, 2, [Admission(job, 1)])).started == [job]


async def test_the_database_refuses_a_job_without_a_free_slot(engine: Engine) -> None:
    holder = uuid4()
    await workers.campaign(engine.database, "scheduler", holder, timedelta(seconds=60))
    await slots.arrange(engine.database, holder, 1, {1: Priority.LOWEST}, ())
    first = (await engine.insights.job(await engine.submit())).id
    second = (await engine.insights.job(await engine.submit())).id
    assert (await admissions.admit(engine.database, holder, 1, [Admission(first, 1)])).started == [first]
    for slot in (1, 2, None):
        assert (await admissions.admit(engine.database, holder, 1, [Admission(second, slot)])).started == []


async def test_a_slot_is_found_where_it_lies_and_only_when_its_job_has_ended(engine: Engine) -> None:
    holder = uuid4()
    await workers.campaign(engine.database, "scheduler", holder, timedelta(seconds=60))
    made = await slots.arrange(engine.database, holder, 1, {1: Priority.LOWEST, 2: Priority.LOWEST}, ())
    first, second = [(await engine.insights.job(await engine.submit())).id for _ in range(2)]

    async def admit(job: JobId, tid: str) -> dict[int, slots.Row]:
        return (await admissions.admit(engine.database, holder, 1, [Admission(job, 1)], tids={1: tid})).filled

    assert await admit(first, made[2]) == {}  # another one lies there
    filled = await admit(first, made[1])
    assert filled[1].job == first
    for tid in (made[1], filled[1].tid, "(77,1)"):  # it was changed; it is taken; nothing is there
        assert await admit(second, tid) == {}
    left = await slots.left(engine.database, [first, second])
    assert not left.ended and left.others == {second}
    engine.worker(ScriptedExecutor())
    await engine.until(f"VX-{first}")
    assert (await slots.left(engine.database, [first])).ended == {first}
    assert (await admit(second, filled[1].tid))[1].job == second


async def test_slots_take_turns(engine: Engine, url: str) -> None:
    engine.concurrent_jobs = 4
    engine.worker(ScriptedExecutor())
    engine.scheduler()
    ids = []
    for _ in range(4):
        ids.append(await engine.submit())
        await engine.until(ids[-1])
    connection = await asyncpg.connect(url)
    try:
        # Each remembers who had it last.
        assert [
            f"VX-{row['job_id']}" for row in await connection.fetch("SELECT job_id FROM slot ORDER BY job_id")
        ] == ids
    finally:
        await connection.close()


async def test_another_leads_when_the_leader_goes(engine: Engine) -> None:
    first = engine.scheduler()
    async with asyncio.timeout(5):
        while not first.leads:
            await asyncio.sleep(0.01)
    second = engine.scheduler()
    await asyncio.sleep(0.1)
    assert not second.leads
    await first.stop()
    async with asyncio.timeout(5):
        while not second.leads:
            await asyncio.sleep(0.01)


async def test_another_leads_within_five_seconds_when_the_leader_is_killed(engine: Engine) -> None:
    dead = uuid4()
    from vidijob.engine.scheduler import TERM

    await workers.campaign(engine.database, "scheduler", dead, TERM)
    scheduler = engine.scheduler()
    async with asyncio.timeout(5):
        while not scheduler.leads:
            await asyncio.sleep(0.01)


async def test_a_smaller_limit_holds_as_slots_become_free(engine: Engine) -> None:
    work = Counting(0.05)
    engine.worker(ScriptedExecutor(work=work), slots=16)
    engine.concurrent_jobs = 6
    first = engine.scheduler()
    ids = [await engine.submit() for _ in range(12)]
    await engine.until(ids[0], JobState.STARTED, JobState.FINISHED)
    engine.parts.remove(first)
    await first.stop()
    engine.concurrent_jobs = 2
    engine.scheduler()
    for id in ids:
        await engine.until(id, seconds=30)
    work.most = 0
    more = [await engine.submit() for _ in range(6)]
    for id in more:
        await engine.until(id, seconds=30)
    assert work.most == 2
