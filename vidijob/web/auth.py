"""Who sends a request: Basic or a token → user, and ``RunAs``. It does not know the rules for passwords."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from vidijob.access import User
from vidijob.engine.accounts import Accounts
from vidijob.errors import NotAuthenticated

#: What a client is told to send.
CHALLENGE = 'Basic realm="vidijob", charset="UTF-8"'
#: A token is sent as ``token x`` or, by clients that know it from OAuth, as ``Bearer x``.
_TOKEN = ("token", "bearer")
_LONGEST_TOKEN = 200


async def identify(accounts: Accounts, headers: Mapping[str, str]) -> User:
    """Return the user whose roles count for a request: who logged in, or whom ``RunAs`` names (contract 5)."""
    user = await authenticate(accounts, headers.get("Authorization"))
    other = headers.get("RunAs", "").strip()
    return await accounts.acting_as(user, other) if other else user


async def authenticate(accounts: Accounts, header: str | None) -> User:
    """Return the user that an ``Authorization`` header proves, or raise ``NotAuthenticated``."""
    if not header:
        raise NotAuthenticated("A login is needed: send a user name and a password (Basic), or a token.")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() in _TOKEN:
        token = credentials.strip()
        if not token.isascii() or not 0 < len(token) <= _LONGEST_TOKEN:
            raise NotAuthenticated("The token is not known, or it has expired.")
        return await accounts.authenticate_token(token)
    if scheme.lower() != "basic":
        raise NotAuthenticated("The authorization scheme is not known: send a user name and a password (Basic).")
    try:
        name, separator, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        name = separator = password = ""
    if not separator:
        raise NotAuthenticated("The Authorization header is not 'Basic' and base64 of 'user:password' in UTF-8.")
    return await accounts.authenticate(name, password)
