"""CORS: a browser asks whether a page of another origin may use this server, and is told. What is allowed is decided
elsewhere; a preflight needs no login, since browsers send none with it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from vidijob.engine import origins
from vidijob.errors import Unavailable
from vidijob.web import keys

_log = logging.getLogger(__name__)

#: Of our answers a page may read these headers as well.
_EXPOSED = "allow, etag, location, next-cursor, reason, retry-after, vidijob-missing-sites, vidijob-site, x-request-id"
_MAX_AGE = 600
_ASKED = "Access-Control-Request-Method"


@web.middleware
def answer_preflights(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> Awaitable[web.StreamResponse]:
    """Answer a browser that asks what a page of another origin may send."""
    asks = request.method == "OPTIONS" and "Origin" in request.headers and _ASKED in request.headers
    return _preflight(request) if asks else handler(request)


async def _preflight(request: web.Request) -> web.StreamResponse:
    said = await _permission(request, request.headers[_ASKED])
    if said is None:
        # A page that may not is told nothing; without these headers the browser refuses it.
        return web.Response(status=403, headers={"Vary": "Origin"})
    headers = {
        "Access-Control-Allow-Methods": ", ".join(said.methods),
        "Access-Control-Allow-Headers": ", ".join(said.headers),
        "Access-Control-Max-Age": str(_MAX_AGE if said.max_age is None else said.max_age),
    }
    return web.Response(headers=headers)


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Say in an answer, of whatever kind, whether a page of another origin may read it."""
    if "Origin" not in request.headers:
        return
    response.headers["Vary"] = ", ".join(filter(None, (response.headers.get("Vary"), "Origin")))
    said = await _permission(request, request.headers.get(_ASKED, request.method))
    if said is None:
        return
    response.headers["Access-Control-Allow-Origin"] = said.origin
    others = dict(said.others)
    response.headers["Access-Control-Expose-Headers"] = others.get("access-control-expose-headers", _EXPOSED)
    # Never together with any origin; the rules refuse it as well.
    if others.get(origins.CREDENTIALS, "").lower() == "true" and said.origin != origins.ANY:
        response.headers["Access-Control-Allow-Credentials"] = "true"


async def _permission(request: web.Request, method: str) -> origins.Permission | None:
    try:
        entries: Sequence[origins.Entry] = await request.app[keys.SERVICES].configuration.cors()
    except Unavailable as error:
        _log.warning("cors: %s", error)
        return None
    return origins.find(entries, method, request.headers["Origin"], request.path, request.headers)
