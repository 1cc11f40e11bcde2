"""One request of the console: who asks, what a view may use, how it answers with a page. It knows no page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp_jinja2
from aiohttp import web

from vidijob.access import User
from vidijob.console import sessions
from vidijob.engine.accounts import Accounts
from vidijob.errors import Invalid, Unreadable
from vidijob.web import bodies, keys
from vidijob.web.keys import Services
from vidijob.web.parameters import Parameters
from vidijob.web.routing import Needed, Route, admits

#: What every path of the console begins with.
PREFIX = "/console"
_LARGEST_FORM = 256 * 1024
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the navigation."""

    label: str
    #: ``/jobs``; without the prefix.
    path: str
    #: Of ``templates/parts/marks.html``.
    icon: str
    #: Who sees it.
    role: Needed
    #: The key that leads here, after ``g``.
    key: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What a view is given."""

    #: Without a name and roles: nobody has logged in.
    user: User
    #: The values of the names in the path.
    path: Mapping[str, str]
    query: Parameters
    services: Services
    site: str
    #: What paths begin with as the browser sees them: with the path of the public URL before the prefix.
    root: str
    navigation: Sequence[Entry]
    request: web.Request = field(repr=False)
    #: The session, or of somebody who has not logged in what stands for it.
    secret: str = field(repr=False)

    @property
    def accounts(self) -> Accounts:
        """The users of this server."""
        return self.services.accounts

    def may(self, needed: Needed) -> bool:
        """Tell whether the user has a role: what one may not do is not offered."""
        return self.logged_in and admits(needed, self.user, self.path)

    @property
    def logged_in(self) -> bool:
        """Tell whether it is somebody."""
        return bool(self.user.name)

    def url(self, path: str, **query: str) -> str:
        """Return the address of a page."""
        return f"{self.root}{path}" + (f"?{urlencode(query)}" if query else "")

    async def form(self) -> Parameters:
        """Read what a form sends, but for its CSRF token, which is checked before any view is called."""
        return await read_form(self.request)

    def page(self, template: str, *, status: int = 200, **context: object) -> web.Response:
        """Answer with a page."""
        response = aiohttp_jinja2.render_template(template, self.request, self.context(context), status=status)
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def context(self, context: Mapping[str, object]) -> dict[str, object]:
        """Return what every template may use, and what this one is given."""
        return {
            "visit": self,
            "here": self.request.path,
            "csrf": sessions.csrf(self.secret),
            "theme": sessions.theme(self.request),
            "did": self.query.text("did"),
            **context,
        }

    def go(self, path: str, **query: str) -> web.Response:
        """Send the browser to another page, after a form was taken."""
        return web.Response(status=303, headers={"Location": self.url(path, **query)})


View = Callable[[Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Room:
    """Pages that belong together."""

    routes: Sequence[Route[View]]
    #: Their place in the navigation, where they have one.
    entry: Entry | None = None


def visit_of(
    request: web.Request, user: User, secret: str, path: Mapping[str, str], navigation: Sequence[Entry]
) -> Visit:
    """Return the visit that a request is."""
    try:
        query = Parameters(request.rel_url.raw_query_string)
    except Invalid:
        query = Parameters("")
        if request[PATIENT]:
            raise
    return Visit(
        user=user,
        path=path,
        query=query,
        services=request.app[keys.SERVICES],
        site=request.app[keys.SITE],
        root=sessions.root(request),
        navigation=[one for one in navigation if user.name and admits(one.role, user, {})],
        request=request,
        secret=secret,
    )


#: Whether a query that cannot be read is an error: not for the page that says so.
PATIENT = web.RequestKey("patient", bool)
_READ = web.RequestKey("form", Parameters)


async def read_form(request: web.Request) -> Parameters:
    """Read a form, once; raises ``Unreadable``, ``TooLarge`` or ``TooSlow`` for what is none of ours."""
    if _READ in request:
        return request[_READ]
    if request.content_type != _FORM:
        raise Unreadable("body", f"A form of the console is sent as {_FORM}.")
    body = await bodies.whole(request, _LARGEST_FORM)
    request[_READ] = Parameters(body.decode("ascii", "replace"))
    return request[_READ]
