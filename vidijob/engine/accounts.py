"""Users: made, changed, and recognised when they log in. It knows no HTTP.

A password that was right is remembered for a short time by a keyed digest, so that logging in with every request, as
Basic does, costs microseconds instead of the tens of milliseconds of argon2.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Sequence

from vidijob import access
from vidijob.access import User
from vidijob.errors import Invalid, NotAuthenticated, NotFound
from vidijob.store import users
from vidijob.store.database import Database
from vidijob.store.users import AccountSummary

#: A change of roles or of the password is felt in other processes after at most so many seconds.
_REMEMBERED = 10.0
_MOST_REMEMBERED = 10_000


class Accounts:
    """The users of this server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[float, User]] = {}
        # argon2 takes a core and 19 MiB each time: a flood of wrong passwords must not take them all.
        self._checking = asyncio.Semaphore(2)

    async def authenticate(self, name: str, password: str) -> User:
        """Return the user who has this name and password, or raise ``NotAuthenticated``."""
        digest = hashlib.blake2b(f"{name}\x00{password}".encode(errors="replace"), key=self._key).digest()
        now = time.monotonic()
        known = self._known.get(digest)
        if known is not None and known[0] > now:
            return known[1]
        refused = NotAuthenticated("The user name or the password is wrong.")
        if "\x00" in name or len(password) > 1000:
            raise refused
        async with self._checking:
            account = await users.find(self._database, name)
            stored = account.password_hash if account is not None else None
            right = await asyncio.to_thread(access.verify_password, password, stored)
        if account is None or not right:
            self._known.pop(digest, None)
            raise refused
        user = User(account.name, account.roles)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (now + _REMEMBERED, user)
        return user

    async def add(self, name: str, password: str, roles: Sequence[str]) -> None:
        """Make a user; raises ``Invalid`` when the name is taken or a value cannot be."""
        access.check_name(name)
        access.check_roles(list(roles))
        hashed = await asyncio.to_thread(access.hash_password, access.check_password(password))
        if not await users.add(self._database, name, hashed, list(roles)):
            raise Invalid("user", f"There is a user {name} already.", value=name)

    async def ensure_first(self, password: str) -> bool:
        """Make the user ``admin`` with all roles if there are no users at all; tells whether it did."""
        if await users.listing(self._database):
            return False
        hashed = await asyncio.to_thread(access.hash_password, access.check_password(password))
        return await users.add(self._database, "admin", hashed, list(access.ROLES))

    async def set_password(self, name: str, password: str) -> None:
        """Give a user another password; raises ``NotFound``."""
        hashed = await asyncio.to_thread(access.hash_password, access.check_password(password))
        self._forget(await users.set_password(self._database, name, hashed), name)

    async def grant(self, name: str, roles: Sequence[str]) -> None:
        """Give a user roles; raises ``NotFound``."""
        self._forget(await users.grant(self._database, name, access.check_roles(list(roles))), name)

    async def revoke(self, name: str, roles: Sequence[str]) -> None:
        """Take roles from a user; raises ``NotFound``."""
        self._forget(await users.revoke(self._database, name, access.check_roles(list(roles))), name)

    async def delete(self, name: str) -> None:
        """Take a user out; its jobs stay. Raises ``NotFound``."""
        self._forget(await users.delete(self._database, name), name)

    async def listing(self) -> list[AccountSummary]:
        """Return all users with their roles."""
        return await users.listing(self._database)

    def _forget(self, found: bool, name: str) -> None:
        self._known.clear()
        if not found:
            raise NotFound("User", name)
