"""Follows the jobs of which another face tells each state: reads what happened to them off the event log, and sends what that face
says of it, for each event once. Any number may run. It does not know what is said, nor whom it reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from vidijob.engine.bell import Bell
from vidijob.engine.follower import Follower
from vidijob.engine.letters import Letter, post
from vidijob.jobs.model import Origin
from vidijob.store import events, origins, queues, records, watches
from vidijob.store.database import Database, Session
from vidijob.store.records import Record
from vidijob.store.watches import Advanced, Watched

__all__ = ["Advanced", "Record", "Told", "Watched", "Watcher"]

_AT_ONCE = 50
#: Between two looks at all watched jobs, in seconds: what another process has passed over, or left when it was killed.
_ALL = 60.0
_EXPIRE, _EXPIRED_AT_ONCE = 60.0, 1000
#: Between two looks at how far steps are, and at how many jobs at most.
_ADVANCE, _MOST_ADVANCED = 2.0, 1000

_About = TypeVar("_About", Watched, Advanced)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a job, and where that leaves it."""

    #: The last state that was told.
    state: str | None
    #: Whether there is nothing more to come.
    over: bool
    letters: Sequence[Letter]


class Teller(Protocol):
    """What a face says of what happens."""

    #: Which face, and the kind of its records that jobs name as receivers.
    face: str
    kind: str

    def receivers(self, origin: Origin) -> Sequence[UUID]:
        """Return whom a job names."""

    def tell(self, watched: Watched, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Return what is said of what happened to a job."""

    def advance(self, advanced: Advanced, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Return what is said of how far the steps of a job are."""


class Watcher(Follower):
    """Looks at watched jobs, whenever something happened."""

    def __init__(self, database: Database, bell: Bell, teller: Teller) -> None:
        super().__init__("watcher", bell)
        self._database = database
        self._teller = teller
        #: All events of transactions before this one were looked at.
        self._seen = ""
        self._all_at = self._expire_at = self._advance_at = float("-inf")

    async def look(self, now: float) -> float:
        """Tell all that is to be told; returns the seconds until it is worth another look unasked."""
        if now >= self._expire_at:
            while await queues.expire(self._database, _EXPIRED_AT_ONCE) == _EXPIRED_AT_ONCE:
                pass
            self._expire_at = now + _EXPIRE
        await self._follow(now)
        if now >= self._advance_at:
            self._advance_at = now + _ADVANCE
            if await self._advance():
                return _ADVANCE
        return self.unasked

    async def _follow(self, now: float) -> None:
        """Tell what happened since the last look; now and then, whatever was not told."""
        until = (await events.now(self._database)).tx
        all_of_them = now >= self._all_at
        if all_of_them:
            jobs = await watches.all_news(self._database, until)
        else:
            jobs = await watches.news(self._database, self._seen, until)
        for first in range(0, len(jobs), _AT_ONCE):
            async with self._database.transaction() as session:
                due = await watches.due(session, jobs[first : first + _AT_ONCE], until)
                called = await self._say(session, due, self._teller.tell, until)
            if called:
                self._bell.ring("vidijob_delivery")
        self._seen = until
        if all_of_them:
            self._all_at = now + _ALL

    async def _advance(self) -> bool:
        """Tell how far steps are that somebody follows; tells whether there are any."""
        async with self._database.transaction() as session:
            running = await watches.advanced(session, _MOST_ADVANCED)
            called = await self._say(session, running, self._teller.advance, None)
        if called:
            self._bell.ring("vidijob_delivery")
        return bool(running)

    async def _say(
        self,
        session: Session,
        found: Sequence[_About],
        say: Callable[[_About, Origin, Mapping[UUID, Record]], Told],
        until: str | None,
    ) -> bool:
        """Post what is said of some jobs, up to a transaction; tells whether anybody is to be called."""
        if not found:
            return False
        known = await origins.of(session, [one.job for one in found])
        ids = {id for origin in known.values() for id in self._teller.receivers(origin)}
        receivers = {one.id: one for one in await records.of(session, self._teller.face, self._teller.kind, ids)}
        letters: list[Letter] = []
        for one in found:
            told = Told(None, True, ())
            if one.job in known:
                told = say(one, known[one.job], receivers)
            letters += told.letters
            await watches.told(session, one.job, until, told.state, over=told.over)
        return await post(session, letters)
