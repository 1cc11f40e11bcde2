"""What a server costs its database while there is nothing to do."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import asyncpg
import pytest

from tests.integration.api.vidispine.servers import statements
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.jobs.states import JobState
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
        asked = WORKERS
        while asked > WORKERS / 10:
            before = statements()
            await asyncio.sleep(1)
            asked = statements() - before
    connection = await asyncpg.connect(url)
    try:
        before, began = await transactions(engine.database, connection), time.monotonic()
        await asyncio.sleep(SECONDS)
        asked = await transactions(engine.database, connection) - before - 2 * CONNECTIONS
        seconds = time.monotonic() - began
    finally:
        await connection.close()
    assert 0 < asked <= 5 * seconds, f"{asked / seconds:.1f} a second"
    # And they wake all the same.
    await engine.until(await engine.submit(), JobState.FINISHED, seconds=10)
