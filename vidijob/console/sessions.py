"""Who visits: a cookie that holds a token, which the database knows by its digest, so that any process knows it and a
restart ends nothing; and the CSRF token of forms, which follows from it. What a password is worth is not known here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from vidijob.access import User
from vidijob.engine.accounts import SESSION, Accounts
from vidijob.errors import NotAuthenticated
from vidijob.web import addresses, keys

_SESSION = "vidijob_session"
#: Of whoever has not logged in yet, so that the form to do so has a CSRF token as well.
_VISITOR = "vidijob_visitor"
#: Not secret: a script sets it too.
_THEME = "vidijob_theme"
_THEMES = ("light", "dark")
_LONGEST = 200
_OURS = re.compile(r"[A-Za-z0-9_-]{20,200}")
NOBODY = User("", frozenset())


def root(request: web.Request) -> str:
    """Return what paths of the console begin with as the browser sees them."""
    return urlsplit(request.app[keys.PUBLIC_URL]).path.rstrip("/") + "/console"


async def recognise(request: web.Request, accounts: Accounts) -> tuple[User, str]:
    """Return who visits, and the secret that its forms are bound to; nobody: a user without a name."""
    session = request.cookies.get(_SESSION, "")
    if session.isascii() and 0 < len(session) <= _LONGEST:
        try:
            return await accounts.authenticate_token(session), session
        except NotAuthenticated:
            pass
    visitor = request.cookies.get(_VISITOR, "")
    # It goes back as a cookie: nothing that could not stand in one.
    return NOBODY, visitor if _OURS.fullmatch(visitor) else secrets.token_urlsafe(32)


def csrf(secret: str) -> str:
    """Return the token that a form sends back: who only knows the page's address cannot make it."""
    return hmac.new(secret.encode(errors="replace"), b"vidijob console form", hashlib.sha256).hexdigest()


def is_genuine(secret: str, token: str | None) -> bool:
    """Tell whether a form was made for this visitor."""
    return token is not None and hmac.compare_digest(csrf(secret).encode(), token.encode(errors="replace"))


def remember_visitor(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """Let who has not logged in be known again when the form comes back."""
    _set(request, response, _VISITOR, secret, "Strict", None)


def open_for(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Give the browser a session."""
    _set(request, response, _SESSION, token, "Lax", SESSION)
    response.del_cookie(_VISITOR, path=root(request))


def of(request: web.Request) -> str:
    """Return the session that the browser has; empty: none."""
    return request.cookies.get(_SESSION, "")


def close(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session from the browser."""
    response.del_cookie(_SESSION, path=root(request))


def theme(request: web.Request) -> str | None:
    """Return which theme was chosen; ``None``: that of the system."""
    chosen = request.cookies.get(_THEME)
    return chosen if chosen in _THEMES else None


def choose_theme(request: web.Request, response: web.StreamResponse, chosen: str | None) -> None:
    """Keep a theme for a year, or forget it."""
    if chosen in _THEMES:
        response.set_cookie(_THEME, chosen, path=root(request), max_age=365 * 24 * 3600, samesite="Lax")
    else:
        response.del_cookie(_THEME, path=root(request))


def _set(
    request: web.Request, response: web.StreamResponse, name: str, value: str, same_site: str, seconds: int | None
) -> None:
    secure = addresses.base(request).startswith("https:")
    response.set_cookie(
        name, value, path=root(request), max_age=seconds, httponly=True, secure=secure, samesite=same_site
    )
