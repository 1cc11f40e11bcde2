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


async def history(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Jobs of one step, submitted and carried out, a tenth of them after the other; once, whatever the rounds."""
    ours, number = Ours(database), size.part(_PARTS)
    rates: list[float] = []
    sizes: list[float] = []
    async with running(database) as (_, nothing):
        for part in range(1, _PARTS + 1):
            begun = time.perf_counter()
            await ours.put(number)
            await nothing.until(part * number)
            # Carried out is not yet ended.
            while await bench.open_jobs(database):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(_LOOK)
            rates.append(number / (time.perf_counter() - begun))
            sizes.append(await bench.live_size(database) / _MEGABYTE)
    last = f"the last {number:,} of {_PARTS * number:,} jobs"
    yield Figure(f"jobs of one step, {last}", rates[-1], rates[0], "the first", unit="jobs/s")
    # What is gone stays in them until autovacuum has come by for the first time: a minute, if nobody has set it otherwise.
    half = sizes[_PARTS // 2 - 1]
    yield Figure(f"queues, leases and slots after {last}", sizes[-1], half, "after half of them", unit="MB")
