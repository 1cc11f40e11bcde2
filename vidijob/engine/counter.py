"""Adds what has changed to the counts of jobs, so that few changes have to be read with them. It works while its process
leads; were it to stop, searches would be as exact and slower. It knows no search.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from vidijob.engine.loop import Ticker
from vidijob.store import counts
from vidijob.store.database import Database

BATCH = 10_000
_PAUSE = 1.0
#: While nothing changes.
_LOOK = 6.0
_PRUNE = 3600.0


class Counter(Ticker):
    """Folds changes into the counts, a batch at a time."""

    def __init__(self, database: Database, leads: Callable[[], bool]) -> None:
        super().__init__("counter")
        self._database = database
        self._leads = leads
        self._prune_at = time.monotonic() + _PRUNE

    async def tick(self) -> float:
        """Fold one batch; returns the seconds until the next."""
        if not self._leads():
            return _LOOK
        folded = await counts.fold(self._database, BATCH)
        if folded == BATCH:
            return 0.0
        if time.monotonic() >= self._prune_at:
            await counts.prune(self._database)
            self._prune_at = time.monotonic() + _PRUNE
        return _PAUSE if folded else _LOOK
