"""Tells from a thread how far the transfer of several files is: all together, and each as a sub-task."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vidijob.executors.base import StepContext

#: Seconds.
_BETWEEN_NEWS = 0.05


class News:
    """Of one attempt; made on the loop, used in one thread. One file alone is no sub-task."""

    def __init__(self, step: StepContext, names: Sequence[str]) -> None:
        self._step = step
        self._loop = asyncio.get_running_loop()
        self._parts = step.split(names) if len(names) > 1 else ()
        self._total = 0
        self._before = 0
        self._place = 0
        self._size = 0
        self._told = 0.0

    def begin(self, total: int) -> None:
        """So many bytes are to be transferred."""
        self._total = total
        self._tell(0)

    def file(self, place: int, size: int) -> None:
        """The next file begins."""
        self._place, self._size = place, size
        if self._parts:
            self._loop.call_soon_threadsafe(self._parts[place].start)

    def done(self, count: int) -> None:
        """So many bytes of the file are done."""
        if count == self._size or self._loop.time() - self._told > _BETWEEN_NEWS:
            self._tell(count)

    def end_of_file(self, size: int, failure: str | None = None) -> None:
        """The file is done: whole, or with a failure that does not end the step."""
        self._size = size
        self._tell(size)
        self._before += size
        if failure is not None:
            self.broken(failure)
        elif self._parts:
            self._loop.call_soon_threadsafe(self._parts[self._place].finish)

    def broken(self, reason: str) -> None:
        """The file could not be transferred."""
        if self._parts:
            self._loop.call_soon_threadsafe(self._parts[self._place].fail, reason)

    def _tell(self, count: int) -> None:
        self._told = self._loop.time()
        if self._total:
            done = min(self._before + count, self._total)
            self._loop.call_soon_threadsafe(self._step.progress, done, self._total, "bytes")
        if self._parts and self._size:
            part = self._parts[self._place]
            self._loop.call_soon_threadsafe(part.progress, min(count, self._size), self._size, "bytes")
