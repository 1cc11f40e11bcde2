"""Where a process takes requests, and how it stops to while a balancer still sends it some: none that it was sent is dropped.

When it is to stop, nobody new gets in, and whoever is in is answered and then asked to leave (``Connection: close``), for as long
as the drain lasts; ``/ready`` says 503. What has begun by then is finished.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from vidijob.errors import SetupError
from vidijob.web.guests import GUESTS, Guests

#: Whether the process is about to stop.
CLOSING = web.AppKey("closing", asyncio.Event)
_LET_GO: web.AppKey[list[Callable[[], None]]] = web.AppKey("let_go")

#: Requests that have begun may take so many seconds more, whatever the drain.
_FINISH = 5.0
_LOOK = 0.02
#: A connection that is half made when nobody new gets in is whole after so many seconds.
_HALF_MADE = 0.05

#: Looks, one after the other, that show nobody.
_SURE = 5

_ATTACH_FILTER = 26
#: For the kernel: drop what asks for a new connection (SYN without ACK), let everything else pass. Five instructions, each of a
#: code, two jumps and a number: load the flags; mask; is it SYN alone; pass; drop.
_NOBODY_NEW = b"".join(
    struct.pack("HBBI", *one)
    for one in ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 1, 0, 0x02), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0))
)


def lets_go(application: web.Application, let_go: Callable[[], None]) -> None:
    """Have who keeps requests for long, as those who wait for news, let them go when the process is about to stop."""
    if _LET_GO not in application:
        application[_LET_GO] = []
        application.on_shutdown.append(_let_all_go)
    application[_LET_GO].append(let_go)


async def _let_all_go(application: web.Application) -> None:
    for let_go in application.get(_LET_GO, ()):
        let_go()


class Entrance:
    """One application on one port. ``open`` once, ``close`` once."""

    def __init__(self, application: web.Application, *, drain: float = 0, longest_line: int = 8190) -> None:
        """``drain`` is for how many seconds those who are in may go on to ask, ``longest_line`` how many bytes the first line
        of a request may have.
        """
        self._drain = drain
        self._closing = application[CLOSING] = asyncio.Event()
        application.on_response_prepare.append(self._ask_to_leave)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=max(_FINISH, drain), max_line_size=longest_line
        )
        self._server: asyncio.Server | None = None
        self._guests = application[GUESTS] = Guests()
        application.middlewares.insert(0, self._guests.attend)

    async def open(self, host: str, port: int, flag: str, *, shared: bool) -> str:
        """Take requests, ``shared``: beside other processes on the same port. Returns the URL; raises ``SetupError``, which names
        the flag of the port.
        """
        await self._runner.setup()
        make = self._runner.server
        assert make is not None
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: self._guests.receive(make), host, port, backlog=128, reuse_port=shared or None
            )
        except OSError as error:
            raise SetupError(f"Cannot listen on {host}:{port} ({error.strerror}); choose another {flag}.") from error
        self._guests.start()
        name, number = self._server.sockets[0].getsockname()[:2]
        return f"http://{f'[{name}]' if ':' in name else name}:{number}"

    async def close(self) -> None:
        """Let nobody in any more, answer those who are in, and return when all have left or the drain is over."""
        self._closing.set()
        await _let_all_go(self._runner.app)
        if self._server is not None:
            if self._drain:
                for listening in self._server.sockets:
                    _refuse_new(listening.fileno())
                await _turns(_HALF_MADE)
            self._server.close()
            await self._until_left()
        await self._runner.cleanup()
        await self._guests.stop()

    async def _until_left(self) -> None:
        nobody = 0
        for _ in range(math.ceil(self._drain / _LOOK)):
            # One that got in a moment ago is not counted yet.
            there = self._runner.server is not None and self._runner.server.connections
            nobody = 0 if there else nobody + 1
            if nobody > _SURE:
                return
            await asyncio.sleep(_LOOK)

    async def _ask_to_leave(self, request: web.Request, response: web.StreamResponse) -> None:
        if self._closing.is_set():
            response.force_close()
            # It is too late for aiohttp to write it by itself.
            response.headers["Connection"] = "close"


async def _turns(seconds: float) -> None:
    """Wait, and let the loop look at the port several times after that, however busy it was: nobody is left at the door."""
    await asyncio.sleep(seconds)
    for _ in range(_SURE):
        await asyncio.sleep(0.001)


def _refuse_new(descriptor: int) -> None:
    """Have the kernel drop what asks for a new connection, so that none is half made when the port is closed.

    Who asks meanwhile asks again a second later, and is refused then. Where that cannot be had, a few may be cut.
    """
    if sys.platform != "linux":
        return
    code = ctypes.create_string_buffer(_NOBODY_NEW, len(_NOBODY_NEW))
    program = struct.pack("@HP", len(_NOBODY_NEW) // 8, ctypes.addressof(code))
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
