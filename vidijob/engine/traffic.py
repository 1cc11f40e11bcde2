"""How much is going on: what is queued, what ended lately, how long jobs waited. Looked at for all who ask, not for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from vidijob.store import traffic
from vidijob.store.database import Database
from vidijob.store.traffic import Ended, Queued, Waited

#: Of a stretch of time so many jobs are counted, and of so many it is looked how long they waited.
MOST_ENDED = 20_000
_MOST_WAITED = 50
#: For so long, in seconds, what was seen is seen again.
_REMEMBERED = 2.0


class Span(Enum):
    """How far back is looked."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def stretch(self) -> timedelta:
        """One point of the plots."""
        return {Span.HOUR: timedelta(minutes=1), Span.DAY: timedelta(minutes=15), Span.WEEK: timedelta(hours=2)}[self]

    @property
    def number(self) -> int:
        """How many there are."""
        return {Span.HOUR: 60, Span.DAY: 96, Span.WEEK: 84}[self]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is going on, all of one moment."""

    #: The oldest first; the last stretch is not over yet.
    ended: Sequence[Ended]
    waited: Sequence[Waited]
    #: The highest priority first.
    queued: Sequence[Queued]
    #: How many slots are taken.
    running: int


class Observer:
    """Looks at the traffic."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[Span, tuple[float, Traffic]] = {}
        self._looking = asyncio.Lock()

    async def look(self, span: Span) -> Traffic:
        """Return what is going on, as it was at most two seconds ago."""
        async with self._looking:
            known = self._known.get(span)
            if known is None or known[0] < time.monotonic():
                async with self._database.snapshot() as session:
                    seen = Traffic(
                        await traffic.ended(session, span.stretch, span.number, MOST_ENDED),
                        await traffic.waits(session, span.stretch, span.number, _MOST_WAITED),
                        await traffic.queued(session),
                        await traffic.taken(session),
                    )
                known = self._known[span] = (time.monotonic() + _REMEMBERED, seen)
            return known[1]
