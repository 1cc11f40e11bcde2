"""The short way in: a job that the scheduler of the same process would start at once is stored and started by one statement, so
that one commit stands between its submission and its first step instead of two. It decides nothing: whether there is an opening
the scheduler knows, and whether there still is one the statement finds out.

Whatever is not so simple is stored only, and admitted as usual: a held job, and one with a key, which may have to wait for
somebody who stores the same key and must keep no slot meanwhile.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from vidijob.jobs.model import JobId, Priority
from vidijob.jobs.states import JobState
from vidijob.store import arrivals
from vidijob.store.arrivals import Arrived, Opening
from vidijob.store.database import Database
from vidijob.store.direct import Offer
from vidijob.store.jobs import NewJob


class Leader(Protocol):
    """A scheduler of the same process."""

    def opening(self, priority: Priority) -> Opening | None:
        """Return what a job of this priority would be admitted by if it came now."""

    def filling(self, opening: Opening) -> AbstractContextManager[Offer]:
        """Keep an opening for a job that is on its way, and offer to take its steps."""

    def filled(self, arrived: Arrived) -> None:
        """Take into account what has become of the job, and have the steps carried out that were taken."""


class Arrivals:
    """The short way into one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leader: Leader | None = None

    def led_by(self, leader: Leader) -> None:
        """Let a scheduler of this process say when there is an opening."""
        self._leader = leader

    async def start(self, new: NewJob) -> tuple[JobId, datetime] | None:
        """Store a job by the short way, and answer its id and time, also where it had to queue; ``None``: it is to go the usual
        way.
        """
        if self._leader is None or new.state is not JobState.READY or new.key is not None:
            return None
        opening = self._leader.opening(new.priority)
        if opening is None:
            return None
        with self._leader.filling(opening) as offer:
            async with self._database.session() as session:
                arrived = await arrivals.start(session, new, opening, offer)
                # Its steps begin while the connection is given back.
                self._leader.filled(arrived)
        return arrived.job, arrived.at
