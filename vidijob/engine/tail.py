"""The end of the event log, told on and on to all followers of one process: each of them hears everything once and in order, from
wherever it left off, in this process or another. It knows no HTTP.

One reader follows the log for all. Who comes with a place behind which there is more reads that by itself, page by page and no
faster than it takes it, and is then told with the others; so does who falls behind, so that nothing is kept for the slow.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop
from vidijob.errors import Invalid, Unavailable
from vidijob.jobs.model import Event, JobId
from vidijob.store import events, jobs
from vidijob.store.database import Database
from vidijob.store.events import Cursor

#: Who comes when so many follow already is told to come again.
MOST = 1000
#: What a follower may be behind before it has to read for itself.
_MOST_WAITING = 1000
_PAGE = 500
#: Of those who read for themselves, so many at a time.
_READERS = 2
#: Between two looks however often it is woken, in seconds; unasked, where a ring would be heard, and where not.
_PAUSE, _SELDOM, _POLL = 0.1, 2.0, 1.0
#: For so many seconds without news a follower hears nothing.
_PULSE = 15.0
#: A place of another process is reached in a moment, unless it is of another database.
_REACHED = 2.0
_MOST_TYPES = 20_000
_IDLE = 3600.0


@dataclass(slots=True, eq=False)
class Told:
    """One event."""

    event: Event
    #: Of its job; ``None``: the job is gone.
    type: str | None
    #: Behind it: who comes back with this hears what follows.
    place: str
    #: How somebody has written it down, for the others.
    written: bytes | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What a follower is told at once."""

    #: In order; none: it is still there, and there is no news.
    told: Sequence[Told]
    #: Behind all of it.
    place: str


@dataclass(slots=True, eq=False)
class _Follower:
    """One who is told what happens as it happens."""

    #: Behind what it was told, whether or not it has taken that.
    place: Cursor
    waiting: list[Told] = field(default_factory=list)
    #: It has not taken what it was told: it has to read for itself.
    behind: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    #: Behind what it has taken.
    taken: Cursor = field(init=False)

    def __post_init__(self) -> None:
        self.taken = self.place

    def hear(self, told: Sequence[Told], place: Cursor) -> None:
        """Be told."""
        if self.behind:
            return
        if len(self.waiting) + len(told) > _MOST_WAITING:
            self.behind = True
            self.waiting.clear()
        else:
            self.waiting += told
            self.place = place
        if told:
            self.bell.set()

    async def next(self) -> tuple[list[Told], Cursor]:
        """Return what it was told since it last took something, and the place behind that; nothing: there is no news yet, or it is
        behind.
        """
        if not self.waiting:
            self.bell.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PULSE):
                    await self.bell.wait()
        told, self.waiting = self.waiting, []
        if not self.behind:
            self.taken = self.place
        return told, self.taken


