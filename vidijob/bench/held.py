"""What it costs when somebody reads from one snapshot for a long time: Postgres keeps what is gone since then, and whoever
looks for what is next passes it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from vidijob.bench.figures import Figure, Size, quantile
from vidijob.bench.running import Ours
from vidijob.store import bench
from vidijob.store.database import Database


class Watched(Database):
    """A pool that remembers how long its claims took, in milliseconds."""

    def __init__(self, watched: Database) -> None:
        super().__init__(lambda: watched.url)
        self.claims: list[float] = []

    async def rows(self, name: str, *arguments: object) -> list[Any]:
        """Run one query on a connection of its own and return its rows."""
        begun = time.perf_counter()
        rows = await super().rows(name, *arguments)
        if name == "step.claim" and rows:
            self.claims.append(1000 * (time.perf_counter() - begun))
        return rows


async def held(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Claims and ends while a snapshot is held since five times as many jobs, beside the same without one."""
    watched = Watched(database)
    ours = Ours(watched)
    number = size.part(5)
    claims: tuple[list[float], list[float]] = ([], [])
    rates: tuple[list[float], list[float]] = ([], [])
    await watched.open()
    try:
        for _ in range(size.rounds):
            for place, hold in enumerate((_held, _nothing_held)):
                await ours.clear()
                async with hold(database):
                    await ours.put(size.jobs)
                    await ours.drain(size.jobs)
                    await ours.put(number)
                    watched.claims.clear()
                    rates[place].append(number / await ours.drain(number))
                claims[place].append(quantile(watched.claims, 0.95))
    finally:
        await watched.close()
    since = f"snapshot held for {size.jobs} jobs"
    for name, found, unit in (("claims, p95", claims, "ms"), ("jobs of one step", rates, "jobs/s")):
        this, other = map(statistics.median, found)
        yield Figure(f"{name}, {since}", this, other, "no snapshot held", unit=unit)


@asynccontextmanager
async def _held(database: Database) -> AsyncIterator[None]:
    async with bench.long_snapshot(database):
        yield


@asynccontextmanager
async def _nothing_held(_: Database) -> AsyncIterator[None]:
    yield
