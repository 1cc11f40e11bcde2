"""Blocking work in threads that are never left behind."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from vidijob.executors.threads import Stop, in_thread


def working() -> int:
    return sum(thread.name == "vidijob-work" for thread in threading.enumerate())


async def test_answers_what_the_work_answers() -> None:
    assert await in_thread(lambda stop: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda stop: 1 // 0)


async def test_a_cancellation_waits_for_the_thread() -> None:
    ended = []

    def work(stop: Stop) -> None:
        try:
            while True:
                stop.check()
                time.sleep(0.01)
        finally:
            time.sleep(0.1)
            ended.append(True)

    task = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
    await asyncio.sleep(0.02)
    assert working() == 0


async def test_work_that_cannot_be_stopped_is_waited_for() -> None:
    ended = []

    def work(stop: Stop) -> None:
        time.sleep(0.1)
        ended.append(True)

    task = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() and ended == [True]
