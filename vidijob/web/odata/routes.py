"""The way from and to HTTP: one catch-all below the root of a service, since clients send paths that no router takes
(``/api//Jobs``, ``/api/%2FJobs%28…%29``).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

from aiohttp import web

from vidijob.errors import NotAuthenticated, NotFound, NotImplementedHere, VidijobError
from vidijob.odata.formats import Body, Writer, wanted
from vidijob.odata.paths import NoSegment, read_path, read_query
from vidijob.odata.shapes import Model
from vidijob.web import addresses, auth, bodies, keys
from vidijob.web.failures import status
from vidijob.web.middleware import shown
from vidijob.web.odata.batches import answer_batch
from vidijob.web.odata.calls import Answer, Ask, Fault, Server, tunnelled
from vidijob.web.odata.service import Service

_log = logging.getLogger(__name__)
_ECHOED = re.compile(r"[\x20-\x7e]{1,200}")


def routes(service: Service, root: str) -> list[web.RouteDef]:
    """Return what the application adds for a service below a root (``/azure/api``)."""
    return [web.route("*", root + "{tail:(?s:.*)}", _dispatcher(service, root))]


def _dispatcher(service: Service, root: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def dispatch(request: web.Request) -> web.StreamResponse:
        """Answer a request below the root."""
        writer = Writer(service.model, wanted(request.headers.get("Accept"), None), f"{root}/")
        is_batch = False
        try:
            ask = await _ask(request, service.model, root)
            writer = ask.writer
            is_batch = ask.method == "POST" and [segment.name for segment in ask.path] == ["$batch"]
            if is_batch:
                body, media = await answer_batch(service, ask, root.rpartition("/")[2], failure)
                answer = Answer(202, Body(body.decode("utf-8", "replace"), media))
            else:
                answer = await service.answer(ask)
        except Exception as error:
            if not isinstance(error, (VidijobError, web.HTTPException)):
                _log.exception("%s %s [%s]", request.method, shown(request.path), request[keys.REQUEST_ID])
            answer = _told(writer, error)
        return _response(request, answer, version="1.0;" if is_batch else "3.0;")

    return dispatch


async def _ask(request: web.Request, model: Model, root: str) -> Ask:
    services = request.app[keys.SERVICES]
    user = await auth.authenticate(services.accounts, request.headers.get("Authorization"))
    storage = request.app.get(keys.STORAGE_ROOT)
    if storage is None:
        raise NotImplementedHere("This server has no storage root, so there is no place for files.")
    base = addresses.base(request)
    query = read_query(request.rel_url.raw_query_string)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Ask(
        method=tunnelled(request.method, headers),
        path=read_path(request.rel_url.raw_path.removeprefix(root)),
        query=query,
        headers=headers,
        body=await bodies.whole(request),
        writer=Writer(model, wanted(request.headers.get("Accept"), query.get("$format")), f"{base}{root}/"),
        server=Server(user, services, await services.identities.uuids(), request.app[keys.SITE], storage, base),
    )


def _response(request: web.Request, answer: Answer, version: str) -> web.Response:
    id = str(uuid4())
    headers = {"Cache-Control": "no-cache"}
    if answer.body is not None:
        headers["Content-Type"] = answer.body.type
    headers |= {"request-id": id, "x-ms-request-id": id, "X-Content-Type-Options": "nosniff"}
    headers |= {"DataServiceVersion": version, "X-Powered-By": "vidijob", **answer.headers}
    for name in ("client-request-id", "x-ms-client-request-id"):
        if _ECHOED.fullmatch(request.headers.get(name, "")):
            headers[name] = request.headers[name]
    if answer.status == 503:
        headers["Retry-After"] = "1"
    body = b"" if answer.body is None else answer.body.text.encode("utf-8", "replace")
    return web.Response(status=answer.status, body=body or None, headers=headers)


def failure(ask: Ask, error: Exception) -> Answer:
    """Return how an error of a request in a batch reads, in the format that was asked for."""
    if not isinstance(error, VidijobError):
        _log.error("A request of a batch: %s %s", ask.method, [segment.name for segment in ask.path], exc_info=error)
    return _told(ask.writer, error)


def _told(writer: Writer, error: Exception) -> Answer:
    match error:
        case Fault():
            return Answer(error.status, writer.error(error.code, str(error)), error.headers)
        case NotAuthenticated():
            return Answer(401)
        case NoSegment(id=id):
            return Answer(404, writer.error("", f"Resource not found for the segment '{id}'."))
        case NotFound(kind=kind, id=id):
            said = f"Resource not found for the segment '{kind}'. There is none with the id '{id}'."
            return Answer(404, writer.error("ResourceNotFound", said))
        case VidijobError():
            return Answer(status(error), writer.error("", str(error)))
        case web.HTTPException():
            return Answer(error.status, writer.error("", error.reason))
        case _:
            return Answer(500, writer.error("InternalError", "An unexpected error has occurred."))
