"""What a server costs its database while there is nothing to do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import asyncpg
import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.jobs.states import JobState
from vidijob.observability import metrics
from vidijob.store.database import Database

WORKERS = 100
SECONDS = 12
#: Of the pool of the tests.
CONNECTIONS = 8


async def transactions(database: Database, connection: asyncpg.Connection[asyncpg.Record]) -> int:
    """Return how many there were on this database; a statement alone is one."""
    async with AsyncExitStack() as stack:
        # Each connection keeps its count to itself for a while.
        for session in [await stack.enter_async_context(database.session()) for _ in range(CONNECTIONS)]:
            await session.script("SELECT pg_stat_force_next_flush()")
            await session.script("SELECT 1")
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    value = await connection.fetchval(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    )
    assert isinstance(value, int)
    return value


async def answered(database: Database) -> None:
    """Wait until the database has answered whatever stands before this in the queue for a connection."""
    async with database.session() as session:
        await session.script("SELECT 1")


def asked_by_name() -> Counter[str]:
    """Return how many statements this process has sent to the database, by their names."""
    samples = (sample for family in metrics.STATEMENTS._made.collect() for sample in family.samples)
    return Counter(
        {sample.labels["statement"]: int(sample.value) for sample in samples if "statement" in sample.labels}
    )


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_hundred_idle_workers_ask_at_most_five_times_a_second(engine: Engine, url: str) -> None:
    engine.scheduler()
    executor = ScriptedExecutor()
    # Who starts before it is sure to hear looks once more by itself.
    async with asyncio.timeout(30):
        while not engine.bell.hears:
            await asyncio.sleep(0.02)
    there = [engine.worker(executor) for _ in range(WORKERS)]
    # Something was done, of which each of them has heard, and all have looked what it was.
    await engine.until(await engine.submit(), seconds=50)
    async with asyncio.timeout(50):
        while not all(worker._entered for worker in there):
            await asyncio.sleep(0.02)
        # A second may pass in which nothing is asked because nothing gets on: what was asked before is answered first.
        quiet = 0
        while quiet < 3:
            before = asked_by_name().total()
            await asyncio.sleep(1)
            await answered(engine.database)
            quiet = quiet + 1 if asked_by_name().total() - before <= WORKERS / 10 else 0
    # Whoever has to listen anew looks at everything once; that is no idle time, and is not measured.
    anew: list[None] = []
    engine.bell.on("vidijob_remote", lambda: anew.append(None))
    connection = await asyncpg.connect(url)
    try:
        while True:
            anew.clear()
            names, before, began = asked_by_name(), await transactions(engine.database, connection), time.monotonic()
            await asyncio.sleep(SECONDS)
            after = await transactions(engine.database, connection)
            asked, seconds = asked_by_name() - names, time.monotonic() - began
            if not anew:
                break
    finally:
        await connection.close()
    assert 0 < asked.total() <= 5 * seconds, f"{asked.total() / seconds:.1f} a second: {asked}"
    # Postgres counts what it does by itself as well, now and then; what a worker asks uncounted all of them ask.
    assert after - before - 2 * CONNECTIONS - asked.total() < WORKERS / 2
    # And they wake all the same.
    await engine.until(await engine.submit(), JobState.FINISHED, seconds=10)
