"""What is true of every request, whatever the face: an id, a line in the log, no secret in it."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from vidijob.web.keys import REQUEST_ID

_log = logging.getLogger("vidijob.http")
#: What is as long as a token may be one.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}")
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
    began = time.perf_counter()
    status = 500
    try:
        response = await handler(request)
        status = response.status
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
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug(
                "%s %s → %d in %.1f ms [%s]",
                request.method,
                shown(request.rel_url.raw_path),
                status,
                (time.perf_counter() - began) * 1000,
                request[REQUEST_ID],
            )
