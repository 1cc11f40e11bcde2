"""One call of the face: what a handler is given, what it answers, and the way from and to HTTP that all share.

The order is fixed: path, login, role, whether the answer's form can be had, only then the handler, so that a request that
is refused has changed nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from vidijob.access import User
from vidijob.api.vidispine.translate import faults
from vidijob.binding import json, xml
from vidijob.binding.fields import Document
from vidijob.errors import VidijobError
from vidijob.web import auth, keys
from vidijob.web.failures import status
from vidijob.web.keys import Services
from vidijob.web.negotiate import Form, sent, wanted
from vidijob.web.parameters import Parameters
from vidijob.web.routing import Open, Route, RouteTable, target

_log = logging.getLogger(__name__)

D = TypeVar("D", bound=Document)
_ERROR_FORMS = (Form.XML, Form.JSON, Form.TEXT)
_LARGE = 256 * 1024
_NOBODY = User("", frozenset())


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given."""

    user: User
    #: The values of the names in the path.
    path: Mapping[str, str]
    parameters: Parameters
    services: Services
    site: str
    #: Whether the answer is wanted as plain text.
    as_text: bool
    _request: web.Request = field(repr=False)

    async def document(self, cls: type[D]) -> D | None:
        """Read the body, or return ``None`` where there is none, whatever its type says (contract 4.4)."""
        body = await self._request.read()
        if not body.strip():
            return None
        match sent(self._request.headers.get("Content-Type")):
            case Form.XML:
                read: Callable[[type[D], bytes], D] = xml.read
            case Form.JSON:
                read = json.read
            case _:
                raise web.HTTPUnsupportedMediaType(
                    reason=f"A {cls.__name__} is sent as application/xml or application/json."
                )
        # A large one, hostile perhaps, must not keep everybody else waiting.
        return read(cls, body) if len(body) <= _LARGE else await asyncio.to_thread(read, cls, body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers; only the form that is wanted is made."""

    document: Callable[[], Document] | None = None
    text: Callable[[], str] | None = None


Handler = Callable[[Call], Awaitable[Answer]]


def dispatcher(prefix: str, table: RouteTable[Handler]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the one handler behind a prefix: it finds the route, guards it, and turns answer or error into a response."""

    async def dispatch(request: web.Request) -> web.Response:
        try:
            return await _answer(request, prefix, table)
        except Exception as error:
            if not isinstance(error, (VidijobError, web.HTTPException)):
                _log.exception("%s %s [%s]", request.method, request.path, request[keys.REQUEST_ID])
            return _failure(request, error)

    return dispatch


async def _answer(request: web.Request, prefix: str, table: RouteTable[Handler]) -> web.Response:
    where = target(request.rel_url.raw_path.removeprefix(prefix))
    route, names, allowed = table.find(request.method, where.segments)
    # Who has not logged in is not told what there is.
    user = await _user(request, route)
    if route is None:
        if allowed:
            raise web.HTTPMethodNotAllowed(
                request.method, allowed, reason=f"{request.method} is not possible here; {', '.join(allowed)} is."
            )
        raise web.HTTPNotFound()
    form = wanted(request.headers.get("Accept"), route.produces) if route.produces else None
    if route.produces and form is None:
        raise web.HTTPNotAcceptable(
            reason=f"The answer can be had as {', '.join(offer.value for offer in route.produces)}."
        )
    call = Call(
        user=user,
        path=names,
        parameters=Parameters(request.rel_url.raw_query_string, where.matrix),
        services=request.app[keys.SERVICES],
        site=request.app[keys.SITE],
        as_text=form is Form.TEXT,
        _request=request,
    )
    return _response(await route.handler(call), form)


async def _user(request: web.Request, route: Route[Handler] | None) -> User:
    if route is not None and route.role is Open.TO_ALL:
        return _NOBODY
    user = await auth.authenticate(request.app[keys.SERVICES].accounts, request.headers.get("Authorization"))
    if route is not None and isinstance(route.role, str):
        user.require(route.role)
    return user


def _response(answer: Answer, form: Form | None) -> web.Response:
    if form is Form.TEXT and answer.text is not None:
        return web.Response(text=answer.text(), content_type="text/plain", charset="utf-8")
    if form is None or answer.document is None:
        return web.Response()
    return _body(answer.document(), form)


def _body(document: Document, form: Form, status: int = 200) -> web.Response:
    write = xml.write if form is Form.XML else json.write
    return web.Response(body=write(document), status=status, headers={"Content-Type": form.value})


def _failure(request: web.Request, error: Exception) -> web.Response:
    code = status(error)
    form = wanted(request.headers.get("Accept"), _ERROR_FORMS) or Form.XML
    document = faults.exception_document(error, request.path)
    if isinstance(error, web.HTTPNotFound) and form is Form.JSON:
        # The recorded answer to a path that is not there (contract 4.6).
        response = web.json_response({"code": 404, "message": "HTTP 404 Not Found"}, status=404)
    elif form is Form.TEXT:
        response = web.Response(
            text=faults.exception_text(code, document), status=code, content_type="text/plain", charset="utf-8"
        )
    else:
        response = _body(document, form, code)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    if code == 401:
        response.headers["WWW-Authenticate"] = auth.CHALLENGE
    if code == 503:
        response.headers["Retry-After"] = "1"
    if code == 413:
        response.force_close()
    return response
