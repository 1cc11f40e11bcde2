"""What a worker offers to take before it is queued, and whether it knows of all that it was given. It knows no executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterator, Sized
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from vidijob.executors.registry import Registry
from vidijob.jobs.model import WorkerId
from vidijob.store import steps
from vidijob.store.database import Database
from vidijob.store.direct import Offer
from vidijob.store.steps import Held

#: How long it is waited for what was given on offers that are open, in seconds.
_ANSWER = 2.0
#: Urgent steps (clean-up, IMMEDIATE) are taken beyond the slots, up to so many at once.
_URGENT = 64
#: Steps taken by one statement, at most.
_MOST = 256


class Runs(Sized, Container[Held], Protocol):
    """What a worker carries out."""


class Offers:
    """The offers of one worker with so many slots; ``look`` is called when it has to look what it holds and what waits."""

    def __init__(self, worker: WorkerId, registry: Registry, runs: Runs, slots: int, look: Callable[[], None]) -> None:
        self._worker = worker
        self._registry = registry
        self._runs = runs
        self._slots = slots
        self._look = look
        #: Room that is kept for what may be given.
        self._promised = 0
        #: Offers that are not answered yet.
        self._open = 0
        self._over = False
        #: Whether steps may be queued that come before those that it could go on with: then it offers nothing.
        self.others_wait = True
        #: Whether it may hold steps that it does not know of: an answer was lost.
        self.doubtful = False

    @property
    def _free(self) -> int:
        return self._slots - len(self._runs) - self._promised

    def to_fill(self) -> tuple[int, bool]:
        """Return how many queued steps it may claim now, and whether only urgent ones; what waits is known afterwards."""
        free = self._free
        if free <= 0:
            return min(_URGENT - len(self._runs) + self._slots, 8), True
        self.others_wait = False
        return min(free, _MOST), False

    @contextmanager
    def one(self, duration: timedelta, *, ending: int, most: int | None, willing: bool) -> Iterator[Offer]:
        """Offer to take steps, at most so many, and keep the room for them meanwhile; ``ending`` are about to make room for as many."""
        idle = self._over or self.others_wait or self.doubtful or not willing
        room = 0 if idle else ending or max(min(self._free, _MOST if most is None else most), 0)
        kept = 0 if ending else room
        self._promised += kept
        self._open += room > 0
        try:
            yield Offer(self._worker, self._registry.names, room, duration, self._registry.short)
        except BaseException:
            self.doubt()
            raise
        finally:
            self._promised -= kept
            self._open -= room > 0

    def doubt(self) -> None:
        """Take into account that an answer was lost."""
        self.doubtful = True
        self._look()

    async def clear(self, database: Database) -> bool:
        """Hand back what is held without being known; tells whether there was any. Meanwhile nothing is offered."""
        await self._answered()
        if self._open:
            return False
        unknown = [held for held in await steps.held_by(database, self._worker) if held not in self._runs]
        back = await steps.give_back(database, unknown, self._worker) if unknown else []
        self.doubtful = False
        return bool(back)

    async def close(self) -> None:
        """Make no more offers, and wait a moment for what was given on the last ones."""
        self._over = True
        await self._answered()

    async def _answered(self) -> None:
        end = asyncio.get_running_loop().time() + _ANSWER
        while self._open and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - rare, and short
            await asyncio.sleep(0.01)
