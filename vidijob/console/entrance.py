"""Logging in and out, and the choice of a theme."""

from __future__ import annotations

from aiohttp import web

from vidijob.console import sessions
from vidijob.console.visit import PREFIX, Room, View, Visit
from vidijob.errors import NotAuthenticated
from vidijob.web.routing import Open, Route


async def show(visit: Visit) -> web.StreamResponse:
    """Show the form to log in; who has logged in goes on."""
    following = _following(visit, visit.query.text("next"))
    return visit.go(following) if visit.logged_in else _form(visit, following)


async def log_in(visit: Visit) -> web.StreamResponse:
    """Take name and password; a new session each time, so that nobody can have prepared it."""
    form = await visit.form()
    following, name = _following(visit, form.text("next")), form.text("name") or ""
    try:
        token = await visit.accounts.open_session(name, form.text("password") or "")
    except NotAuthenticated as error:
        return _form(visit, following, str(error), name, status=401)
    response = visit.go(following)
    sessions.open_for(visit.request, response, token)
    return response


async def log_out(visit: Visit) -> web.StreamResponse:
    """End the session, here and in the database."""
    await visit.accounts.close_session(sessions.of(visit.request))
    response = visit.go("/login", did="logged-out")
    sessions.close(visit.request, response)
    return response


async def choose_theme(visit: Visit) -> web.StreamResponse:
    """Keep light or dark, or what the system says."""
    form = await visit.form()
    response = visit.go(_following(visit, form.text("next")))
    sessions.choose_theme(visit.request, response, form.text("theme"))
    return response


async def home(visit: Visit) -> web.StreamResponse:
    """Go to the first page that the user may see."""
    for entry in visit.navigation:
        if entry.role is not Open.TO_USERS:
            return visit.go(entry.path)
    return visit.page("nothing.html")


def _form(visit: Visit, following: str, refused: str = "", name: str = "", status: int = 200) -> web.Response:
    response = visit.page("login.html", status=status, following=following, refused=refused, name=name)
    sessions.remember_visitor(visit.request, response, visit.secret)
    return response


def _following(visit: Visit, wanted: str | None) -> str:
    """Return where to go on, without the prefix: a page of the console, whatever the link said."""
    path = wanted or ""
    for prefix in (visit.root, PREFIX):
        path = path.removeprefix(prefix)
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if safe and not path.startswith(("/login", "/logout", "/theme")) else "/"


_ROUTES: list[Route[View]] = [
    Route("GET", "/", home, Open.TO_USERS),
    Route("GET", "/login", show, Open.TO_ALL),
    Route("POST", "/login", log_in, Open.TO_ALL),
    Route("POST", "/logout", log_out, Open.TO_USERS),
    Route("POST", "/theme", choose_theme, Open.TO_ALL),
]
ROOM = Room(_ROUTES)
