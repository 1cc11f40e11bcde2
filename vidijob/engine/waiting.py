"""Lets callers wait until something is new of a job: however many wait, and for whatever, one reader in each process asks for
all their jobs at once. Nobody holds a connection to the database while waiting. It knows no HTTP and no document.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop
from vidijob.errors import Unavailable
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import JobId
from vidijob.jobs.states import ENDED, JobState
from vidijob.store import jobs
from vidijob.store.database import Database
from vidijob.store.jobs import Standing

#: Who comes when so many wait already is told to come again.
MOST = 2000
#: Between two looks however often it is woken, in seconds; and a look takes at most this part of the time.
_PAUSE, _SHARE = 0.05, 0.1
#: Between two looks unasked: what a running step tells of itself rings for nobody; all else does, as long as that is heard.
_POLL, _SELDOM = 1.0, 5.0
#: So often it is asked whether who waits has not gone, in seconds.
_ASK = 5.0
_IDLE = 3600.0
#: Of a job in one of these nothing happens that would not ring.
_QUIET = frozenset({JobState.READY, JobState.HOLD, JobState.WAITING}) | ENDED


@dataclass(slots=True, eq=False)
class _Watched:
    """A job that somebody waits for."""

    #: ``None``: it is not there.
    standing: Standing | None
    watchers: int = 0
    #: Set when the standing is another; then there is a new one.
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Watch:
    """One caller who waits for one job."""

    def __init__(self, waiting: Waiting, watched: _Watched, gone: Callable[[], bool]) -> None:
        self._waiting = waiting
        self._watched = watched
        self._gone = gone

    @property
    def standing(self) -> Standing | None:
        """How the job stood when it was last looked at, which is before now; ``None``: it was not there.

        Whoever reads the job after asking this will be told of each change from what was read.
        """
        return self._watched.standing

    async def beyond(self, seen: Standing | None, until: float, states: Collection[JobState] | None = None) -> bool:
        """Wait until the job stands otherwise than ``seen``, and in one of the states if there are any, or is gone; ``False``
        where that is not so by ``until``, on the loop's clock, or whoever waits has gone, or the server stops.
        """
        clock = asyncio.get_running_loop().time
        while not self._waiting.closed:
            there, changed = self._watched.standing, self._watched.changed
            if there != seen and (there is None or states is None or there.state in states):
                return True
            left = until - clock()
            if left <= 0 or self._gone():
                return False
            try:
                async with asyncio.timeout(min(left, _ASK)):
                    await changed.wait()
            except TimeoutError:
                pass
        return False


class Waiting:
    """The callers of one process who wait."""

    def __init__(self, database: Database, bell: Bell, site: str) -> None:
        self._database = database
        self._bell = bell
        self._site = site
        self._watched: dict[JobId, _Watched] = {}
        self._watchers = 0
        self._may_look_at = float("-inf")
        #: Whether the server stops: nobody waits any more.
        self.closed = False
        self._loop = Loop("waiting", self.tick)
        for channel in ("vidijob_job", "vidijob_step", "vidijob_event", "vidijob_stop"):
            bell.on(channel, self._ring)

    def start(self) -> None:
        """Begin to look, whenever somebody waits."""
        self._loop.start()

    def close(self) -> None:
        """Let everybody go: the server stops."""
        self.closed = True
        for watched in self._watched.values():
            watched.changed.set()

    async def stop(self) -> None:
        """Look no more."""
        self.close()
        await self._loop.stop()

    @asynccontextmanager
    async def watch(self, text: str, gone: Callable[[], bool]) -> AsyncIterator[Watch]:
        """Watch a job; ``gone`` tells whether the caller is not there any more. Raises ``NotFound`` for what is no id, and
        ``Unavailable`` where too many wait.
        """
        job = parse_job(self._site, text)
        if self._watchers >= MOST:
            raise Unavailable("Waiting", f"{MOST} requests wait here already")
        self._watchers += 1
        try:
            watched = self._watched.get(job)
            if watched is None:
                # What changes from here on is seen, since it is looked at now.
                standing = (await jobs.standing(self._database, [job])).get(job)
                watched = self._watched.setdefault(job, _Watched(standing))
            watched.watchers += 1
            self._loop.wake()
            try:
                yield Watch(self, watched, gone)
            finally:
                watched.watchers -= 1
                if not watched.watchers:
                    self._watched.pop(job, None)
        finally:
            self._watchers -= 1

    def _ring(self) -> None:
        if self._watched:
            self._loop.wake()

    async def tick(self) -> float:
        """Look at every job that is waited for; returns the seconds until it is worth another look unasked."""
        if not self._watched:
            return _IDLE
        now = time.monotonic()
        if now < self._may_look_at:
            return self._may_look_at - now
        looked_at = dict(self._watched)
        found = await jobs.standing(self._database, looked_at)
        took = time.monotonic() - now
        self._may_look_at = now + max(_PAUSE, took / _SHARE)
        for job, watched in looked_at.items():
            if watched.standing != found.get(job):
                watched.standing = found.get(job)
                changed, watched.changed = watched.changed, asyncio.Event()
                changed.set()
        quiet = all(one is None or one.state in _QUIET for one in (each.standing for each in self._watched.values()))
        return _SELDOM if quiet and self._bell.hears else _POLL
