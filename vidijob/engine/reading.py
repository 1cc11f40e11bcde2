"""Which database answers questions that decide nothing: a standby, while what it knows is not too old, else the primary.

How old that is, is measured without anybody's clock of the day: every second the primary is asked how far its log is written, and
what the standby has carried out of it is at least as young as the last of these answers that it covers. So it also holds when
nothing is written, and when a standby does not get any more of the log without knowing it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import timedelta

from vidijob.engine.loop import Loop
from vidijob.errors import SetupError, Unavailable
from vidijob.store import standby
from vidijob.store.database import Database

_log = logging.getLogger(__name__)

_LOOK = 1.0
#: Answers of the primary that are kept: a standby that is further behind is too old for anybody.
_KEPT = 600


class Reading:
    """Where lists and searches are read; ``bound`` is how old that may be."""

    def __init__(self, primary: Database, copy: Database, bound: timedelta) -> None:
        """``copy`` is the standby's pool, not opened yet; it is closed by ``stop``."""
        self._primary = primary
        self._copy = copy
        self._bound = bound.total_seconds()
        self._opened = False
        #: When the primary's log was asked for, and how far it was.
        self._written: deque[tuple[float, int]] = deque(maxlen=_KEPT)
        #: What the standby knows is as of then.
        self._as_of: float | None = None
        self._told: str | None = None
        self._loop = Loop("standby", self.look)

    def start(self) -> None:
        """Begin to measure."""
        self._loop.start()

    async def stop(self) -> None:
        """Measure no more, and let go of the standby."""
        await self._loop.stop()
        if self._opened:
            await self._copy.close()

    @property
    def database(self) -> Database:
        """The database that is to be asked now."""
        age = self.age
        return self._copy if age is not None and age <= self._bound else self._primary

    @property
    def age(self) -> float | None:
        """How old what the standby knows is at most, in seconds; ``None`` where that is not known."""
        return None if self._as_of is None else asyncio.get_running_loop().time() - self._as_of

    async def look(self) -> float:
        """Measure how old what the standby knows is."""
        asked = asyncio.get_running_loop().time()
        self._written.append((asked, await standby.written(self._primary)))
        try:
            if not self._opened:
                await self._copy.open()
                self._opened = True
            replayed = await standby.replayed(self._copy)
        except (Unavailable, SetupError) as error:
            self._tell(f"The standby is not there, the primary answers: {error}")
            return _LOOK
        if replayed is None:
            # It has become a primary itself; whether of ours, is not known here.
            self._as_of = None
            self._tell("The standby follows no primary; lists are read from the primary.")
            return _LOOK
        while len(self._written) > 1 and self._written[1][1] <= replayed:
            self._written.popleft()
        covered, position = self._written[0]
        if position <= replayed:
            self._as_of = covered
        age = self.age
        if age is None or age > self._bound:
            self._tell("The standby is too far behind; lists are read from the primary.")
        else:
            self._tell(None)
        return _LOOK

    def _tell(self, words: str | None) -> None:
        """Say once what has changed."""
        if words != self._told:
            if words is not None:
                _log.warning("%s", words)
            elif self._told is not None:
                _log.info("Lists are read from the standby again.")
            self._told = words
