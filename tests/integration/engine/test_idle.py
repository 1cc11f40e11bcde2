"""What a server costs its database while there is nothing to do."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.integration.api.vidispine.servers import statements, statements_by_name
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.jobs.states import JobState
from vidijob.store.database import Database

WORKERS = 100
SECONDS = 12
#: What is not counted by name: whether it hears, the listener finds out every five seconds.
LISTENING = 0.2


async def answered(database: Database) -> None:
    """Wait until the database has answered whatever stands before this in the queue for a connection."""
    async with database.session() as session:
        await session.script("SELECT 1")


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_hundred_idle_workers_ask_at_most_five_times_a_second(engine: Engine) -> None:
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
            told = statements()
            await asyncio.sleep(1)
            await answered(engine.database)
            quiet = quiet + 1 if statements() - told <= WORKERS / 10 else 0
    # Whoever has to listen anew looks at everything once; that is no idle time, and is not measured.
    anew: list[None] = []
    engine.bell.on("vidijob_remote", lambda: anew.append(None))
    while True:
        anew.clear()
        before, began = statements_by_name(), time.monotonic()
        await asyncio.sleep(SECONDS)
        await answered(engine.database)
        asked, seconds = statements_by_name() - before, time.monotonic() - began
        if not anew:
            break
    assert 0 < asked.total() <= (5 - LISTENING) * seconds, f"{asked.total() / seconds:.1f} a second: {asked}"
    # And they wake all the same.
    await engine.until(await engine.submit(), JobState.FINISHED, seconds=10)
