"""Whether a server grows slow with what it has done: jobs are run through it, all that there is to be told of them stays, and the
last tenth of them is compared with the first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from vidijob.bench.figures import Figure, Size
from vidijob.bench.running import Ours, running
from vidijob.store import bench
from vidijob.store.database import Database

_PARTS = 10
_LOOK = 0.002
_MEGABYTE = 1_000_000
#: So many jobs are submitted before those before them are done, so that the queue is as long with many jobs as with few.
_AHEAD = 2500
#: So often it is told how many there are.
_TOLD = 10 * _AHEAD
#: After so many of the parts it is told how large what is under way is, beside what it is after half of them.
_POINTS = (1, 3, 8, _PARTS)


async def history(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Jobs of one step, submitted and carried out, a tenth of them after the other; once, whatever the rounds."""
    ours, number = Ours(database), size.part(_PARTS)
    whole = _PARTS * number
    rates: list[float] = []
    sizes: list[float] = []
    async with running(database) as engine:
        for part in range(_PARTS):
            begun = time.perf_counter()
            for submitted in range(part * number, (part + 1) * number, _AHEAD):
                await ours.put(min(_AHEAD, (part + 1) * number - submitted))
                await engine.nothing.until(submitted)
                if submitted % _TOLD == 0:
                    size.told(f"{submitted:,} of {whole:,} jobs")
            await engine.nothing.until((part + 1) * number)
            # Carried out is not yet ended.
            while await bench.open_jobs(database):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(_LOOK)
            rates.append(number / (time.perf_counter() - begun))
            sizes.append(await bench.live_size(database) / _MEGABYTE)
            size.told(
                f"{(part + 1) * number:,} of {whole:,} jobs, the last tenth at {rates[-1]:,.0f}/s; {sizes[-1]:.1f} MB are under way"
            )
    last = f"the last {number:,} of {whole:,} jobs"
    yield Figure(f"jobs of one step, {last}", rates[-1], rates[0], "the first", unit="jobs/s")
    # What is gone stays in them until autovacuum has come by for the first time: a minute, if nobody has set it otherwise.
    half = sizes[_PARTS // 2 - 1]
    for point in _POINTS:
        after = f"{point * number:,} jobs" if point < _PARTS else last
        yield Figure(f"queues, leases and slots after {after}", sizes[point - 1], half, "after half of them", unit="MB")
