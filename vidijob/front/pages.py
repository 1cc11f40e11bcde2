"""A page of a merged list: which parts of the sites' lists it takes, and in which order its jobs come. It knows no document.

A page that begins far down is not read from the beginning: where it begins in each site's list is found by asking for single
jobs, each of which halves what is still to be passed over (``Pages.offsets``).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from vidijob.api.vidispine.translate.parts import Part, Values
from vidijob.front.merging import Key, Place, key, place
from vidijob.front.sites import Site
from vidijob.jobs.search import Position

#: What a site gives at once.
MOST = 500
#: So few jobs are passed over by reading them.
_FEW = 200

#: Asks a site: how many jobs, from which number on or after which position.
Ask = Callable[[Site, int, int, Position | None], Awaitable[Part]]


@dataclass(frozen=True, slots=True)
class Item:
    """A job of a merged list."""

    key: Key
    rank: int
    values: Values
    shown: str


class Source:
    """The list of one site from some job on, read in parts."""

    def __init__(self, site: Site, rank: int, ask: Ask, first: int, after: Position | None = None) -> None:
        self._site = site
        self._rank = rank
        self._ask = ask
        self._first = first
        self._after = after
        self._items: deque[Item] = deque()
        self._ended = False

    def take_in(self, part: Part) -> None:
        """Go on with what was read already."""
        for values, shown in part.jobs:
            self._items.append(Item(key(part.order, values, self._rank), self._rank, values, shown))
        if part.jobs:
            self._after = place(part.order, part.jobs[-1][0], self._rank).position
        self._ended = not part.follows

    async def head(self, number: int) -> Item | None:
        """Return its first job, for which so many are read where none is there; ``None``: it is at its end."""
        if not self._items and not self._ended:
            first = self._first if self._after is None else 1
            self.take_in(await self._ask(self._site, first, number, self._after))
        return self._items[0] if self._items else None

    @property
    def left(self) -> bool:
        """Whether there is more of it."""
        return bool(self._items) or not self._ended

    def advance(self) -> None:
        """Go past the first job."""
        self._items.popleft()


async def merged(sources: Sequence[Source], number: int) -> AsyncIterator[Item]:
    """Yield the jobs of all sources in their order, of which so many are read at once."""
    heap: list[tuple[Key, int, Item]] = []
    for index, item in enumerate(await asyncio.gather(*(source.head(number) for source in sources))):
        if item is not None:
            heapq.heappush(heap, (item.key, index, item))
    while heap:
        _, index, item = heap[0]
        sources[index].advance()
        yield item
        # Only now: who has enough does not come back.
        following = await sources[index].head(number)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.key, index, following))


class Pages:
    """The list of some sites, as one request asks for it."""

    def __init__(self, ranks: Sequence[tuple[Site, int]], ask: Ask) -> None:
        """``ranks`` are the sites with their places among all."""
        self._ranks = tuple(ranks)
        self._ask = ask

    def sources(self, firsts: Sequence[int], after: Place | None = None) -> list[Source]:
        """Return the list of each site from a number on, or from behind a place."""
        return [
            Source(site, rank, self._ask, first, None if after is None else after.of(rank))
            for (site, rank), first in zip(self._ranks, firsts, strict=True)
        ]

    async def begin(self, behind: int, hits: Sequence[int]) -> tuple[list[Source], int]:
        """Return sources from which the jobs behind so many can be read, and how many of them have to be passed over still."""
        offsets, left = await self.offsets(behind, hits)
        return self.sources([offset + 1 for offset in offsets]), left

    async def offsets(self, behind: int, hits: Sequence[int], *, few: int = _FEW) -> tuple[list[int], int]:
        """Return how many jobs of each site are certainly among so many first ones, and how many these are short of it, at most
        a ``few`` while there are more.

        Of ``hits`` jobs in each list, the one that is a share of the rest further on is asked for. All up to the least of
        these are among the first ones: of any other site fewer than a share come before it.
        """
        ends = list(hits)
        passed = [0] * len(ends)
        probed: dict[tuple[int, int], Key] = {}
        left = behind
        while left > few:
            live = [which for which, end in enumerate(ends) if passed[which] < end]
            if not live:
                break
            share = max(left // len(live), 1)
            asked = [(which, min(passed[which] + share, ends[which])) for which in live]
            found = await asyncio.gather(*(self._probe(*one, probed) for one in asked))
            for (which, _), there in zip(asked, found, strict=True):
                if there is None:
                    # It has become shorter meanwhile.
                    ends[which] = passed[which]
            least = min(
                ((there, *one) for there, one in zip(found, asked, strict=True) if there is not None), default=None
            )
            if least is not None:
                _, which, number = least
                left -= number - passed[which]
                passed[which] = number
        return passed, left

    async def _probe(self, which: int, number: int, probed: dict[tuple[int, int], Key]) -> Key | None:
        if (which, number) not in probed:
            site, rank = self._ranks[which]
            part = await self._ask(site, number, 1, None)
            if not part.jobs:
                return None
            probed[which, number] = key(part.order, part.jobs[0][0], rank)
        return probed[which, number]
