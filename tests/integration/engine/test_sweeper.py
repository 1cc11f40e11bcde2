"""What is gone from the tables of jobs under way makes room soon, whatever autovacuum does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from vidijob.engine.sweeper import Sweeper
from vidijob.store.database import Database

#: The number of the next transaction.
NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
#: Whether a transaction that is older than that is under way in whichever database, or somebody in this one sees what was before it.
IS_SEEN = """
    SELECT pg_snapshot_xmin(pg_current_snapshot()) < $1::text::xid8 OR EXISTS (
      SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND age(backend_xmin) > age($1::text::xid8::xid)
    )
"""
PASS = "INSERT INTO job_queue (job_id, priority) SELECT n, 'LOW' FROM generate_series(1, 6000) n; DELETE FROM job_queue"


@pytest.fixture
async def connection(database: Database, url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database by which nobody else comes."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER TABLE job_queue SET (autovacuum_enabled = off)")
        yield connection
    finally:
        await connection.close()


async def grown(connection: asyncpg.Connection[asyncpg.Record]) -> tuple[int, int]:
    """Let jobs pass through the queue; returns its size afterwards, and that of its indexes."""
    await connection.execute(PASS)
    await connection.execute("SELECT pg_stat_force_next_flush()")
    sizes = await connection.fetchrow("SELECT pg_table_size('job_queue'), pg_indexes_size('job_queue')")
    assert sizes is not None
    return sizes[0], sizes[1]


async def unseen(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Return when nobody can see any more what is gone by now, not even autovacuum, which looks at other tables."""
    now = await connection.fetchval(NEXT)
    async with asyncio.timeout(50):
        while await connection.fetchval(IS_SEEN, now):
            await asyncio.sleep(0.02)


async def test_the_queue_stays_as_large_as_it_was(
    database: Database, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    sweeper, idle = Sweeper(database, lambda: True), Sweeper(database, lambda: False)
    assert await sweeper.tick() == 10.0  # nothing lies about
    sizes = []
    for _ in range(6):
        sizes.append(await grown(connection))
        assert await idle.tick() == 10.0  # that is for whoever leads
        await unseen(connection)
        assert await sweeper.tick() == 3.0
    tables, indexes = zip(*sizes, strict=True)
    assert tables[5] <= tables[2]
    # What an index has emptied it uses again one time later, or two while transactions are under way in other databases.
    assert indexes[5] <= 3 * indexes[0]
    assert await grown(connection) < await grown(connection)  # as without it


async def test_what_a_snapshot_still_shows_is_swept_less_and_less_often(
    database: Database, connection: asyncpg.Connection[asyncpg.Record], url: str
) -> None:
    sweeper, reader = Sweeper(database, lambda: True), await asyncpg.connect(url)
    try:
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            await reader.fetchval("SELECT count(*) FROM job_queue")
            await grown(connection)
            assert [await sweeper.tick() for _ in range(6)] == [6.0, 12.0, 24.0, 48.0, 60.0, 60.0]
        await unseen(connection)
        assert await sweeper.tick() == 3.0
    finally:
        await reader.close()
