"""What is waiting now goes together: many calls, one statement. No timer adds to anybody's wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from vidijob.errors import VidijobError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batch(Generic[Item, Answer]):
    """Collects items while a flush is under way, and flushes them together when it is over.

    ``flush`` takes the items and answers in their order. When it fails by a bug, each item is tried by itself, so that
    one that cannot be taken does not spoil the others.
    """

    def __init__(self, flush: Callable[[list[Item]], Awaitable[list[Answer]]], *, most: int = 200) -> None:
        self._flush = flush
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Answer:
        """Hand in an item; returns when it has been flushed."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        # Shielded: a caller that goes away does not take its item out of a flush that is under way.
        return await asyncio.shield(future)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._send(taken)
        finally:
            self._task = None

    async def _send(self, taken: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._flush([item for item, _ in taken])
            if len(answers) != len(taken):
                raise AssertionError(f"{len(taken)} items were flushed and {len(answers)} answers came")
        except Exception as error:
            if len(taken) == 1 or isinstance(error, VidijobError):
                for _, future in taken:
                    future.set_exception(error)
                    future.exception()  # a caller that went away is no reason for a warning
                return
            for one in taken:
                await self._send([one])
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            future.set_result(answer)
