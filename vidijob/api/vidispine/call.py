"""One call of the face: what a handler is given, what it answers, and the way from and to HTTP that all share.

The order is fixed: path, login, role, whether the answer's form can be had, only then the handler, so that a request that
is refused has changed nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from vidijob.access import User
from vidijob.api.vidispine.translate import faults, parts
from vidijob.binding import json, xml
from vidijob.binding.fields import Document
from vidijob.engine.accounts import Accounts
from vidijob.engine.external_ids import ExternalIds, possible
from vidijob.errors import (
    Invalid,
    NotAuthenticated,
    NotImplementedHere,
    RoleMissing,
    TookTooLong,
    Unreadable,
    VidijobError,
)
from vidijob.web import addresses, auth, keys, versions
from vidijob.web.failures import status
from vidijob.web.kept import Kept
from vidijob.web.keys import Services
from vidijob.web.middleware import shown
from vidijob.web.negotiate import Form, sent, wanted
from vidijob.web.parameters import Parameters
from vidijob.web.routing import Open, Route, RouteTable, admits, role_named, target
from vidijob.web.streaming import Streamed

_log = logging.getLogger(__name__)

D = TypeVar("D", bound=Document)
_ERROR_FORMS = (Form.XML, Form.JSON, Form.TEXT)
_PICTURES = (Form.SVG, Form.PNG)
_LARGE = 256 * 1024
#: Few, and of their own: a document takes many times its size while it is read, and passwords are checked by others.
_readers = ThreadPoolExecutor(2, thread_name_prefix="large-body")
_NOBODY = User("", frozenset())
#: How a body ends that does not come to its end.
_BROKEN = (web.RequestPayloadError, ConnectionResetError)
#: A body of which nothing comes for so many seconds is given up.
_STANDSTILL = 60.0


# Neither is frozen: each request makes one of both, and that would take several times as long.
@dataclass(slots=True)
class Call:
    """What a handler is given."""

    user: User
    #: The values of the names in the path.
    path: Mapping[str, str]
    parameters: Parameters
    services: Services
    #: Documents that need not be made again.
    kept: Kept
    #: Jobs as lists show them, likewise.
    fragments: Kept
    site: str
    #: Whether the answer is wanted as plain text.
    as_text: bool
    #: The form that is wanted, where the operation offers any.
    form: Form | None
    #: What the paths of this face begin with: ``/API``.
    prefix: str
    _request: web.Request = field(repr=False)

    def url(self, path: str) -> str:
        """Return the absolute URL of a path of this face, on the host that the client knows this server by."""
        return f"{addresses.base(self._request)}{self.prefix}{path}"

    def accepts(self, form: Form) -> bool:
        """Tell whether the client would take an answer in a form."""
        return wanted(self._request.headers.get("Accept"), (form,)) is not None

    @property
    def idempotency_key(self) -> str | None:
        """Return what marks a request that may be a repetition (ours; the header of the IETF's draft)."""
        return self._request.headers.get("Idempotency-Key")

    @property
    def part(self) -> str | None:
        """Return what a front that merges lists asks for, where one does; see ``translate/parts.py``."""
        return self._request.headers.get(parts.HEADER)

    @property
    def sends(self) -> Form | None:
        """Return the form that the body is said to have."""
        return sent(self._request.headers.get("Content-Type"))

    @property
    def announced(self) -> int | None:
        """Return how many bytes the body has, where that is said."""
        packed = self._request.headers.get("Content-Encoding", "identity").lower() != "identity"
        return None if packed else self._request.content_length

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, whatever its type says; whoever sends it waits as long as nobody asks for more."""
        while True:
            try:
                async with asyncio.timeout(_STANDSTILL):
                    piece = await self._request.content.readany()
            except TimeoutError:
                raise Unreadable("body", f"The body stood still for {_STANDSTILL:.0f} seconds.") from None
            except _BROKEN as error:
                raise _unread(error) from None
            if not piece:
                return
            yield piece

    async def text(self) -> str:
        """Read the body as text, whatever its type says."""
        try:
            return (await self._body()).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Invalid("body", f"The body is not UTF-8 (at byte {error.start}).") from None

    async def document(self, cls: type[D]) -> D | None:
        """Read the body, or return ``None`` where there is none, whatever its type says (contract 4.4)."""
        body = await self._body()
        if not body.strip():
            return None
        media = self._request.headers.get("Content-Type")
        # Without a type it is what it looks like.
        match sent(media) if media else Form.XML if body.lstrip().startswith(b"<") else Form.JSON:
            case Form.XML:
                read: Callable[[type[D], bytes], D] = xml.read
            case Form.JSON:
                read = json.read
            case _:
                raise web.HTTPUnsupportedMediaType(
                    reason=f"A {cls.__name__} is sent as application/xml or application/json."
                )
        if len(body) <= _LARGE:
            return read(cls, body)
        # A large one, hostile perhaps, must not keep everybody else waiting.
        return await asyncio.get_running_loop().run_in_executor(_readers, read, cls, body)

    async def _body(self) -> bytes:
        try:
            return await self._request.read()
        except _BROKEN as error:
            raise _unread(error) from None


@dataclass(slots=True)
class Answer:
    """What a handler answers; only the form that is wanted is made."""

    document: Callable[[], Document] | None = None
    text: Callable[[], str] | None = None
    #: What is no document: a script, a picture.
    content: Callable[[], bytes] | None = None
    #: Of the content, where it is not the form that was asked for first.
    form: Form | None = None
    #: What is too long to be held: its pieces, in the form that was asked for.
    pieces: AsyncGenerator[bytes] | None = None
    #: What was made before, in the form that was asked for.
    made: bytes | None = None
    #: Whether it has an ``ETag``, so that who has it already is not sent it again.
    tagged: bool = False
    #: Under which key, and as which version, its bytes are kept once they are made.
    keep: tuple[Hashable, object] | None = None
    #: Beside those that say what it is.
    headers: Mapping[str, str] = field(default_factory=dict)


def _unread(error: Exception) -> Unreadable:
    return Unreadable("body", f"The body could not be read to its end: {error}.")


Handler = Callable[[Call], Awaitable[Answer]]


def dispatcher(prefix: str, table: RouteTable[Handler]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the one handler behind a prefix: it finds the route, guards it, and turns answer or error into a response."""

    async def dispatch(request: web.Request) -> web.StreamResponse:
        try:
            return await _answer(request, prefix, table)
        except Exception as error:
            if not isinstance(error, (VidijobError, web.HTTPException)):
                _log.exception("%s %s [%s]", request.method, shown(request.path), request[keys.REQUEST_ID])
            return failure(request, error)

    return dispatch


async def _answer(request: web.Request, prefix: str, table: RouteTable[Handler]) -> web.StreamResponse:
    where = target(request.rel_url.raw_path.removeprefix(prefix))
    route, names, allowed = table.find(request.method, where.segments)
    if route is not None:
        request[keys.ROUTE] = prefix + route.path
    # Who has not logged in is not told what there is.
    application = request.app
    services = application[keys.SERVICES]
    user = await _user(request, services.accounts, route, names)
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
        path=await _resolved(services.external_ids, route, names),
        parameters=Parameters(request.rel_url.raw_query_string, where.matrix),
        services=services,
        kept=application[keys.KEPT],
        fragments=application[keys.FRAGMENTS],
        site=application[keys.SITE],
        as_text=form is Form.TEXT,
        form=form,
        prefix=prefix,
        _request=request,
    )
    answer = await route.handler(call)
    if answer.pieces is not None:
        streamed = await _stream(request, answer.pieces, form)
        streamed.headers.update(answer.headers)
        return streamed
    response = _response(answer, form)
    if answer.headers:
        response.headers.update(answer.headers)
    if answer.keep is not None and isinstance(response.body, bytes):
        call.kept.put(*answer.keep, response.body)
    return unless_known(request, response) if answer.tagged else response


