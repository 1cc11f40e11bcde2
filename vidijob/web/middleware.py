"""What is true of every request, whatever the face: an id, a line in the log, no secret in it."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from vidijob.observability import metrics, tracing
from vidijob.observability.logs import REQUEST
from vidijob.web.keys import REQUEST_ID, ROUTE, WAITED

_log = logging.getLogger("vidijob.http")
#: What is as long as a token may be one.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EVENTS = "text/event-stream"
#: Of these there are no traces.
_ASKED_BY_MACHINES = frozenset({"/health", "/ready", "/metrics"})
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def shown(path: str) -> str:
    """Return a path as it may be written down: without what may be a token."""
    return _TOKEN.sub("…", path)


@web.middleware
async def identify(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give the request an id, taken from ``X-Request-Id`` if that is a sane one, and log how it was answered."""
    given = request.headers.get("X-Request-Id", "")
    request[REQUEST_ID] = given if _ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
    token = REQUEST.set(request[REQUEST_ID])
    metrics.REQUESTS_OPEN.add()
    try:
        if not tracing.is_on() or request.path in _ASKED_BY_MACHINES:
            return await _answer(request, handler)
        with tracing.span(
            request.method, "server", parent=tracing.incoming(request.headers), http__request__method=request.method,
            vidijob__request=request[REQUEST_ID],
        ) as entry:  # fmt: skip
            response = await _answer(request, handler)
            entry.name(f"{request.method} {_template(request)}")
            entry.set(http__route=_template(request), http__response__status_code=response.status)
            if response.status >= 500:
                entry.fail(str(response.status))
            return response
    finally:
        metrics.REQUESTS_OPEN.add(by=-1)
        REQUEST.reset(token)


async def _answer(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    began = time.perf_counter()
    status, streams = 500, False
    try:
        response = await handler(request)
        status, streams = response.status, response.headers.get("Content-Type", "").startswith(_EVENTS)
        if not response.prepared:
            if request.content.exception() is not None:
                # The body broke off, or was not compressed as it says. What follows on this connection cannot be told from
                # the rest of it, so it ends here, and the client hears that it does.
                response.force_close()
            response.headers["X-Request-Id"] = request[REQUEST_ID]
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Server"] = "vidijob"
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        seconds = time.perf_counter() - began
        _count(request, status, None if streams or WAITED in request else seconds)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug(
                "%s %s → %d in %.1f ms [%s]",
                request.method,
                shown(request.rel_url.raw_path),
                status,
                seconds * 1000,
                request[REQUEST_ID],
                extra={"fields": {"route": _template(request), "status": status, "seconds": round(seconds, 6)}},
            )


def _count(request: web.Request, status: int, seconds: float | None) -> None:
    route, method = _template(request), request.method if request.method in _METHODS else "other"
    metrics.REQUESTS.add(route, method, str(status))
    if seconds is not None:
        metrics.REQUEST_SECONDS.add(route, method, seconds=seconds)


def _template(request: web.Request) -> str:
    """Return the template of a path, never the path itself: callers make that up."""
    resource = request.match_info.route.resource
    return request.get(ROUTE) or (resource.canonical if resource is not None else "none")
