"""Tokens for a name and a password, as OAuth 2.0 has them: the grant of client credentials, in which the two are called
``client_id`` and ``client_secret``. It does not know who uses the tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from vidijob.engine.accounts import TokenLimits
from vidijob.errors import NotAuthenticated, VidijobError
from vidijob.web import bodies, keys
from vidijob.web.failures import status

#: Nobody has proved anything yet who sends this.
_LARGEST = 64 * 1024
_GRANT = "client_credentials"


@dataclass(frozen=True, slots=True)
class Granted:
    """A token that was issued."""

    token: str
    #: What the form said.
    given: Mapping[str, str]

    @staticmethod
    def answer(document: Mapping[str, Any]) -> web.Response:
        """Return what holds the token, which nothing on the way may keep."""
        return web.json_response(document, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


async def grant(request: web.Request, seconds: int) -> Granted | web.Response:
    """Issue a token that lasts so many seconds, or return the answer that says why not."""
    try:
        # A library leaves a blank before the next parameter.
        given = {name: value.strip() for name, value in await bodies.form(request, _LARGEST)}
        if given.get("grant_type", _GRANT) != _GRANT:
            return _refused("unsupported_grant_type", f"The grant_type here is {_GRANT}.", 400)
        accounts = request.app[keys.SERVICES].accounts
        user = await accounts.authenticate(given.get("client_id", ""), given.get("client_secret", ""))
        limits = TokenLimits(seconds, seconds)
        token = await accounts.issue_token(user, user.name, seconds=seconds, auto_refresh=False, limits=limits)
        return Granted(token, given)
    except VidijobError as error:
        code = status(error)
        said = "invalid_client" if isinstance(error, NotAuthenticated) else "invalid_request"
        description = "The client_id or the client_secret is wrong." if code == 401 else "The request cannot be read."
        return _refused(said, description, code)


def _refused(error: str, description: str, code: int) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=code)
