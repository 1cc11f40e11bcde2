"""The table of the face, and the way from and to HTTP that its operations share: a token in three places, three formats,
errors as documents with the status 200.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from vidijob.access import User
from vidijob.api.arcgis import documents, handlers, token, translate
from vidijob.api.arcgis.handlers import Call, Handler
from vidijob.errors import CallerError, Invalid, NotAuthenticated, NotFound, NotReady, RoleMissing, TooLarge, TooSlow
from vidijob.web import bodies, keys
from vidijob.web.failures import status
from vidijob.web.middleware import shown
from vidijob.web.parameters import Parameters
from vidijob.web.routing import Needed, Open, Route, RouteTable, admits, role_named, target

_log = logging.getLogger(__name__)

PREFIX = "/arcgis"
#: Files are named here, never sent.
_LARGEST = 1024 * 1024
_FORMATS = ("html", "json", "pjson")
_NOBODY = User("", frozenset())
_READ, _WRITE = "_job_read", "_job_write"
_SERVICE = "/rest/services/{service}"

#: What can be asked for by GET and by POST.
_BOTH: tuple[tuple[str, Handler, Needed], ...] = (
    ("/rest/info", handlers.info, Open.TO_ALL),
    ("/rest/admin/info", handlers.info, Open.TO_ALL),
    ("/rest/jobs", handlers.jobs, _READ),
    ("/rest/jobs/{id}", handlers.job, _READ),
    ("/rest/jobs/job/{id}", handlers.job, _READ),
    ("/sharing/rest/community/self", handlers.community_self, Open.TO_USERS),
)

TABLE = RouteTable[Handler](
    [
        *(Route(method, path, handler, role) for method in ("GET", "POST") for path, handler, role in _BOTH),
        Route("POST", "/rest/generateToken", handlers.generate_token, Open.TO_ALL),
        Route("POST", "/tokens/generateToken", handlers.generate_token, Open.TO_ALL),
        Route("POST", "/sharing/rest/generateToken", handlers.generate_token, Open.TO_ALL),
        Route("POST", "/rest/uploads/register", handlers.register, _WRITE),
        Route("POST", f"{_SERVICE}/addLayer", handlers.add_layer, _WRITE),
        Route("POST", f"{_SERVICE}/VideoServer/addLayer", handlers.add_layer, _WRITE),
        Route("POST", f"{_SERVICE}/VideoServer/{{layer}}/clip", handlers.clip, _WRITE),
    ]
)


def routes() -> list[web.RouteDef]:
    """Return what the application adds for this face."""
    return [web.route("*", PREFIX + "{tail:(?s:/.*)?}", dispatch)]


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Answer a request; whatever goes wrong is a document too."""
    format = request.query.get("f", "html").lower()
    try:
        form = await _form(request)
        format = dict(form).get("f", format).lower()
        if format not in _FORMATS:
            raise Invalid("f", f"f is one of {', '.join(_FORMATS)}.")
        document = await _answer(request, Parameters(f"{request.rel_url.raw_query_string}&{urlencode(form)}"))
    except Exception as error:
        if not isinstance(error, (CallerError, NotReady, web.HTTPException)):
            _log.exception("%s %s [%s]", request.method, shown(request.path), request[keys.REQUEST_ID])
        document = documents.Error(error=fault(error))
    return _response(document, format if format in _FORMATS else "json", request.path)


async def _form(request: web.Request) -> list[tuple[str, str]]:
    """Return the fields of a form that are texts."""
    if request.method != "POST" or not request.can_read_body:
        return []
    return await bodies.form(request, _LARGEST)


async def _answer(request: web.Request, given: Parameters) -> Mapping[str, Any]:
    segments = target(request.rel_url.raw_path.removeprefix(PREFIX)).segments
    route, names, allowed = TABLE.find(request.method, segments)
    if route is not None:
        request[keys.ROUTE] = PREFIX + route.path
    services = request.app[keys.SERVICES]
    # Who has no token is not told what there is, but for the place where there are tokens.
    there = TABLE.find(allowed[0], segments)[0] if allowed else None
    open_to_all = there is not None and there.role is Open.TO_ALL
    user = _NOBODY if open_to_all else await token.identify(services.accounts, given, request.headers)
    if route is None:
        if allowed:
            raise Invalid("method", f"{request.method} is not possible here; {', '.join(allowed)} is.")
        raise NotFound("Resource", "/" + "/".join(segments))
    if not admits(route.role, user, names):
        raise RoleMissing(user.name, role_named(route.role))
    return await route.handler(Call(user, names, given, services, request))


def fault(error: BaseException) -> documents.Fault:
    """Return how an error reads here."""
    match error:
        case token.TokenMissing():
            return documents.Fault(code=499, message="Token Required", details=[])
        case NotAuthenticated():
            return documents.Fault(code=498, message="Invalid Token", details=[])
        case RoleMissing():
            message = "You do not have permissions to access this resource or perform this operation."
            return documents.Fault(code=403, message=message, details=[str(error)])
        case NotFound():
            return documents.Fault(code=404, message="Resource not found.", details=[str(error)])
        case Invalid(context="username"):
            return documents.Fault(code=400, message="Unable to generate token.", details=[str(error)])
        case TooLarge() | TooSlow():
            return documents.Fault(code=status(error), message=str(error), details=[])
        case CallerError():
            return documents.Fault(code=400, message="Invalid or missing input parameters.", details=[str(error)])
        case NotReady():
            return documents.Fault(code=503, message="The server is not ready; try again.", details=[str(error)])
        case web.HTTPException():
            return documents.Fault(code=status(error), message=error.reason, details=[])
        case _:
            return documents.Fault(code=500, message="Internal server error.", details=[])


def _response(document: Mapping[str, Any], format: str, path: str) -> web.Response:
    if format == "html":
        title = next((part for part in reversed(path.split("/")) if part), "arcgis")
        return web.Response(text=translate.page(document, title), content_type="text/html", charset="utf-8")
    text = json.dumps(document, ensure_ascii=False, indent=2 if format == "pjson" else None)
    kind = "text/plain" if format == "pjson" else "application/json"
    return web.Response(text=text, content_type=kind, charset="utf-8", headers={"Cache-Control": "private, max-age=0"})
