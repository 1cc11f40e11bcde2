"""What it costs whoever writes that jobs are counted, and whether the counts are those of the jobs while others write."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from vidijob.bench.figures import Figure, Size
from vidijob.bench.running import USER, Ours, chain
from vidijob.jobs.model import Priority
from vidijob.jobs.search import FacetField, Filter
from vidijob.jobs.states import JobState
from vidijob.store import bench, counts, jobs, search
from vidijob.store.database import Database
from vidijob.store.jobs import NewJob
from vidijob.store.queries import query

_CLIENTS = 8
_TYPES, _USERS = 12, 50
_COMPARED = 1000
_FOLDED = 500
#: The part of the statement that counts.
_COUNTED = re.compile(r"counted AS \(.*?\n\), ", re.DOTALL)
_ALL = Filter()


class Uncounted(Database):
    """A pool whose submissions are not counted."""

    def __init__(self, other: Database) -> None:
        super().__init__(lambda: other.url)
        counted = query("job.submit")
        self._submit = replace(counted, sql=_COUNTED.sub("", counted.sql))
        if self._submit == counted:
            raise AssertionError("the statement does not count, or otherwise than it did")

    async def rows(self, name: str, *arguments: object) -> list[Any]:
        """Run one query on a connection of its own and return its rows."""
        if name != "job.submit":
            return await super().rows(name, *arguments)
        async with self.session() as session:
            return await session.run(self._submit, *arguments)


async def counting(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Submissions one by one, counted and not; then the counts beside the jobs themselves, a thousand times in one snapshot."""
    ours, uncounted, number = Ours(database), Uncounted(database), size.part(5)
    await uncounted.open()
    try:
        for kinds, whose in ((1, "all of one kind"), (_TYPES * _USERS, f"of {_TYPES * _USERS} kinds")):
            rates: tuple[list[float], list[float]] = ([], [])
            for turn in range(size.rounds + 1):
                both = ((database, rates[0]), (uncounted, rates[1]))
                # Whoever comes first has what the one before has left to do; so neither always does.
                for pool, found in both if turn % 2 else reversed(both):
                    await ours.clear()
                    taken = await _submit(pool, number, kinds)
                    if turn:
                        found.append(number / taken)
            this, other = map(statistics.median, rates)
            yield Figure(f"submissions, {_CLIENTS} clients, {whose}", this, other, "not counted", unit="jobs/s")
    finally:
        await uncounted.close()
    await ours.clear()
    writing = asyncio.create_task(_write(database))
    try:
        equal = sum([await _equal(database) for _ in range(_COMPARED)])
    finally:
        writing.cancel()
        await asyncio.wait({writing})
    yield Figure("hits and facets equal to GROUP BY meanwhile", equal, _COMPARED, "times compared", unit="")


async def _submit(pool: Database, number: int, kinds: int) -> float:
    steps, left = chain(1), iter(range(number))

    async def client() -> None:
        for place in left:
            kind = place % kinds
            owner = f"{USER.name}{kind // _TYPES}"
            new = NewJob(f"BENCH{kind % _TYPES}", JobState.READY, Priority.MEDIUM, owner, {}, steps)
            await jobs.submit(pool, [new])

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return time.perf_counter() - begun


async def _write(database: Database) -> None:
    while True:
        await _submit(database, _FOLDED, _TYPES * _USERS)
        await counts.fold(database, _FOLDED)


async def _equal(database: Database) -> bool:
    async with database.snapshot() as session:
        whole, *facets = await search.tallies(session, _ALL, [(None, _ALL), *((field, _ALL) for field in FacetField)])
        grouped = await bench.group(session)
    found: list[Counter[str]] = [Counter() for _ in FacetField]
    for *values, several in grouped:
        for one, value in zip(found, values, strict=True):
            one[str(value)] += int(several)
    return whole.get("", 0) == found[0].total() and [Counter(facet) for facet in facets] == found