class Tail:
    """The followers of one process."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell
        self._followers: set[_Follower] = set()
        #: All who follow, also those who still read for themselves.
        self._following = 0
        #: Up to here the followers were told; ``None``: nobody follows.
        self._place: Cursor | None = None
        self._looking = asyncio.Lock()
        self._reading = asyncio.Semaphore(_READERS)
        self._types: OrderedDict[JobId, str] = OrderedDict()
        self._may_look_at = float("-inf")
        self._closed = False
        self._loop = Loop("tail", self.tick)
        for channel in ("vidijob_job", "vidijob_step", "vidijob_event", "vidijob_stop"):
            bell.on(channel, self._ring)

    def start(self) -> None:
        """Begin to look, whenever somebody follows."""
        self._loop.start()

    def close(self) -> None:
        """Let everybody go: the server stops."""
        self._closed = True
        for follower in self._followers:
            follower.bell.set()

    async def stop(self) -> None:
        """Look no more."""
        self.close()
        await self._loop.stop()

    async def follow(self, place: str | None, job: JobId | None = None) -> AsyncGenerator[News]:
        """Yield what happens after a place, of one job or of all; ``None``: from now on. The first news is the place itself; nothing
        new for a while is news as well.

        It ends when the server stops. Raises ``Invalid`` for what is no place of this database, ``Unavailable`` where too many follow.
        """
        at = None if place is None else events.cursor(place)
        if self._following >= MOST:
            raise Unavailable("Following", f"{MOST} requests follow here already")
        self._following += 1
        try:
            at = await self._begin(at)
            yield News((), str(at))
            while not self._closed:
                if at != self._place:
                    told, at = await self._read(at, job)
                    if told:
                        yield News(told, str(at))
                    continue
                # Nothing was awaited since it was seen to be where all others are: from here on it hears what they hear.
                follower = _Follower(at)
                self._followers.add(follower)
                try:
                    while not follower.behind and not self._closed:
                        told, at = await follower.next()
                        yield News([one for one in told if job in (None, one.event.job)], str(at))
                finally:
                    self._followers.discard(follower)
        finally:
            self._following -= 1
            if not self._following:
                self._place = None

    async def _begin(self, at: Cursor | None) -> Cursor:
        """See to it that the log is followed from a place or before it; returns the place."""
        here = self._place or await events.now(self._database)
        self._place = self._place or here
        self._loop.wake()
        if at is None:
            return self._place
        needed = max(int(at.tx), int(at.until_tx or 0))
        end = time.monotonic() + _REACHED
        while int(self._place.tx) < needed:
            # It was answered by a process that has seen more than this one.
            if time.monotonic() > end:
                raise Invalid("Last-Event-ID", "This place is not one of this database.", value=str(at))
            await self._look()
            await asyncio.sleep(_PAUSE / 2)
        return at

    async def _read(self, at: Cursor, job: JobId | None) -> tuple[list[Told], Cursor]:
        """Read on from a place, a page, and not beyond where all others are."""
        assert self._place is not None
        horizon = self._place.until_tx or self._place.tx
        async with self._reading:
            found, after = await events.since(self._database, at, job, _PAGE, horizon)
            told = await self._told(found, at, horizon)
        if after == at:
            # The others are in the middle of a stretch that this one has read.
            await asyncio.sleep(_PAUSE)
        return told, after

    def _ring(self) -> None:
        if self._following:
            self._loop.wake()

    async def tick(self) -> float:
        """Tell all followers what there is; returns the seconds until it is worth another look unasked."""
        if not self._following:
            return _IDLE
        now = time.monotonic()
        if now < self._may_look_at:
            return self._may_look_at - now
        self._may_look_at = now + _PAUSE
        if await self._look():
            # It is only kept back by a transaction that is open, whose end may ring for nobody.
            return _PAUSE
        return _SELDOM if self._bell.hears else _POLL

    async def _look(self) -> bool:
        """Tell what there is; returns whether there will be more in a moment."""
        async with self._looking:
            horizon, more = await events.front(self._database)
            while (place := self._place) is not None:
                until = place.until_tx or horizon
                if int(until) <= int(place.tx):
                    break
                found, after = await events.since(self._database, place, None, _PAGE, until)
                told = await self._told(found, place, until)
                if self._place is not place:
                    # All have left meanwhile, and others have come.
                    break
                self._place = after
                for follower in self._followers:
                    follower.hear(told, after)
            return more

    async def _told(self, found: Sequence[Event], place: Cursor, until: str) -> list[Told]:
        """Return events of a stretch with the places behind them, and the types of their jobs."""
        unknown = {event.job for event in found if event.job not in self._types}
        if unknown:
            self._types.update(await jobs.types(self._database, unknown))
        told = [
            Told(event, self._types.get(event.job), str(Cursor(place.tx, place.until_tx or until, event.id)))
            for event in found
        ]
        while len(self._types) > _MOST_TYPES:
            self._types.popitem(last=False)
        return told
