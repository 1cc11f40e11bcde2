"""A part that follows the event log: it looks whenever something happened, but not again and again for what happens together."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Ticker
from vidijob.store.workers import Channel

#: What rings when there is an event.
CHANNELS: tuple[Channel, ...] = ("vidijob_job", "vidijob_step", "vidijob_event")
#: Who acts on a ring goes first, and what comes of that is seen by the same look, so many seconds later.
_LATER = 0.005
#: Between two looks unasked, in seconds; and where a ring would be heard.
_POLL, _SELDOM = 2.0, 5.0


class Follower(Ticker):
    """Looks when it is rung for, at most once in ``pause`` seconds."""

    def __init__(self, name: str, bell: Bell, channels: Sequence[Channel] = CHANNELS, *, pause: float = 0.02) -> None:
        super().__init__(name, later=_LATER)
        self._bell = bell
        self._pause = pause
        self._looked_at = float("-inf")
        for channel in channels:
            bell.on(channel, self._loop.wake)

    async def tick(self) -> float:
        """Look, unless that was just done; returns the seconds until it is worth another look unasked."""
        now = time.monotonic()
        if now < self._looked_at + self._pause:
            return self._looked_at + self._pause - now
        self._looked_at = now
        return await self.look(now)

    @property
    def unasked(self) -> float:
        """After how many seconds to look although nobody rang."""
        return _SELDOM if self._bell.hears else _POLL

    @abstractmethod
    async def look(self, now: float) -> float:
        """See what happened; ``now`` is the monotonic time, the answer the seconds until the next look unasked."""
