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
from vidijob.store import origins, queues, records, watches
from vidijob.store.database import Database, Session
from vidijob.store.records import Record
from vidijob.store.watches import Advanced, Watched

__all__ = ["Advanced", "Record", "Told", "Watched", "Watcher"]

_AT_ONCE = 50
_EXPIRE = 60.0
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
        self._expire_at = 0.0
        self._advance_at = 0.0

    async def look(self, now: float) -> float:
        """Tell all that is to be told; returns the seconds until it is worth another look unasked."""
        if now >= self._expire_at:
            await queues.expire(self._database, 1000)
            self._expire_at = now + _EXPIRE
        while await self._some():
            pass
        if now >= self._advance_at:
            self._advance_at = now + _ADVANCE
            if await self._advance():
                return _ADVANCE
        return self.unasked

    async def _some(self) -> bool:
        """Look at some jobs; tells whether there may be more."""
        async with self._database.transaction() as session:
            due = await watches.due(session, _AT_ONCE)
            called = await self._say(session, due, self._teller.tell)
        if called:
            self._bell.ring("vidijob_delivery")
        return len(due) == _AT_ONCE

    async def _advance(self) -> bool:
        """Tell how far steps are that somebody follows; tells whether there are any."""
        async with self._database.transaction() as session:
            running = await watches.advanced(session, _MOST_ADVANCED)
            called = await self._say(session, running, self._teller.advance)
        if called:
            self._bell.ring("vidijob_delivery")
        return bool(running)

    async def _say(
        self,
        session: Session,
        found: Sequence[_About],
        say: Callable[[_About, Origin, Mapping[UUID, Record]], Told],
    ) -> bool:
        """Post what is said of some jobs; tells whether anybody is to be called."""
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
            await watches.told(session, one, told.state, over=told.over)
        return await post(session, letters)
