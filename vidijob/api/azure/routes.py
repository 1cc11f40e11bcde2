"""The way from and to HTTP: one catch-all below ``/azure/api``, since clients send paths that no router takes (``/api//Jobs``,
``/api/%2FJobs%28…%29``), the redirection of ``/azure/API``, and the two places where tokens are issued.
"""

from __future__ import annotations

import logging
import re
import time
from uuid import uuid4

from aiohttp import web

from vidijob.api.azure import handlers
from vidijob.api.azure.call import Answer, Ask, Fault, NoSegment, Server, read_path, read_query
from vidijob.api.azure.documents import MODEL
from vidijob.engine.accounts import TokenLimits
from vidijob.errors import NotAuthenticated, NotFound, NotImplementedHere, VidijobError
from vidijob.odata.formats import Body, Writer, wanted
from vidijob.web import addresses, auth, keys
from vidijob.web.failures import status
from vidijob.web.middleware import shown

_log = logging.getLogger(__name__)

PREFIX = "/azure"
_ROOT = f"{PREFIX}/api"
#: How long a token lasts, in seconds.
_LASTING = 21_600
_SWT = "http://schemas.xmlsoap.org/ws/2009/11/swt-token-profile-1.0"
_ECHOED = re.compile(r"[\x20-\x7e]{1,200}")


def routes() -> list[web.RouteDef]:
    """Return what the application adds for this face."""
    return [
        web.route("*", f"{PREFIX}/API{{tail:(?s:/.*)?}}", redirect),
        web.route("*", _ROOT + "{tail:(?s:.*)}", dispatch),
        web.post(f"{PREFIX}/v2/OAuth2-13", token),
        web.post(f"{PREFIX}/{{tenant}}/oauth2/token", token),
    ]


async def redirect(request: web.Request) -> web.Response:
    """Send a client to the root of the API, whatever it asked for: nothing is done on the way."""
    return web.Response(status=301, headers={"Location": f"{addresses.base(request)}{_ROOT}/"})


async def token(request: web.Request) -> web.Response:
    """Issue a token for a user's name and password, which are called client_id and client_secret here."""
    try:
        given = {name: str(value).strip() for name, value in (await request.post()).items()}
        secure = request.app[keys.SERVICES].accounts
        user = await secure.authenticate(given.get("client_id", ""), given.get("client_secret", ""))
        issued = await secure.issue_token(
            user, user.name, seconds=_LASTING, auto_refresh=False, limits=TokenLimits(_LASTING, _LASTING)
        )
    except (VidijobError, ValueError, LookupError) as error:
        code = status(error) if isinstance(error, VidijobError) else 400
        said = "invalid_client" if isinstance(error, NotAuthenticated) else "invalid_request"
        description = "The client_id or the client_secret is wrong." if code == 401 else "The request cannot be read."
        return web.json_response({"error": said, "error_description": description}, status=code)
    about = {"access_token": issued, "expires_in": str(_LASTING)}
    if request.match_info.get("tenant") is None:
        return web.json_response({"token_type": _SWT, **about, "scope": given.get("scope", "")})
    ends = {"expires_on": str(int(time.time()) + _LASTING), "resource": given.get("resource", "")}
    return web.json_response({"token_type": "Bearer", **about, **ends})


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Answer a request below the root."""
    writer = Writer(MODEL, wanted(request.headers.get("Accept"), None), f"{_ROOT}/")
    ask: Ask | None = None
    is_batch = False
    try:
        raw = request.rel_url.raw_path.removeprefix(_ROOT)
        ask = await _ask(request)
        writer = ask.writer
        is_batch = request.method == "POST" and [segment.name for segment in read_path(raw)] == ["$batch"]
        if is_batch:
            body, media = await handlers.answer_batch(ask, failure)
            answer = Answer(202, Body(body.decode("utf-8", "replace"), media))
        else:
            answer = await handlers.answer(ask)
    except Exception as error:
        answer = _failed(request, writer, error)
    id = str(uuid4())
    headers = {"Cache-Control": "no-cache"}
    if answer.body is not None:
        headers["Content-Type"] = answer.body.type
    headers |= {"request-id": id, "x-ms-request-id": id, "X-Content-Type-Options": "nosniff"}
    headers |= {"DataServiceVersion": "1.0;" if is_batch else "3.0;", "X-Powered-By": "vidijob", **answer.headers}
    for name in ("client-request-id", "x-ms-client-request-id"):
        if _ECHOED.fullmatch(request.headers.get(name, "")):
            headers[name] = request.headers[name]
    if answer.status == 503:
        headers["Retry-After"] = "1"
    body = b"" if answer.body is None else answer.body.text.encode("utf-8", "replace")
    return web.Response(status=answer.status, body=body or None, headers=headers)


async def _ask(request: web.Request) -> Ask:
    services = request.app[keys.SERVICES]
    user = await auth.authenticate(services.accounts, request.headers.get("Authorization"))
    root = request.app.get(keys.STORAGE_ROOT)
    if root is None:
        raise NotImplementedHere("This server has no storage root, so there is no place for assets.")
    query = read_query(request.rel_url.raw_query_string)
    base = f"{addresses.base(request)}{_ROOT}/"
    tunnelled = request.headers.get("X-HTTP-Method", "").upper()
    method = (
        tunnelled if request.method == "POST" and tunnelled in ("MERGE", "PATCH", "PUT", "DELETE") else request.method
    )
    # The path of a batch and of everything else is read by whoever answers, so that what is wrong with it is told in its format.
    writer = Writer(MODEL, wanted(request.headers.get("Accept"), query.get("$format")), base)
    return Ask(
        method=method,
        path=read_path(request.rel_url.raw_path.removeprefix(_ROOT)),
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        writer=writer,
        server=Server(user, services, await services.identities.uuids(), request.app[keys.SITE], root),
    )


def failure(ask: Ask, error: Exception) -> Answer:
    """Return how an error reads, in the format that was asked for."""
    return _told(ask.writer, error)


def _failed(request: web.Request, writer: Writer, error: Exception) -> Answer:
    if not isinstance(error, (VidijobError, web.HTTPException)):
        _log.exception("%s %s [%s]", request.method, shown(request.path), request[keys.REQUEST_ID])
    return _told(writer, error)


def _told(writer: Writer, error: Exception) -> Answer:
    match error:
        case Fault():
            return Answer(error.status, writer.error(error.code, str(error)))
        case NotAuthenticated():
            return Answer(401)
        case NoSegment(id=id):
            return Answer(404, writer.error("", f"Resource not found for the segment '{id}'."))
        case NotFound():
            return Answer(404, writer.error("ResourceNotFound", f"Resource not found for the segment: {error}"))
        case VidijobError():
            return Answer(status(error), writer.error("", str(error)))
        case web.HTTPException():
            return Answer(error.status, writer.error("", error.reason))
        case _:
            return Answer(500, writer.error("InternalError", "An unexpected error has occurred."))
