"""Takes out jobs that ended long ago, with all that is known of them. It works while its process leads, slowly: a batch of
500 each three seconds, so that it never holds others up; and signed requests that nobody can repeat any more. Unless somebody says for how long jobs are kept, they are kept
for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from vidijob.engine.access_keys import WINDOW
from vidijob.engine.configuration import kept_for
from vidijob.engine.loop import Ticker
from vidijob.store import access_keys, jobs
from vidijob.store.database import Database

_log = logging.getLogger(__name__)

BATCH = 500
SIGNED_BATCH = 5000
_PAUSE = 3.0
_LOOK = 60.0


class Cleaner(Ticker):
    """Deletes what is too old; ``keep_jobs`` is for how long jobs are kept where no administrator has said so."""

    def __init__(self, database: Database, leads: Callable[[], bool], *, keep_jobs: timedelta | None = None) -> None:
        super().__init__("cleaner")
        self._database = database
        self._leads = leads
        self._keep_jobs = keep_jobs

    async def tick(self) -> float:
        """Take out one batch; returns the seconds until the next."""
        if not self._leads():
            return _LOOK
        # Beyond the window on either side their numbers cannot be used again.
        if await access_keys.forget(self._database, 3 * WINDOW, SIGNED_BATCH) == SIGNED_BATCH:
            return _PAUSE
        age = await kept_for(self._database, self._keep_jobs)
        if age is None:
            return _LOOK
        purged, traces = await jobs.purge(self._database, age, BATCH)
        if purged:
            _log.info("%d jobs that ended more than %s ago were purged", purged, age)
        return _PAUSE if max(purged, traces) == BATCH else _LOOK
