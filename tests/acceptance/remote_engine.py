"""An engine elsewhere that carries out steps, on a port of its own: what somebody would write who reads the protocol."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.acceptance.conftest import free_port


@dataclass
class Order:
    """What the engine was sent."""

    request: web.Request
    text: str
    asked: Any = field(init=False)

    def __post_init__(self) -> None:
        self.asked = json.loads(self.text)

    @property
    def token(self) -> str:
        """The end of the address to call back."""
        return str(self.asked["callback"]).rpartition("/")[2]

    def signed_with(self, secret: str) -> bool:
        """Tell whether the signature is right, as the protocol says to find out."""
        signed = f"{self.request.headers['Vidijob-Timestamp']}.{self.text}"
        wanted = "sha256=" + hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, self.request.headers["Vidijob-Signature"])


Act = Callable[[Order], Awaitable[web.Response]]


async def take_over(order: Order) -> web.Response:
    """Take the step over."""
    return web.Response(status=202)


@dataclass
class RemoteEngine:
    """Does as the test says; takes every step over otherwise. It is not running at first."""

    act: Act = take_over
    #: What it answers to a look whether it is there.
    health: int = 404
    port: int = field(default_factory=free_port)
    orders: asyncio.Queue[Order] = field(default_factory=asyncio.Queue)

    @property
    def origin(self) -> str:
        """What is shown of its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where steps are sent to."""
        return f"http://user:word@127.0.0.1:{self.port}/carry/out?quality=high"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it."""
        application = web.Application()
        application.router.add_post("/carry/out", self._take)
        application.router.add_route("*", "/", self._look)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def order(self) -> Order:
        """Return the next order."""
        async with asyncio.timeout(20):
            return await self.orders.get()

    async def _take(self, request: web.Request) -> web.Response:
        order = Order(request, await request.text())
        self.orders.put_nowait(order)
        return await self.act(order)

    async def _look(self, request: web.Request) -> web.Response:
        return web.Response(status=self.health)


async def tell(session: aiohttp.ClientSession, url: str, **message: Any) -> int:
    """Call back; returns the status."""
    async with session.post(url, json=message) as answer:
        return answer.status
