"""What is true of every request, whatever the face: an id, a line in the log, no secret in it."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Awaitable, Callable
from functools import cache

from aiohttp import hdrs, web

from vidijob.observability import metrics, tracing
from vidijob.observability.logs import REQUEST
from vidijob.observability.recording import Take
from vidijob.web.keys import GIVEN_UP, REQUEST_ID, ROUTE, WAITED

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
    given = request.headers.get("X-Request-Id")
    id = given if given is not None and _ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
    request[REQUEST_ID] = id
    token = REQUEST.set(id)
    is_open = metrics.REQUESTS_OPEN.take()
    is_open(1)
    status, streams = 500, False
    began = time.perf_counter()
    try:
        response = await (_traced(request, handler) if tracing.is_on() else handler(request))
        status = response.status
        headers = response.headers
        streams = headers.get(hdrs.CONTENT_TYPE, "").startswith(_EVENTS)
        if not response.prepared:
            if GIVEN_UP in request or request.content.exception() is not None:
                # The body did not come, or broke off, or was not compressed as it says. What follows on this connection cannot be told from
                # the rest of it, so it ends here, and the client hears that it does.
                response.force_close()
            headers["X-Request-Id"] = id
            headers["X-Content-Type-Options"] = "nosniff"
            headers[hdrs.SERVER] = "vidijob"
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        seconds = time.perf_counter() - began
        route = _template(request)
        count, measure = _counting(route, request.method if request.method in _METHODS else "other", status)
        count(1)
        if not (streams or WAITED in request):
            measure(seconds)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug(
                "%s %s → %d in %.1f ms [%s]",
                request.method,
                shown(request.rel_url.raw_path),
                status,
                seconds * 1000,
                id,
                extra={"fields": {"route": route, "status": status, "seconds": round(seconds, 6)}},
            )
        is_open(-1)
        REQUEST.reset(token)


async def _traced(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if request.path in _ASKED_BY_MACHINES:
        return await handler(request)
    with tracing.span(
        request.method, "server", parent=tracing.incoming(request.headers), http__request__method=request.method,
        vidijob__request=request[REQUEST_ID],
    ) as entry:  # fmt: skip
        response = await handler(request)
        entry.name(f"{request.method} {_template(request)}")
        entry.set(http__route=_template(request), http__response__status_code=response.status)
        if response.status >= 500:
            entry.fail(str(response.status))
        return response


@cache
def _counting(route: str, method: str, status: int) -> tuple[Take, Take]:
    """Return what counts requests of a kind, and what measures them; there are few kinds, since no path is one."""
    return metrics.REQUESTS.take(route, method, str(status)), metrics.REQUEST_SECONDS.take(route, method)


def _template(request: web.Request) -> str:
    """Return the template of a path, never the path itself: callers make that up."""
    known: str | None = request.get(ROUTE)
    if known is not None:
        return known
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
