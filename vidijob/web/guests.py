"""Who is connected to a server, and for how long somebody may be who does nothing: who asks for nothing, or takes nothing of what
was asked for, is let go, so that neither memory nor descriptors are kept for him. Where there are too many, whoever has done
nothing for longest makes room. It does not know what is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from vidijob.engine.loop import Ticker

_log = logging.getLogger(__name__)

#: Who has not asked for anything when he has been there for so many seconds is let go.
_FIRST = 30.0
#: Who takes nothing of an answer for so many seconds is let go.
_STANDSTILL = 120.0
_LOOK = 1.0
#: This part of the descriptors that a process may have is for connections, and in all not more than so many: what else it does,
#: work and a database among it, needs some too.
_SHARE, _MOST = 0.75, 10_000
#: It is said at most so often that there are too many, in seconds.
_SAY = 60.0


@dataclass(slots=True, eq=False)
class _Guest:
    """One connection."""

    #: Since when it has been doing nothing, if it does nothing.
    since: float
    #: Whether anything was asked for.
    asked: bool = False
    #: Requests that are being answered.
    busy: int = 0
    #: Bytes that were sent to it and that it has not taken, and when these were last fewer.
    untaken: int = 0
    took_at: float = 0


class Guests(Ticker):
    """The connections of one server."""

    def __init__(self, most: int | None = None) -> None:
        """``most`` is how many there may be; by default as many as the system lets this process have, but for a part."""
        super().__init__("guests")
        self._most = most or _most()
        self._known: dict[asyncio.BaseProtocol, _Guest] = {}
        self._clock = asyncio.get_running_loop().time
        self._said_at = float("-inf")

    def receive(self, make: Callable[[], web.RequestHandler]) -> asyncio.Protocol:
        """Return what speaks with a new guest, or what shows him out at once, where there are too many."""
        if len(self._known) >= self._most and not self._make_room():
            return _Away()
        handler = make()
        self._known[handler] = _Guest(self._clock())
        return handler

    @web.middleware
    async def attend(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer a request, and know that its guest is not idle meanwhile."""
        guest = self._known.get(request.protocol)
        if guest is None:
            return await handler(request)
        guest.asked = True
        guest.busy += 1
        try:
            return await handler(request)
        finally:
            guest.busy -= 1
            guest.since = self._clock()

    @contextmanager
    def attending(self, request: web.Request) -> Iterator[None]:
        """Know that a guest is not idle while he is sent what is made for him after his request was answered."""
        guest = self._known.get(request.protocol) or _Guest(0)
        guest.busy += 1
        try:
            yield
        finally:
            guest.busy -= 1
            guest.since = self._clock()

    async def tick(self) -> float:
        """Let those go who do nothing; returns the seconds until the next look."""
        now = self._clock()
        for handler, guest in list(self._known.items()):
            transport = _transport(handler)
            if transport is None:
                if _has_left(guest, now):
                    del self._known[handler]
            elif (not guest.asked and now > guest.since + _FIRST) or not _takes(guest, transport, now):
                transport.abort()
        return _LOOK

    def _make_room(self) -> bool:
        """Let the one go who has been idle for longest; tells whether there was one. Who has left by himself makes room as well."""
        now = self._clock()
        idle = []
        for handler, guest in self._known.items():
            transport = _transport(handler)
            if transport is None and _has_left(guest, now):
                idle.append((0.0, handler))
            elif transport is not None and not guest.busy and not transport.get_write_buffer_size():
                idle.append((guest.since, handler))
        if now > self._said_at + _SAY:
            self._said_at = now
            _log.warning("There are %d connections, as many as there may be: idle ones are closed.", len(self._known))
        if not idle:
            return False
        _, handler = min(idle, key=lambda one: one[0])
        if (transport := _transport(handler)) is not None:
            transport.close()
        del self._known[handler]
        return True


GUESTS = web.AppKey("guests", Guests)


def _most() -> int:
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if descriptors == resource.RLIM_INFINITY else min(int(descriptors * _SHARE), _MOST)


class _Away(asyncio.Protocol):
    """Speaks with nobody."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hang up."""
        # Not every loop's are of that class by name.
        cast(asyncio.Transport, transport).abort()


def _transport(handler: asyncio.BaseProtocol) -> asyncio.Transport | None:
    return handler.transport if isinstance(handler, web.RequestHandler) else None


def _has_left(guest: _Guest, now: float) -> bool:
    """Tell whether a guest who is not connected has left, and is not just coming in."""
    return guest.asked or now > guest.since + _LOOK


def _takes(guest: _Guest, transport: asyncio.Transport, now: float) -> bool:
    """Tell whether a guest takes what he is sent."""
    untaken = transport.get_write_buffer_size()
    if not untaken or untaken < guest.untaken or not guest.untaken:
        guest.took_at = now
    guest.untaken = untaken
    return now <= guest.took_at + _STANDSTILL
