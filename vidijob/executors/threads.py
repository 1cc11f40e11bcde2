"""Does blocking work in a thread of its own, and never leaves that thread behind."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


class Stopped(Exception):
    """The work was told to stop, and did."""


class Stop:
    """How a thread learns that nobody wants its result any more."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ask(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    def check(self) -> None:
        """Raise ``Stopped`` when it was asked to; long work calls this every few milliseconds."""
        if self._event.is_set():
            raise Stopped


async def in_thread(work: Callable[[Stop], Result]) -> Result:
    """Run blocking work in a thread and return its result.

    When we are cancelled, the work is asked to stop, and the cancellation goes on only after the thread has ended: nobody
    writes to a file that somebody else already clears away. A thread of its own, since the loop's few are for short work.
    """
    stop, done = Stop(), Future[Result]()
    try:
        threading.Thread(target=_carry_out, args=(work, stop, done), name="vidijob-work", daemon=True).start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
    answer = asyncio.wrap_future(done)
    cancelled = False
    while not answer.done():
        try:
            await asyncio.wait({answer})
        except asyncio.CancelledError:
            cancelled = True
            stop.ask()
    if cancelled:
        answer.exception()
        raise asyncio.CancelledError
    return answer.result()


def _carry_out(work: Callable[[Stop], Result], stop: Stop, done: Future[Result]) -> None:
    try:
        result = work(stop)
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(result)
