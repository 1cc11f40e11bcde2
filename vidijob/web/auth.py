"""Who sends a request: Basic → user. It does not know the rules for passwords."""

from __future__ import annotations

import base64
import binascii

from vidijob.access import User
from vidijob.engine.accounts import Accounts
from vidijob.errors import NotAuthenticated

#: What a client is told to send.
CHALLENGE = 'Basic realm="vidijob", charset="UTF-8"'


async def authenticate(accounts: Accounts, header: str | None) -> User:
    """Return the user that an ``Authorization`` header proves, or raise ``NotAuthenticated``."""
    if not header:
        raise NotAuthenticated("A login is needed: send a user name and a password (Basic).")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        raise NotAuthenticated("The authorization scheme is not known: send a user name and a password (Basic).")
    try:
        name, separator, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        name = separator = password = ""
    if not separator:
        raise NotAuthenticated("The Authorization header is not 'Basic' and base64 of 'user:password' in UTF-8.")
    return await accounts.authenticate(name, password)
