"""Follows the jobs of which another face tells each state: reads what happened to them off the event log, and sends what that face
says of it, for each event once. Any number may run. It does not know what is said, nor whom it reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from vidijob.engine.bell import Bell
from vidijob.engine.follower import Follower
from vidijob.engine.letters import Letter, post
from vidijob.jobs.model import JobId, Origin
from vidijob.store import events, origins, queues, records, watches
from vidijob.store.database import Database
from vidijob.store.records import Record
from vidijob.store.watches import Watched

__all__ = ["Record", "Told", "Watched", "Watcher"]

_AT_ONCE = 50
#: Between two looks at all watched jobs, in seconds: what another process has passed over, or left when it was killed.
_ALL = 60.0
_EXPIRE, _EXPIRED_AT_ONCE = 60.0, 1000


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


class Watcher(Follower):
    """Looks at watched jobs, whenever something happened."""

    def __init__(self, database: Database, bell: Bell, teller: Teller) -> None:
        super().__init__("watcher", bell)
        self._database = database
        self._teller = teller
        #: All events of transactions before this one were looked at.
        self._seen = ""
        self._all_at = self._expire_at = float("-inf")

    async def look(self, now: float) -> float:
        """Tell all that is to be told; returns the seconds until it is worth another look unasked."""
        if now >= self._expire_at:
            while await queues.expire(self._database, _EXPIRED_AT_ONCE) == _EXPIRED_AT_ONCE:
                pass
            self._expire_at = now + _EXPIRE
        until = (await events.now(self._database)).tx
        all_of_them = now >= self._all_at
        if all_of_them:
            jobs = await watches.all_news(self._database, until)
        else:
            jobs = await watches.news(self._database, self._seen, until)
        for first in range(0, len(jobs), _AT_ONCE):
            await self._some(jobs[first : first + _AT_ONCE], until)
        self._seen = until
        if all_of_them:
            self._all_at = now + _ALL
        return self.unasked

    async def _some(self, jobs: Sequence[JobId], until: str) -> None:
        """Look at some jobs, up to a transaction."""
        async with self._database.transaction() as session:
            due = await watches.due(session, jobs, until)
            known = await origins.of(session, [one.job for one in due])
            ids = {id for origin in known.values() for id in self._teller.receivers(origin)}
            receivers = {one.id: one for one in await records.of(session, self._teller.face, self._teller.kind, ids)}
            letters: list[Letter] = []
            for one in due:
                told = Told(None, True, ())
                if one.job in known:
                    told = self._teller.tell(one, known[one.job], receivers)
                letters += told.letters
                await watches.told(session, one, until, told.state, over=told.over)
            called = await post(session, letters)
        if called:
            self._bell.ring("vidijob_delivery")
