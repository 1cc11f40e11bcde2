"""Access keys: given to users, taken from them, and found again when a request is signed with one. It knows no HTTP, and
not how any face has requests signed.

Unlike a password, the secret of a key is kept as it is: a signature is checked by making it again. It is 240 random bits
that nobody chose, shown once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from vidijob.access import User
from vidijob.errors import NotAuthenticated, NotFound
from vidijob.store import access_keys
from vidijob.store.access_keys import Entry, KeyHolder, KeySummary
from vidijob.store.database import Database

__all__ = ["WINDOW", "AccessKeys", "Entry", "is_recent"]

#: A signed request is taken if its time is at most so far from now, either way.
WINDOW = timedelta(minutes=15)
#: A change of a user or a key is felt in other processes after at most so many seconds.
_REMEMBERED = 5.0
_MOST_REMEMBERED = 1000
_LONGEST_ID = 64


class AccessKeys:
    """The keys of this server's users."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, KeyHolder]] = {}

    async def add(self, account: str) -> tuple[str, str]:
        """Give a user a key; returns its id and its secret, which is not shown again. Raises ``NotFound``."""
        id, secret = f"VJ{secrets.token_hex(11)}", secrets.token_urlsafe(30)
        if not await access_keys.add(self._database, id, account, secret):
            raise NotFound("User", account)
        return id, secret

    async def listing(self, account: str | None = None) -> Sequence[KeySummary]:
        """Return the keys of a user, or of all."""
        return await access_keys.listing(self._database, account)

    async def revoke(self, account: str, id: str) -> None:
        """Take a key from a user; raises ``NotFound``."""
        if not await access_keys.revoke(self._database, account, id):
            raise NotFound("AccessKey", id)
        self._known.clear()

    async def holder(self, id: str) -> tuple[User, str]:
        """Return the user whose key it is, and the secret.

        Raises ``NotFound``, and ``NotAuthenticated`` where the user is disabled.
        """
        known = self._known.get(id)
        holder = known[1] if known is not None and known[0] > time.monotonic() else None
        if holder is None:
            possible = 0 < len(id) <= _LONGEST_ID and id.isascii() and id.isprintable()
            holder = await access_keys.find(self._database, id) if possible else None
            if holder is None:
                raise NotFound("AccessKey", id)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[id] = (time.monotonic() + _REMEMBERED, holder)
        if holder.disabled:
            raise NotAuthenticated(f"The user {holder.account} is disabled.")
        return User(holder.account, holder.roles), holder.secret

    async def enter(self, id: str, nonce: str, action: str, limit: int, signed: datetime) -> Entry:
        """Enter a request that is signed rightly, for all processes, unless ``limit`` of the key and action came within the
        last second, its number was used before, or its time is not now. Raises ``NotFound`` for a key that was taken away.
        """
        return await access_keys.enter(self._database, id, nonce, action, limit, signed, WINDOW)


def is_recent(at: datetime, now: datetime) -> bool:
    """Tell whether a request signed at some time can be taken now, where it is not entered."""
    return abs(now - at) <= WINDOW
