"""The one way in: everything below ``/console`` goes through a dispatcher that finds the page, knows who asks, refuses what
the role does not allow and forms that were not made for this visitor, and turns every error into a page that helps.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiohttp import web

from vidijob.access import User
from vidijob.console import assets, live, sessions
from vidijob.console.registry import ROOMS
from vidijob.console.rendering import install
from vidijob.console.visit import PATIENT, PREFIX, View, Visit, read_form, visit_of
from vidijob.errors import Denied, NotAuthenticated, RoleMissing, TookTooLong, VidijobError
from vidijob.web import keys
from vidijob.web.entrance import lets_go
from vidijob.web.failures import status
from vidijob.web.middleware import shown
from vidijob.web.routing import Open, Route, RouteTable, admits, role_named, target

_log = logging.getLogger(__name__)

TABLE: RouteTable[View] = RouteTable([route for room in ROOMS for route in room.routes])
NAVIGATION = tuple(room.entry for room in ROOMS if room.entry is not None)

#: Nothing of another host, nothing inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_CHANGING = ("POST",)


class FormExpired(Denied):
    """This form was made for another session, or was not made here."""


def add_to(application: web.Application) -> None:
    """Give an application the console."""
    install(application)
    application[live.LIVE] = live.Live(application[keys.SERVICES].feed, application[keys.SITE])
    lets_go(application, application[live.LIVE].close)
    application.add_routes(
        [
            web.get(f"{PREFIX}/static/{{version}}/{{name}}", assets.serve),
            web.route("*", PREFIX + "{tail:(?s:/.*)?}", dispatch),
        ]
    )


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Answer a request of the console."""
    user, secret = sessions.NOBODY, ""
    try:
        user, secret = await sessions.recognise(request, request.app[keys.SERVICES].accounts)
        request[PATIENT] = True
        response = await _answer(request, user, secret)
    except Exception as error:
        if not isinstance(error, (VidijobError, web.HTTPException)):
            _log.exception("%s %s [%s]", request.method, shown(request.path), request[keys.REQUEST_ID])
        request[PATIENT] = False
        response = _failure(visit_of(request, user, secret, {}, NAVIGATION), error)
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response


async def _answer(request: web.Request, user: User, secret: str) -> web.StreamResponse:
    where = target(request.rel_url.raw_path.removeprefix(PREFIX))
    route, names, allowed = TABLE.find(request.method, where.segments)
    if route is not None:
        request[keys.ROUTE] = PREFIX + route.path
    if not user.name and (route is None or route.role is not Open.TO_ALL):
        # Who has not logged in is not told what there is.
        return _to_login(visit_of(request, user, secret, {}, NAVIGATION))
    if route is None:
        if allowed:
            raise web.HTTPMethodNotAllowed(request.method, allowed)
        raise web.HTTPNotFound
    await _guard(request, route, user, secret, names)
    return await route.handler(visit_of(request, user, secret, names, NAVIGATION))


async def _guard(request: web.Request, route: Route[View], user: User, secret: str, names: Mapping[str, str]) -> None:
    if not admits(route.role, user, names):
        raise RoleMissing(user.name, role_named(route.role))
    if request.method in _CHANGING:
        form = await read_form(request)
        if not sessions.is_genuine(secret, form.text("csrf")):
            raise FormExpired("This form is out of date: go back, load the page again, and send it once more.")


def _to_login(visit: Visit) -> web.StreamResponse:
    """Let somebody log in and come back here; a form that comes too late is only refused."""
    if visit.request.method == "GET":
        following = visit.request.rel_url.raw_path_qs.removeprefix(PREFIX)
        return visit.go("/login", **({"next": following} if following.strip("/") else {}))
    raise NotAuthenticated("You are not logged in any more.")


def _failure(visit: Visit, error: Exception) -> web.StreamResponse:
    code = status(error)
    response = visit.page(
        "error.html",
        status=code,
        code=code,
        sentence=str(error) if isinstance(error, VidijobError) else "",
        request_id=visit.request[keys.REQUEST_ID],
        expired=isinstance(error, FormExpired),
    )
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    if code == 503:
        response.headers["Retry-After"] = "60" if isinstance(error, TookTooLong) else "1"
    return response
