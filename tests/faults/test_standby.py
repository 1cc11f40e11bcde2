"""Lists are read from a standby, real streaming replication, for as long as what it knows is young enough."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.faults.failover import Pair
from vidijob.engine.insights import Insights, Listing
from vidijob.engine.reading import Reading
from vidijob.jobs.model import Priority
from vidijob.jobs.search import Filter
from vidijob.jobs.states import JobState
from vidijob.store import jobs
from vidijob.store.database import Database
from vidijob.store.jobs import NewJob
from vidijob.store.migrate import migrate

BOUND = 2.0


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """A primary and its standby."""
    # Not in a folder of pytest's: the user of Postgres must be able to go there.
    with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
        place = Path(folder) / "postgres"
        place.mkdir()
        place.parent.chmod(0o755)
        made = Pair(place)
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


async def _do(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_lists_are_read_from_the_standby_while_it_is_young_enough(pair: Pair) -> None:
    primary, copy = Database(lambda: pair.url), Database(lambda: pair.standby.url)
    await primary.open()
    await migrate(primary)
    reading = Reading(primary, copy, timedelta(seconds=BOUND))
    insights = Insights(primary, "VX", lambda: reading.database)
    now = asyncio.get_running_loop().time

    async def hits() -> int:
        return (await insights.page(Listing(Filter(), (), first=1, number=0))).hits

    async def submit() -> None:
        await jobs.submit(primary, [NewJob("FAULT", JobState.HOLD, Priority.MEDIUM, "admin", {}, ())])

    async def until_read_from(database: Database) -> float:
        """Return how long it took, without the longest moment in which this process did not get to look."""
        began = looked = now()
        unseen = 0.0
        async with asyncio.timeout(10):
            while reading.database is not database:
                await asyncio.sleep(0.02)
                unseen, looked = max(unseen, now() - looked - 0.02), now()
        return now() - began - unseen

    assert reading.database is primary
    reading.start()
    await until_read_from(copy)
    await submit()
    async with asyncio.timeout(5):
        while await hits() != 1:
            await asyncio.sleep(0.02)
    assert reading.database is copy

    # Nothing is written for longer than the bound: what the standby knows is as young as ever.
    await asyncio.sleep(BOUND + 0.5)
    assert reading.database is copy

    # The standby stands still: for the bound its lists may be old, then they are not its any more.
    await _do(pair.standby.url, "SELECT pg_wal_replay_pause()")
    await submit()
    assert await hits() == 1
    assert await until_read_from(primary) <= BOUND + 0.2
    assert await hits() == 2
    await _do(pair.standby.url, "SELECT pg_wal_replay_resume()")
    await until_read_from(copy)
    assert await hits() == 2

    # It goes away while it is young enough: the primary answers the same question.
    await _do(pair.url, "ALTER SYSTEM RESET synchronous_standby_names")
    await _do(pair.url, "SELECT pg_reload_conf()")
    await pair.standby.stop()
    assert reading.database is copy
    assert await hits() == 2
    await until_read_from(primary)
    await reading.stop()
    await primary.close()


async def test_without_a_word_of_the_standby_the_primary_answers() -> None:
    primary, copy = (Database(lambda: "postgresql://127.0.0.1:1/none") for _ in range(2))
    reading = Reading(primary, copy, timedelta(seconds=60))
    assert reading.database is primary and reading.age is None
