"""Somebody locks rows and goes to sleep: a client with a transaction, a server that was stopped in the middle of one. What he has
not locked goes on, and so does the rest when he is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor
from tests.integration.engine.test_leases import claim_one, held
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.scheduler import TERM
from vidijob.engine.task_groups import TaskGroups
from vidijob.errors import Unavailable
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.states import JobState, StepState
from vidijob.jobs.task_groups import JobFilter, TaskGroup
from vidijob.store import steps, workers
from vidijob.store.database import Database
from vidijob.store.steps import End

QUEUED = "SELECT FROM job_queue WHERE job_id = ANY ($1) FOR UPDATE"
ROWS = "SELECT FROM job WHERE id = ANY ($1) FOR UPDATE"


@asynccontextmanager
async def locked(url: str, statement: str, *ids: str) -> AsyncIterator[None]:
    """Hold a lock on what belongs to some jobs."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(statement, [int(id.removeprefix("VX-")) for id in ids])
            yield
    finally:
        await connection.close()


async def expiry(engine: Engine) -> datetime:
    """Return when the only lease runs out."""
    async with engine.database.session() as session:
        (row,) = await session._connection.fetch("SELECT expires_at FROM lease")
    assert isinstance(row[0], datetime)
    return row[0]


@pytest.mark.parametrize("ways", ["plain", "ageing", "groups"])
@pytest.mark.parametrize("statement", [QUEUED, ROWS])
async def test_jobs_that_somebody_has_locked_are_passed_over_and_come_later(
    engine: Engine, url: str, statement: str, ways: str
) -> None:
    engine.concurrent_jobs = 2
    if ways == "ageing":
        engine.ageing = timedelta(hours=1)
    elif ways == "groups":
        group = TaskGroup("g", max_concurrency=9, filters=(JobFilter(types=("WORK",)),))
        await TaskGroups(engine.database, engine.bell).put(group)
    engine.worker(ScriptedExecutor())
    first = [await engine.submit() for _ in range(5)]
    async with locked(url, statement, *first):
        rest = [await engine.submit() for _ in range(4)]
        engine.scheduler()
        for id in rest:
            await engine.until(id, JobState.FINISHED, seconds=10)
        assert [(await engine.insights.job(id)).state for id in first] == [JobState.READY] * 5
    for id in first:
        await engine.until(id, JobState.FINISHED, seconds=10)


async def test_the_end_of_a_step_waits_for_its_job_alone_and_is_not_lost(engine: Engine, url: str) -> None:
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done({f"by-{step.step}": [str(step.lease)]})

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    ids = [await engine.submit() for _ in range(3)]
    for id in ids:
        await engine.until(id, JobState.STARTED)
    async with locked(url, ROWS, ids[0]):
        go_on.set()
        for id in ids[1:]:
            await engine.until(id, JobState.FINISHED, seconds=10)
        # Its lease is kept, again and again.
        for _ in range(3):
            before = await expiry(engine)
            async with asyncio.timeout(10):
                while await expiry(engine) == before:
                    await asyncio.sleep(0.05)
        assert await steps.overdue(engine.database) == []
        assert (await engine.insights.job(ids[0])).state is JobState.STARTED
    job = await engine.until(ids[0], JobState.FINISHED, seconds=10)
    assert job.log is not None
    assert [attempt.state for attempt in job.log] == [StepState.FINISHED] * 3


async def test_what_a_vanished_worker_held_runs_again_but_for_what_is_locked(engine: Engine, url: str) -> None:
    engine.scheduler()
    ids = [await engine.submit() for _ in range(3)]
    leases = [await claim_one(engine, timedelta(seconds=-1)) for _ in ids]
    one = Rescuer(engine.database, engine.bell, lambda: True)
    async with locked(url, ROWS, ids[0]):
        await asyncio.wait_for(one.tick(), 5)
        left = [late.held for late in await steps.overdue(engine.database)]
        assert left == [held(lease) for lease in leases if f"VX-{lease.job}" == ids[0]]
    await one.tick()
    assert await steps.overdue(engine.database) == []


async def test_an_end_for_a_job_that_is_gone_is_not_told_again(engine: Engine, url: str) -> None:
    engine.scheduler()
    id = await engine.submit()
    lease = await claim_one(engine, timedelta(minutes=1))
    end = End(held(lease), StepState.FINISHED)
    async with locked(url, ROWS, id):
        ended = await steps.end(engine.database, [end])
        assert (ended.accepted, ended.busy) == (set(), {held(lease)})
    async with engine.database.session() as session:
        await session.script("UPDATE slot SET job_id = NULL; DELETE FROM job")
    ended = await steps.end(engine.database, [end])
    assert (ended.accepted, ended.busy) == (set(), set())


async def test_another_leads_though_the_leader_was_stopped_in_the_middle_of_an_admission(engine: Engine) -> None:
    stopped = uuid4()
    assert await workers.campaign(engine.database, "scheduler", stopped, TERM) == 1
    with pytest.raises(Unavailable):
        async with engine.database.transaction() as session:
            await session.script("SELECT FROM leader FOR SHARE")
            scheduler = engine.scheduler()
            async with asyncio.timeout(12):
                while not scheduler.leads:
                    await asyncio.sleep(0.05)
            # When it goes on it finds out that it has done nothing.
            await session.script("SELECT 1")


async def test_who_reads_from_a_snapshot_may_take_longer(database: Database) -> None:
    async with database.snapshot() as session:
        assert await session._connection.fetchval("SHOW idle_in_transaction_session_timeout") == "30s"
        assert await session._connection.fetchval("SHOW transaction_isolation") == "repeatable read"
    async with database.session() as session:
        assert not session._connection.is_in_transaction()
        assert await session._connection.fetchval("SHOW idle_in_transaction_session_timeout") == "5s"
