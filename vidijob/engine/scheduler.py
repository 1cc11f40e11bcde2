"""Admits jobs: READY → STARTED, by priority, then age, within the limit. One scheduler leads at a time; what a stale one
does has no effect. It knows no executor.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import uuid4

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop
from vidijob.jobs import policy
from vidijob.store import jobs, workers
from vidijob.store.database import Database

_log = logging.getLogger(__name__)

#: Leadership ends so long after it was last renewed: the longest pause when a leader is killed.
TERM = timedelta(seconds=4)
_RENEWAL = 1.0
#: Jobs looked at beyond the free slots; those of priority IMMEDIATE come first and need none.
_LOOK_AHEAD = 64


class Scheduler:
    """Stands for election, and admits jobs while it leads."""

    def __init__(self, database: Database, bell: Bell, *, concurrent_jobs: int) -> None:
        self._database = database
        self._bell = bell
        self._concurrent_jobs = concurrent_jobs
        self._id = uuid4()
        self._term: int | None = None
        self._elections = Loop("election", self._stand)
        self._admissions = Loop("scheduler", self.tick)
        bell.on("vidijob_job", self._admissions.wake)

    @property
    def leads(self) -> bool:
        """Tell whether this scheduler believes to lead; only the database knows."""
        return self._term is not None

    def start(self) -> None:
        """Stand for election from now on."""
        self._elections.start()
        self._admissions.start()

    async def stop(self) -> None:
        """Admit no more and let another lead at once."""
        await self._admissions.stop()
        await self._elections.stop()
        if self._term is not None:
            self._term = None
            await workers.resign(self._database, "scheduler", self._id)

    async def _stand(self) -> float:
        before, self._term = self._term, None
        self._term = await workers.campaign(self._database, "scheduler", self._id, TERM)
        if self._term is not None and self._term != before:
            _log.info("leading in term %d, %d jobs at once", self._term, self._concurrent_jobs)
            await jobs.resize(self._database, self._concurrent_jobs)
            self._admissions.wake()
        return _RENEWAL

    async def tick(self) -> float:
        """Admit what can be admitted; returns the seconds until it is worth another look unasked."""
        if self._term is None:
            return _RENEWAL
        while True:
            free = await jobs.free_slots(self._database, self._concurrent_jobs)
            queue = await jobs.head(self._database, len(free) + _LOOK_AHEAD)
            chosen = policy.admissions(queue, free)
            if not chosen:
                return 2.0
            admitted = await jobs.admit(self._database, self._id, self._term, chosen)
            if admitted:
                self._bell.ring("vidijob_step")
            if len(admitted) < len(chosen):
                return 0.2
