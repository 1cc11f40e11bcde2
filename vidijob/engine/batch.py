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
    one that cannot be taken does not spoil the others. With several ``lanes`` nobody waits long for a flush that hangs:
    when one is ``late``, in seconds, what comes after it goes by another.
    """

    def __init__(
        self,
        flush: Callable[[list[Item]], Awaitable[list[Answer]]],
        *,
        most: int = 200,
        lanes: int = 1,
        late: float = 0.05,
    ) -> None:
        self._flush = flush
        self._most = most
        self._lanes = lanes
        self._late = late
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._under_way: set[asyncio.Task[None] | None] = set()
        #: How many of those are late.
        self._hanging = 0

    async def add(self, item: Item) -> Answer:
        """Hand in an item; returns when it has been flushed, which it is also when its caller goes away."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._begin()
        return await future

    def _begin(self) -> None:
        if self._waiting and self._hanging == len(self._under_way) < self._lanes:
            self._under_way.add(asyncio.create_task(self._drain()))

    async def _drain(self) -> None:
        try:
            while self._waiting:
                if self._lanes > 1:
                    await self._gather()
                taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._watched(taken)
        finally:
            self._under_way.discard(asyncio.current_task())

    @staticmethod
    async def _gather() -> None:
        """Let those hand in their items who have been sent what they need for it: it takes them two turns of the loop."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _watched(self, taken: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        if self._lanes == 1:
            await self._send(taken)
            return
        hangs = False

        def late() -> None:
            nonlocal hangs
            hangs = True
            self._hanging += 1
            self._begin()

        watch = asyncio.get_running_loop().call_later(self._late, late)
        try:
            await self._send(taken)
        finally:
            watch.cancel()
            self._hanging -= hangs

    async def _send(self, taken: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._flush([item for item, _ in taken])
            if len(answers) != len(taken):
                raise AssertionError(f"{len(taken)} items were flushed and {len(answers)} answers came")
        except Exception as error:
            if len(taken) == 1 or isinstance(error, VidijobError):
                for _, future in taken:
                    if not future.done():
                        future.set_exception(error)
                        future.exception()  # a caller that goes away just now is no reason for a warning
                return
            for one in taken:
                await self._send([one])
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            if not future.done():
                future.set_result(answer)
