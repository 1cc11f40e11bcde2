"""One call of the face: what a handler is given, what it answers, and the way from and to HTTP that all share.

The order is fixed: path, login, role, whether the answer's form can be had, only then the handler, so that a request that
is refused has changed nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from vidijob.access import User
from vidijob.api.vidispine.answers import Answer, failure, response, stream, unless_known
from vidijob.api.vidispine.translate import parts
from vidijob.binding import json, xml
from vidijob.binding.fields import Document
from vidijob.engine.accounts import Accounts
from vidijob.engine.external_ids import ExternalIds, possible
from vidijob.errors import Invalid, NotAuthenticated, RoleMissing, Unavailable, VidijobError
from vidijob.web import addresses, auth, bodies, keys, versions
from vidijob.web.charsets import in_utf8
from vidijob.web.kept import Kept
from vidijob.web.keys import Services
from vidijob.web.middleware import shown
from vidijob.web.negotiate import Form, sent, wanted
from vidijob.web.parameters import Parameters
from vidijob.web.routing import Open, Route, RouteTable, admits, role_named, target

__all__ = ["Answer", "Call", "Handler", "dispatcher"]

_log = logging.getLogger(__name__)

D = TypeVar("D", bound=Document)
_LARGE = 256 * 1024
#: A path that begins so may have an external id in place of a job's.
_OF_A_JOB = "/job/{id}"
#: Few, and of their own: a document takes many times its size while it is read, and passwords are checked by others.
_readers = ThreadPoolExecutor(2, thread_name_prefix="large-body")
_NOBODY = User("", frozenset())


# Not frozen: each request makes one, and that would take several times as long.
@dataclass(slots=True)
class Call:
    """What a handler is given."""

    user: User
    #: The values of the names in the path.
    path: Mapping[str, str]
    parameters: Parameters
    services: Services
    #: The form that is wanted, where the operation offers any.
    form: Form | None
    #: What the paths of this face begin with: ``/API``.
    prefix: str
    _application: web.Application = field(repr=False)
    _request: web.Request = field(repr=False)

    @property
    def kept(self) -> Kept:
        """Return the documents that need not be made again."""
        return self._application[keys.KEPT]

    @property
    def fragments(self) -> Kept:
        """Return jobs as lists show them, that need not be made again."""
        return self._application[keys.FRAGMENTS]

    @property
    def site(self) -> str:
        """Return the name of this site, with which ids begin."""
        return self._application[keys.SITE]

    @property
    def as_text(self) -> bool:
        """Tell whether the answer is wanted as plain text."""
        return self.form is Form.TEXT

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
    def gone(self) -> bool:
        """Tell whether who asked has hung up."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def waits(self) -> None:
        """Say that the answer takes as long as the client wants, and not as long as it takes to make it."""
        self._request[keys.WAITED] = True

    def body(self, answer: Answer) -> bytes:
        """Return an answer as it is sent."""
        made = response(answer, self.form).body
        return made if isinstance(made, bytes) else b""

    def knows(self, body: bytes) -> bool | None:
        """Tell whether the client says that it has an answer already; ``None`` where it says of none."""
        named = self._request.headers.get("If-None-Match")
        return None if named is None else versions.known(named, versions.tag(body))

    @property
    def last_event_id(self) -> str | None:
        """Return where a client wants to go on that was cut off (the header of server-sent events)."""
        return self._request.headers.get("Last-Event-ID") or None

    async def still_has(self, role: str) -> bool:
        """Tell whether the login of a request that lasts is still good, and its user still has a role."""
        try:
            return (await auth.identify(self.services.accounts, self._request.headers)).has(role)
        except (NotAuthenticated, RoleMissing):
            return False
        except Unavailable:
            return True

    @property
    def sends(self) -> Form | None:
        """Return the form that the body is said to have."""
        return sent(self._request.headers.get("Content-Type"))

    @property
    def announced(self) -> int | None:
        """Return how many bytes the body has, where that is said."""
        packed = self._request.headers.get("Content-Encoding", "identity").lower() != "identity"
        return None if packed else self._request.content_length

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, whatever its type says, for as long as that takes."""
        return bodies.pieces(self._request)

    async def text(self) -> str:
        """Read the body as text, whatever its type says."""
        try:
            return (await bodies.whole(self._request)).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Invalid("body", f"The body is not UTF-8 (at byte {error.start}).") from None

    async def document(self, cls: type[D]) -> D | None:
        """Read the body, or return ``None`` where there is none, whatever its type says (contract 4.4)."""
        body = await bodies.whole(self._request)
        if not body.strip():
            return None
        media = self._request.headers.get("Content-Type")
        # Without a type it is what it looks like.
        form = sent(media) if media else Form.XML if body.lstrip().startswith(b"<") else Form.JSON
        body = in_utf8(body, media, form)
        match form:
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
    headers, url = request.headers, request.rel_url
    where = target(url.raw_path.removeprefix(prefix))
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
    form = wanted(headers.get("Accept"), route.produces) if route.produces else None
    if route.produces and form is None:
        raise web.HTTPNotAcceptable(
            reason=f"The answer can be had as {', '.join(offer.value for offer in route.produces)}."
        )
    call = Call(
        user=user,
        path=await _resolved(services.external_ids, names) if route.path.startswith(_OF_A_JOB) else names,
        parameters=Parameters(url.raw_query_string, where.matrix),
        services=services,
        form=form,
        prefix=prefix,
        _application=application,
        _request=request,
    )
    answer = await route.handler(call)
    if answer.pieces is not None:
        streamed = await stream(request, answer.pieces, form)
        streamed.headers.update(answer.headers)
        return streamed
    made = response(answer, form)
    if answer.headers:
        made.headers.update(answer.headers)
    if answer.keep is not None and isinstance(made.body, bytes):
        call.kept.put(*answer.keep, made.body)
    return unless_known(request.headers.get("If-None-Match"), made) if answer.tagged else made


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


async def _resolved(external_ids: ExternalIds, names: Mapping[str, str]) -> Mapping[str, str]:
    """Put the id of a job where a path has an external one."""
    return {**names, "id": await external_ids.job(names["id"])} if possible(names["id"]) else names
