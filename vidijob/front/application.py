"""The HTTP server of a front, and the process around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from aiohttp import web

from vidijob.errors import SetupError
from vidijob.front.handling import LARGEST_BODY, PREFIXES, Front
from vidijob.front.settings import FrontSettings
from vidijob.front.sites import Site, Sites
from vidijob.observability import metrics, processes
from vidijob.observability.recording import expose
from vidijob.web import middleware
from vidijob.web.entrance import CLOSING, Entrance

LONGEST_LINE = 64 * 1024
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def build(settings: FrontSettings) -> web.Application:
    """Return the server of a front; raises ``SetupError`` where there is no site."""
    if not settings.site:
        raise SetupError("A front needs its sites: --site VX=http://a:8080 --site VY=http://b:8080.")
    return application(
        Sites(
            [
                Site(name, url, patience=settings.patience, connect=settings.connect_patience)
                for name, url in settings.urls.items()
            ]
        ),
        tolerant=settings.tolerate_missing,
        patience=settings.patience,
    )


def application(sites: Sites, *, tolerant: bool, patience: float) -> web.Application:
    """Return the server in front of some sites."""
    made = web.Application(middlewares=[middleware.identify], client_max_size=LARGEST_BODY)
    front = Front(sites, tolerant=tolerant, patience=patience)

    async def speaking(_: web.Application) -> AsyncIterator[None]:
        for site in sites.all:
            site.start()
        yield
        for site in sites.all:
            await site.stop()

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "up"})

    async def ready(request: web.Request) -> web.Response:
        closing = request.app.get(CLOSING)
        if closing is not None and closing.is_set():
            return web.json_response({"status": "not ready", "reason": "it stops"}, status=503)
        there = await _there(sites)
        status = "ready" if any(there.values()) else "not ready"
        told = {name: "ready" if answers else "away" for name, answers in there.items()}
        return web.json_response({"status": status, "sites": told}, status=200 if status == "ready" else 503)

    async def tell(_: web.Request) -> web.Response:
        up = metrics.SITE_UP.of(((site.name,), float(site.away is None)) for site in sites.all)
        page = await asyncio.to_thread(lambda: expose([up, *processes.read()]))
        return web.Response(body=page, headers={"Content-Type": _PROMETHEUS, "Cache-Control": "no-store"})

    made.cleanup_ctx.append(speaking)
    # Line breaks too, as at a site.
    made.add_routes([web.route("*", prefix + "{tail:(?s:[/;].*)?}", front.answer) for prefix in PREFIXES])
    made.add_routes([web.get(path, front.published) for path in ("/openapi.json", "/schemas/vidispine.xsd")])
    made.add_routes([web.get("/health", health), web.get("/ready", ready), web.get("/metrics", tell)])
    return made


async def _there(sites: Sites) -> dict[str, bool]:
    answered = await asyncio.gather(*(site.answers() for site in sites.all))
    return dict(zip(sites.names, answered, strict=True))


class FrontServer:
    """The process of a front. ``start`` once, ``stop`` once."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        #: Where it can be reached, once it is started.
        self.address: str | None = None

    async def start(self) -> None:
        """Take requests."""
        settings = self._settings
        entrance = Entrance(build(settings), drain=settings.drain, longest_line=LONGEST_LINE)
        self._stack.push_async_callback(entrance.close)
        self.address = await entrance.open(settings.host, settings.port, "--port", shared=False)

    async def stop(self) -> None:
        """Take no more requests, and answer those that have begun."""
        await self._stack.aclose()
