"""Is the process up, and can it work: two questions that a machine asks."""

from __future__ import annotations

from aiohttp import web

from vidijob.errors import Unavailable
from vidijob.web.entrance import CLOSING
from vidijob.web.keys import SERVICES


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


ROUTES = (web.get("/health", health), web.get("/ready", ready))