def unless_known(request: web.Request, response: web.Response) -> web.Response:
    """Give an answer its version, and leave all else out where the client has that."""
    tag = versions.tag(response.body if isinstance(response.body, bytes) else b"")
    response.headers.update({"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"})
    if not versions.known(request.headers.get("If-None-Match"), tag):
        return response
    kept = {name: value for name, value in response.headers.items() if not name.startswith("Content-")}
    return web.Response(status=304, headers=kept)


async def _user(
    request: web.Request, accounts: Accounts, route: Route[Handler] | None, path: Mapping[str, str]
) -> User:
    if route is not None and route.role is Open.TO_ALL:
        return _NOBODY
    user = await auth.identify(accounts, request.headers)
    if user.behind is not None and request.method != "GET":
        _log.info(
            "%s acts as %s: %s %s [%s]",
            user.behind,
            user.name,
            request.method,
            request.rel_url.raw_path,
            request[keys.REQUEST_ID],
        )
    if route is not None and not admits(route.role, user, path):
        raise RoleMissing(user.name, role_named(route.role))
    return user


async def _resolved(external_ids: ExternalIds, route: Route[Handler], names: Mapping[str, str]) -> Mapping[str, str]:
    """Put the id of a job where a path has an external one."""
    if not route.path.startswith("/job/{id}") or not possible(names["id"]):
        return names
    return {**names, "id": await external_ids.job(names["id"])}


def _response(answer: Answer, form: Form | None) -> web.Response:
    if answer.made is not None:
        return web.Response(body=answer.made, headers={"Content-Type": _media(form)})
    # What is only text is text for those as well who asked for a document and would take none.
    only_text = answer.document is None and answer.content is None
    if answer.text is not None and (form is Form.TEXT or only_text):
        return web.Response(text=answer.text(), content_type="text/plain", charset="utf-8")
    if answer.content is not None and (form := answer.form or form) is not None:
        charset = "" if form in _PICTURES else "; charset=utf-8"
        return web.Response(body=answer.content(), headers={"Content-Type": form.value + charset})
    if form is None or answer.document is None:
        return web.Response()
    return _body(answer.document(), form)


async def _stream(request: web.Request, pieces: AsyncGenerator[bytes], form: Form | None) -> web.StreamResponse:
    # The first one while there can still be an answer that says what is wrong.
    first = await anext(pieces)
    return Streamed(request, first, pieces, {"Content-Type": _media(form)})


def _media(form: Form | None) -> str:
    return (form or Form.XML).value + ("; charset=utf-8" if form is Form.TEXT else "")


def _body(document: Document, form: Form, status: int = 200) -> web.Response:
    write = xml.write if form is Form.XML else json.write
    return web.Response(body=write(document), status=status, headers={"Content-Type": form.value})


def failure(request: web.Request, error: Exception) -> web.Response:
    """Return what an error reads like on the wire."""
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
        if isinstance(error, NotAuthenticated) and error.reason is not None:
            response.headers["Reason"] = error.reason.encode("ascii", "backslashreplace").decode()
    if isinstance(error, NotImplementedHere):
        # The document of this error has no room for words.
        response.headers["Reason"] = error.reason
    if code == 503:
        # What took too long would do so again in a moment.
        response.headers["Retry-After"] = "60" if isinstance(error, TookTooLong) else "1"
    if code == 413:
        response.force_close()
    return response
