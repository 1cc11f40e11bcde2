"""The head of the queue, also while somebody reads from one snapshot for a long time: then all that was ever queued is still
there, and whoever begins at the beginning passes it each time.

When that takes long, it begins where it found the first job the last time, and a little before. What comes late, or comes back,
may have an older number: all is read once a second.
"""

from __future__ import annotations

import time

from vidijob.jobs.model import JobId, Priority
from vidijob.jobs.policy import Queued
from vidijob.store import admissions
from vidijob.store.database import Database

#: So long, in seconds, may it take to read the head from the beginning.
_LONG = 0.003
#: So often, in seconds, it is done nevertheless.
EVERY = 1.0
#: So far before the first job it begins: who submits at the same time may be stored later.
_BEFORE = 1000


class Heads:
    """Reads the head of one database's queue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._all_at = 0.0
        self._newest = 0
        self._behind: dict[Priority, int] = {}
        self._highest: dict[Priority, int] = {}
        #: Whether the last answer may lack jobs with old numbers.
        self.partial = False

    @property
    def behind(self) -> JobId:
        """Return a job behind which those are that were stored a moment ago, if there are any."""
        return JobId(max(self._newest - _BEFORE, 0))

    def see(self, job: JobId) -> None:
        """Remember a job that never was in the queue."""
        self._newest = max(self._newest, job)

    async def read(self, limit: int) -> list[tuple[JobId, Priority]]:
        """Return the next jobs in the queue."""
        begun = time.monotonic()
        self.partial = begun < self._all_at
        if self.partial:
            found = await admissions.head_behind(self._database, limit, self._behind)
        else:
            found = await admissions.head(self._database, limit)
            now = time.monotonic()
            self._all_at = now + EVERY if now - begun > _LONG else 0.0
        self._remember(found)
        return [(one.job, one.priority) for one in found]

    def _remember(self, found: list[Queued]) -> None:
        first: dict[Priority, int] = {}
        for one in found:
            self.see(one.job)
            # Those that go before others tell nothing of where these are.
            if one.weight == 0:
                first.setdefault(one.priority, one.job)
                self._highest[one.priority] = max(self._highest.get(one.priority, 0), one.job)
        for priority, highest in self._highest.items():
            self._behind[priority] = max(first.get(priority, highest) - _BEFORE, 0)
