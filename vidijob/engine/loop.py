"""A loop that ticks, sleeps, and can be woken; it lives through every error. It does not know what ticks."""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vidijob.errors import Unavailable

_log = logging.getLogger(__name__)

_FIRST_BACK_OFF = 0.1
_LONGEST_BACK_OFF = 5.0
#: However long the database was away: when it is back, work goes on within two seconds.
_LOOK_AGAIN = 1.0
_PROMPT = 2.0

Answer = TypeVar("Answer")


class Loop:
    """Calls ``tick`` again and again: after as many seconds as it answered, or sooner when woken.

    May be started once, stopped twice, and stopped before it starts. When the database is away it backs off with
    jitter; any other error is a bug, is logged with the loop's name, and does not end the loop.
    """

    def __init__(self, name: str, tick: Callable[[], Awaitable[float]], *, later: float = 0) -> None:
        """It ticks so many seconds ``later`` than it is woken; whatever wakes it meanwhile is seen by the same tick."""
        self.name = name
        self._tick = tick
        self._later = later
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to tick."""
        if self._task is None and not self._stopping:
            self._task = asyncio.create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """Tick as soon as possible."""
        self._woken.set()

    @property
    def is_woken(self) -> bool:
        """Tell whether it is about to tick."""
        return self._woken.is_set()

    async def stop(self) -> None:
        """Let the present tick end, then tick no more."""
        self._stopping = True
        self._woken.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        back_off = _FIRST_BACK_OFF
        while not self._stopping:
            self._woken.clear()
            try:
                delay = await self._tick()
                back_off = _FIRST_BACK_OFF
            except Unavailable as error:
                _log.warning("%s: %s", self.name, error)
                delay, back_off = min(back_off, _LOOK_AGAIN), min(back_off * 2, _LONGEST_BACK_OFF)
            except Exception:
                _log.exception("%s: a bug; going on", self.name)
                delay, back_off = back_off, min(back_off * 2, _LONGEST_BACK_OFF)
            await self._sleep(delay * random.uniform(0.8, 1))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        if self._later and not self._stopping:
            await asyncio.sleep(self._later)


class Ticker(ABC):
    """A part of the engine that is one loop, which it is named after."""

    def __init__(self, name: str, *, later: float = 0) -> None:
        self._loop = Loop(name, self.tick, later=later)

    def start(self) -> None:
        """Begin to tick."""
        self._loop.start()

    async def stop(self) -> None:
        """Let the present tick end, then tick no more."""
        await self._loop.stop()

    @abstractmethod
    async def tick(self) -> float:
        """Do what there is to do; returns the seconds until it is worth another look unasked."""


async def promptly(asking: Awaitable[Answer]) -> Answer:
    """Await an answer that is worth nothing when it comes late; raises ``Unavailable`` when it does.

    A connection that has gone silent would otherwise hold a heartbeat back for longer than a lease lasts.
    """
    try:
        async with asyncio.timeout(_PROMPT):
            return await asking
    except TimeoutError:
        raise Unavailable("The database", f"no answer within {_PROMPT:.0f} s") from None
