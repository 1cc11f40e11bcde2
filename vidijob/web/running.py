"""How a process runs until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

_log = logging.getLogger(__name__)

#: More are of no use to one process.
_DESCRIPTORS = 65_536


class Startable(Protocol):
    """What a process consists of."""

    async def start(self) -> None:
        """Start every part."""

    async def stop(self) -> None:
        """End, and return when all has ended."""


async def until_told(server: Startable, announce: Callable[[], None]) -> None:
    """Run until SIGTERM or SIGINT; ``announce`` is called when everything has started. A second signal ends it at once."""
    _take_descriptors()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    starting = asyncio.create_task(server.start())
    await _first(starting, stopping.wait())
    if not starting.done():
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        return
    await starting
    announce()
    await stopping.wait()
    _log.info("stopping")
    await server.stop()


def _take_descriptors() -> None:
    """Take as many descriptors as the system lets us have: what it gives at first is few for a server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _first(task: asyncio.Task[None], other: Awaitable[object]) -> None:
    waiting = asyncio.ensure_future(other)
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
