"""Tokens for a name and a password, as OAuth 2.0 has them: the grant of client credentials, in which the two are called
``client_id`` and ``client_secret``. It does not know who uses the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from vidijob.engine.accounts import TokenLimits
from vidijob.errors import NotAuthenticated, VidijobError
from vidijob.web import bodies, keys
from vidijob.web.failures import status

#: Nobody has proved anything yet who sends this.
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Granted:
    """A token that was issued."""

    token: str
    #: What the form said.
    given: Mapping[str, str]


async def grant(request: web.Request, seconds: int) -> Granted | web.Response:
    """Issue a token that lasts so many seconds, or return the answer that says why not."""
    try:
        # A library leaves a blank before the next parameter.
        given = {name: value.strip() for name, value in await bodies.form(request, _LARGEST)}
        accounts = request.app[keys.SERVICES].accounts
        user = await accounts.authenticate(given.get("client_id", ""), given.get("client_secret", ""))
        limits = TokenLimits(seconds, seconds)
        token = await accounts.issue_token(user, user.name, seconds=seconds, auto_refresh=False, limits=limits)
        return Granted(token, given)
    except (VidijobError, ValueError, LookupError) as error:
        code = status(error) if isinstance(error, VidijobError) else 400
        said = "invalid_client" if isinstance(error, NotAuthenticated) else "invalid_request"
        description = "The client_id or the client_secret is wrong." if code == 401 else "The request cannot be read."
        document = {"error": said, "error_description": description}
        return web.json_response(document, status=code)
