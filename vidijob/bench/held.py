"""What it costs when somebody reads from one snapshot for a long time: Postgres keeps what is gone since then, and whoever
looks for what is next passes it.

Jobs are submitted at a steady rate, as many in each second as can well be carried out: for a while, then with a snapshot held,
then again without.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from vidijob.bench.figures import Figure, Size, quantile
from vidijob.bench.running import Ours, running
from vidijob.engine.bell import Bell
from vidijob.store import bench
from vidijob.store.database import Database

#: Jobs a second, and how often some are submitted.
_RATE = 500
_BEATS = 50
#: What is measured of a phase is its last part, at most so many seconds.
_LAST = 20.0
#: Before and after the snapshot is held, in seconds.
_AROUND = 10.0
#: The statements by which a job gets from the queue to a worker.
_CLAIMS = frozenset({"job.head", "job.head_behind", "slot.left", "job.admit", "step.claim"})


class Watched(Database):
    """A pool that remembers how long what was claimed took, in milliseconds."""

    def __init__(self, watched: Database) -> None:
        super().__init__(lambda: watched.url)
        self.claims: list[float] = []

    async def rows(self, name: str, *arguments: object) -> list[Any]:
        """Run one query on a connection of its own and return its rows."""
        begun = time.perf_counter()
        rows = await super().rows(name, *arguments)
        if name in _CLAIMS and rows:
            self.claims.append(1000 * (time.perf_counter() - begun))
        return rows


@dataclass
class _Phase:
    #: Of each round.
    claims: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


async def held(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Claims and ends while a snapshot is held for as long as so many jobs take, and after it, beside before it."""
    watched = Watched(database)
    ours = Ours(watched)
    seconds = size.jobs / _RATE
    phases: defaultdict[str, _Phase] = defaultdict(_Phase)
    await watched.open()
    try:
        for _ in range(size.rounds):
            await ours.clear()
            async with running(watched) as engine:
                for name, lasting in (("clean", _AROUND), ("held", seconds), ("released", _AROUND)):
                    async with AsyncExitStack() as stack:
                        if name == "held":
                            await stack.enter_async_context(bench.long_snapshot(database))
                        await _offer(ours, engine.bell, max(lasting - _LAST, lasting / 2))
                        watched.claims.clear()
                        before, begun = engine.nothing.done, time.perf_counter()
                        await _offer(ours, engine.bell, min(lasting / 2, _LAST))
                        phases[name].rates.append((engine.nothing.done - before) / (time.perf_counter() - begun))
                        phases[name].claims.append(quantile(watched.claims, 0.95))
    finally:
        await watched.close()
    since = f"a snapshot held for {seconds:.0f} s at {_RATE} jobs/s"
    for what, unit in (("claims", "ms"), ("rates", "jobs/s")):
        clean = statistics.median(getattr(phases["clean"], what))
        for name, when in (("held", since), ("released", "when it was released")):
            named = "claims, p95" if what == "claims" else "jobs of one step"
            this = statistics.median(getattr(phases[name], what))
            yield Figure(f"{named}, {when}", this, clean, "before it was held", unit=unit)


async def _offer(ours: Ours, bell: Bell, seconds: float) -> None:
    """Submit jobs at the rate for so long."""
    begun = time.perf_counter()
    for beat in range(int(seconds * _BEATS)):
        await ours.put(_RATE // _BEATS)
        bell.ring("vidijob_job")
        await asyncio.sleep(max(begun + (beat + 1) / _BEATS - time.perf_counter(), 0))
