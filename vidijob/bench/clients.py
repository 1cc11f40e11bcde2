"""Clients that ask the same again and again over HTTP, each on a connection of its own and one question at a time. They cost
little: what they ask is written once, and of an answer they look at the status and the length.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from vidijob.errors import SetupError

_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, as it goes over the wire."""

    host: str
    port: int
    sent: bytes

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str], method: str = "GET", body: bytes = b"") -> Asked:
        """Write a request."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise AssertionError(f"{url} does not name a host and a port")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return cls(parts.hostname, parts.port, "\r\n".join([*lines, "", ""]).encode() + body)


@dataclass(slots=True)
class Heard:
    """What came of it."""

    answers: int = 0
    seconds: float = 0.0
    #: How long each answer took, in milliseconds.
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return self.answers / self.seconds


async def ask(asked: Sequence[Asked], clients: int, seconds: float) -> Heard:
    """Let so many clients ask for so long, each the next of some questions, from another one on; raises ``SetupError`` for an answer that
    is not a good one.
    """
    heard = Heard()
    begun = time.perf_counter()
    starts = [place * len(asked) // clients for place in range(clients)]
    await asyncio.gather(*(_one([*asked[place:], *asked[:place]], begun + seconds, heard) for place in starts))
    heard.seconds = time.perf_counter() - begun
    return heard


async def _one(asked: Sequence[Asked], end: float, heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    first = asked[0]
    transport, _ = await loop.create_connection(lambda: _Client(asked, end, heard, over), first.host, first.port)
    try:
        await over
    finally:
        transport.abort()


class _Client(asyncio.Protocol):
    def __init__(self, asked: Sequence[Asked], end: float, heard: Heard, over: asyncio.Future[None]) -> None:
        self._asked = asked
        self._end = end
        self._heard = heard
        self._over = over
        self._turn = 0
        self._since = 0.0
        #: What has come of an answer, and how long that will be once it is known.
        self._got = b""
        self._whole = 0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        # What libuv's loop gives is one by what it does, not by its class.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Say so, if that was too early."""
        self._fail(f"the connection was lost: {error or 'closed by the server'}")

    def data_received(self, data: bytes) -> None:
        """Ask again when an answer is there."""
        self._got += data
        if not self._whole:
            head = self._got.find(_END)
            if head < 0:
                return
            if not self._got.startswith(b"HTTP/1.1 200 "):
                self._fail(self._got[:2000].decode("utf-8", "replace"))
                return
            length = self._got[:head].lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
            self._whole = head + len(_END) + int(length)
        if len(self._got) < self._whole:
            return
        now = time.perf_counter()
        self._got, self._whole = b"", 0
        self._heard.answers += 1
        self._heard.waits.append(1000 * (now - self._since))
        if now < self._end:
            self._ask()
        elif not self._over.done():
            self._over.set_result(None)

    def _ask(self) -> None:
        if self._transport is None:
            raise AssertionError("nobody is there yet")
        self._since = time.perf_counter()
        self._transport.write(self._asked[self._turn].sent)
        self._turn = (self._turn + 1) % len(self._asked)

    def _fail(self, what: str) -> None:
        if not self._over.done():
            self._over.set_exception(SetupError(f"A request that is measured was not answered well: {what}"))
