"""Who sends a request, in the ways of ArcGIS: a token in the query, in the form, or in a header. What a token is and whom it
proves is the business of ``accounts``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from vidijob.access import User
from vidijob.api.arcgis.documents import Token
from vidijob.engine.accounts import Accounts, TokenLimits
from vidijob.errors import Invalid, NotAuthenticated
from vidijob.web.parameters import Parameters

#: The header that Esri's Python client uses, and the usual one.
_HEADERS = ("X-Esri-Authorization", "Authorization")
_LONGEST = 200
#: As of Esri's servers: an hour, and two weeks at most.
_MINUTES, _MOST_MINUTES = 60, 20160


class TokenMissing(NotAuthenticated):
    """There is no token at all: 499, where a wrong one is 498."""


def find(given: Parameters, headers: Mapping[str, str]) -> str | None:
    """Return the token that a request brings."""
    token = given.text("token")
    for name in _HEADERS:
        scheme, _, credentials = headers.get(name, "").partition(" ")
        if token is None and scheme.lower() == "bearer":
            token = credentials.strip() or None
    return token


async def identify(accounts: Accounts, given: Parameters, headers: Mapping[str, str]) -> User:
    """Return whose token a request brings; raises ``TokenMissing``, or ``NotAuthenticated`` for one that proves nobody."""
    token = find(given, headers)
    if token is None:
        raise TokenMissing("Token Required")
    if not token.isascii() or len(token) > _LONGEST:
        raise NotAuthenticated("Invalid Token")
    return await accounts.authenticate_token(token)


async def generate(accounts: Accounts, given: Parameters, *, secure: bool) -> Token:
    """Return a token for a name and password, or for a token that is to be exchanged for one of a server.

    Raises ``Invalid`` also for a wrong password: the answer to that is 400 here.
    """
    minutes = given.number("expiration", _MINUTES, least=1)
    seconds = min(minutes, _MOST_MINUTES) * 60
    try:
        if given.text("serverUrl") is not None and (given.text("token") or "").isascii():
            user = await identify(accounts, given, {})
        else:
            user = await accounts.authenticate(given.text("username") or "", given.text("password") or "")
    except NotAuthenticated:
        raise Invalid("username", "Invalid username or password.") from None
    limits = TokenLimits(seconds, _MOST_MINUTES * 60)
    token = await accounts.issue_token(user, user.name, seconds=seconds, auto_refresh=False, limits=limits)
    return Token(token=token, expires=int((time.time() + seconds) * 1000), ssl=secure)
