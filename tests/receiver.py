"""A program that takes notifications, on a port of its own: what a user of the API would write."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from lxml import etree
from multidict import CIMultiDict, CIMultiDictProxy

Behaviour = Callable[[], Awaitable[int]]
NAMESPACE = "http://xml.vidispine.com/schema/vidispine"


@dataclass(frozen=True)
class Received:
    """One call."""

    method: str
    path: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def delivery(self) -> str:
        """The name of the delivery."""
        return self.headers["Vidijob-Delivery"]

    @property
    def fields(self) -> dict[str, str]:
        """What was told, in XML."""
        found = etree.fromstring(self.body).iter(f"{{{NAMESPACE}}}field")
        return {one.findtext("{*}key") or "": one.findtext("{*}value") or "" for one in found}

    def signed_with(self, secret: str) -> bool:
        """Tell whether the signature is right, as the README says to find out."""
        signed = self.headers["Vidijob-Timestamp"].encode() + b"." + self.body
        wanted = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, self.headers["Vidijob-Signature"])


async def ok() -> int:
    """Take it."""
    return 200


@dataclass
class Receiver:
    """Remembers what it was sent, and answers as the test says for a path; 200 otherwise."""

    received: list[Received] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    port: int = 0
    #: The most calls of one path at the same time.
    most_at_once: dict[str, int] = field(default_factory=dict)
    _now: dict[str, int] = field(default_factory=dict)

    def url(self, path: str) -> str:
        """Return where to send to."""
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """Return what came to a path."""
        return [one for one in self.received if one.path == path]

    async def until(self, path: str, number: int = 1, seconds: float = 20) -> list[Received]:
        """Wait until so many calls came to a path; returns them."""
        async with asyncio.timeout(seconds):
            while len(self.at(path)) < number:
                await asyncio.sleep(0.02)
        return self.at(path)

    async def take(self, request: web.Request) -> web.Response:
        """Take one call."""
        path = request.path_qs
        body = await request.read()
        self.received.append(Received(request.method, path, CIMultiDictProxy(CIMultiDict(request.headers)), body))
        self._now[path] = self._now.get(path, 0) + 1
        self.most_at_once[path] = max(self.most_at_once.get(path, 0), self._now[path])
        try:
            return web.Response(status=await self.behaviours.get(path, ok)())
        finally:
            self._now[path] -= 1


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a receiver on a port that is free."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.port = int(runner.addresses[0][1])
    try:
        yield receiver
    finally:
        await runner.cleanup()
