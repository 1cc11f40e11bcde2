"""Keeps the tables small that only jobs under way are in: what is gone from them makes room within seconds. Postgres itself
comes by once a minute, and with thousands of jobs a second they would grow by a hundred megabytes until then.
"""

from __future__ import annotations

from collections.abc import Callable

from vidijob.engine.loop import Ticker
from vidijob.store import upkeep
from vidijob.store.database import Database

#: It is worth it when so many rows are gone.
_WORN = 5000
#: In seconds, while there is something to do, and where not.
_SOON, _LOOK = 3.0, 10.0
#: While nothing can be done, since some snapshot still shows what is gone, it waits twice as long each time, up to so long.
_LONGEST = 60.0


class Sweeper(Ticker):
    """Sweeps where enough lies about."""

    def __init__(self, database: Database, leads: Callable[[], bool]) -> None:
        super().__init__("sweeper")
        self._database = database
        self._leads = leads
        self._pause = _SOON

    async def tick(self) -> float:
        """Sweep if it is worth it; returns the seconds until the next look."""
        if not self._leads() or not await upkeep.is_worn(self._database, _WORN):
            self._pause = _SOON
            return _LOOK
        await upkeep.sweep(self._database)
        in_vain = await upkeep.is_worn(self._database, _WORN)
        self._pause = min(2 * self._pause, _LONGEST) if in_vain else _SOON
        return self._pause
