"""Is the process up, can it work, and what has it done: questions that a machine asks."""

from __future__ import annotations

from aiohttp import web

from vidijob.engine.metering import Meters
from vidijob.errors import Unavailable
from vidijob.web.entrance import CLOSING
from vidijob.web.keys import METERS, SERVICES

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


async def health(request: web.Request) -> web.Response:
    """Answer 200 as long as the process runs."""
    return web.json_response({"status": "up"})


async def ready(request: web.Request) -> web.Response:
    """Answer 200 when requests can be served, 503 and the reason when not."""
    closing = request.app.get(CLOSING)
    if closing is not None and closing.is_set():
        return web.json_response({"status": "not ready", "reason": "it stops"}, status=503)
    try:
        await request.app[SERVICES].insights.alive()
    except Unavailable as error:
        return web.json_response(
            {"status": "not ready", "reason": error.what}, status=503, headers={"Retry-After": "1"}
        )
    return web.json_response({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    """Answer what Prometheus asks for."""
    page = await request.app[METERS].page()
    return web.Response(body=page, headers={"Content-Type": _PROMETHEUS, "Cache-Control": "no-store"})


ROUTES = (web.get("/health", health), web.get("/ready", ready))
METRICS = web.get("/metrics", metrics)


def build_monitor(meters: Meters) -> web.Application:
    """Return a server that tells its metrics, and that it is up, and nothing else."""
    application = web.Application()
    application[METERS] = meters
    application.add_routes([web.get("/health", health), METRICS])
    return application
