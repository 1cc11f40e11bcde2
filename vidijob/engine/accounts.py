"""Users: made, changed, and recognised when they log in. It knows no HTTP.

A password or a token that was right is remembered for a short time by a keyed digest, so that logging in with every
request, as clients do, costs microseconds instead of the tens of milliseconds of argon2.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from vidijob import access
from vidijob.access import ADMINISTRATOR, RUN_AS, User
from vidijob.errors import Conflict, Invalid, NotAuthenticated, NotFound, RoleMissing, Unavailable
from vidijob.store import tokens, users
from vidijob.store.database import Database, Session
from vidijob.store.users import AccountSummary

#: A change of roles or of the password is felt in other processes after at most so many seconds.
_REMEMBERED = 10.0
_MOST_REMEMBERED = 10_000
#: Passwords that wait to be checked; whoever comes then is told to come again.
_MOST_ASKED = 100
#: A token that refreshes itself is written at most so often.
_REFRESH = timedelta(seconds=10)
#: In seconds: a login of the console ends when it was not used for so long.
SESSION = 12 * 3600
_LONGEST_TOKEN = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """How long tokens last, in seconds; an administrator may ask for more than the most."""

    default: int = 60
    most: int = 60


class Accounts:
    """The users of this server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[float, User]] = {}
        self._asked: dict[bytes, asyncio.Task[User]] = {}
        self._generation = 0
        # argon2 takes a core and 19 MiB each time: a flood of wrong passwords must not take them all.
        self._checking = asyncio.Semaphore(2)

    async def authenticate(self, name: str, password: str) -> User:
        """Return the user who has this name and password, or raise ``NotAuthenticated``."""
        digest = self._digest("password", name, password)
        known = self._remembered(digest)
        if known is not None:
            return known
        # Many requests of one user at once are one question.
        asked = self._asked.get(digest)
        if asked is None:
            if len(self._asked) >= _MOST_ASKED:
                raise Unavailable("The login", "too many passwords are being checked")
            asked = self._asked[digest] = asyncio.create_task(self._check(digest, name, password))
            asked.add_done_callback(lambda task: self._answered(digest, task))
        return await asyncio.shield(asked)

    def _answered(self, digest: bytes, task: asyncio.Task[User]) -> None:
        self._asked.pop(digest, None)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone away

    async def _check(self, digest: bytes, name: str, password: str) -> User:
        refused = NotAuthenticated("The user name or the password is wrong.")
        if "\x00" in name or len(password) > 1000:
            raise refused
        generation = self._generation
        async with self._checking:
            account = await users.find(self._database, name)
            stored = account.password_hash if account is not None else None
            right = await asyncio.to_thread(access.verify_password, password, stored)
        if account is None or not right:
            raise refused
        if account.disabled:
            # Said only to who knows the password.
            raise NotAuthenticated(f"The user {name} is disabled.")
        user = User(account.name, account.roles)
        # What was changed while it was being checked is not remembered as it was before.
        return self._remember(digest, user, _REMEMBERED) if generation == self._generation else user

    async def authenticate_token(self, token: str) -> User:
        """Return the user whose token this is, or raise ``NotAuthenticated``; one that refreshes itself lasts on."""
        digest = self._digest("token", token)
        known = self._remembered(digest)
        if known is not None:
            return known
        bearer = await tokens.recognise(self._database, access.token_digest(token), _REFRESH)
        if bearer is None:
            raise NotAuthenticated("The token is not known, or it has expired.")
        seconds = min(_REMEMBERED, bearer.keep.total_seconds())
        return self._remember(digest, User(bearer.name, bearer.roles), seconds)

    async def acting_as(self, caller: User, name: str) -> User:
        """Return another user, with its roles, for a caller who may act as it.

        ``_administrator`` may act as anybody. ``_runas`` may not act as an administrator: it could make itself one for
        good. Raises ``RoleMissing``, or ``NotAuthenticated`` with a reason where that user cannot log in.
        """
        if name == caller.name:
            return caller
        if not (caller.has(ADMINISTRATOR) or caller.has(RUN_AS)):
            raise RoleMissing(caller.name, RUN_AS)
        digest = self._digest("as", name)
        user = self._remembered(digest)
        if user is None:
            account = await users.find(self._database, name) if access.can_be_name(name) else None
            if account is None or account.disabled:
                reason = f"User was not found: {name}" if account is None else f"User is disabled: {name}"
                raise NotAuthenticated(f"Nobody can act as {name}.", reason=reason)
            user = self._remember(digest, User(account.name, account.roles), _REMEMBERED)
        if user.has(ADMINISTRATOR):
            caller.require(ADMINISTRATOR)
        return replace(user, behind=caller.name)

    async def issue_token(
        self, caller: User, name: str, *, seconds: int | None, auto_refresh: bool, limits: TokenLimits
    ) -> str:
        """Return a new token for a user: for oneself, or for anybody where the caller is an administrator.

        Raises ``RoleMissing`` for another's or for a long one without that role, ``Conflict`` for a disabled user.
        """
        # Who acts as another for one request must not take away a login that outlives it.
        if caller.behind is not None and not caller.has(ADMINISTRATOR):
            raise RoleMissing(caller.behind, ADMINISTRATOR)
        if name != caller.name:
            caller.require(ADMINISTRATOR)
        lasting = limits.default if seconds is None else seconds
        if not 1 <= lasting <= _LONGEST_TOKEN:
            raise Invalid("seconds", f"A token lasts 1 to {_LONGEST_TOKEN} seconds.", value=str(lasting))
        if lasting > limits.most:
            caller.require(ADMINISTRATOR)
        token = access.new_token()
        digest = access.token_digest(token)
        if not await tokens.issue(self._database, digest, name, lasting, auto_refresh=auto_refresh):
            if await users.find(self._database, name) is None:
                raise NotFound("User", name)
            raise Conflict("user", name, f"The user {name} is disabled: there is no token for it.")
        return token

    async def open_session(self, name: str, password: str) -> str:
        """Log a user in for as long as the login is used: returns a token, or raises ``NotAuthenticated``."""
        user = await self.authenticate(name, password)
        token = access.new_token()
        if not await tokens.issue(self._database, access.token_digest(token), user.name, SESSION, auto_refresh=True):
            # Deleted or disabled since its password was remembered.
            raise NotAuthenticated("The user name or the password is wrong.")
        return token

    async def close_session(self, token: str) -> None:
        """Log out: the token is worth nothing from now on, in other processes after a few seconds."""
        await tokens.end(self._database, access.token_digest(token))
        self._known.pop(self._digest("token", token), None)

    async def add(self, name: str, password: str, roles: Sequence[str]) -> None:
        """Make a user; raises ``Invalid`` when the name is taken or a value cannot be."""
        access.check_name(name)
        access.check_roles(list(roles))
        hashed = await self.hashed(password)
        if not await users.add(self._database, name, hashed, list(roles)):
            raise Invalid("user", f"There is a user {name} already.", value=name)
        self.forget()

    async def ensure_first(self, password: str) -> bool:
        """Make the user ``admin`` with all roles if there are no users at all; tells whether it did."""
        if await users.are_there_any(self._database):
            return False
        return await users.add(self._database, "admin", await self.hashed(password), list(access.ROLES))

    async def hashed(self, password: str, *, is_digest: bool = False) -> str:
        """Return what is stored of a password, or of its MD5 digest; raises ``Invalid`` for one that cannot be taken."""
        if is_digest:
            digest = access.check_digest(password)
            async with self._checking:
                return await asyncio.to_thread(access.hash_digest, digest)
        access.check_password(password)
        async with self._checking:
            return await asyncio.to_thread(access.hash_password, password)

    async def set_password(self, name: str, password: str, *, is_digest: bool = False) -> None:
        """Give a user another password; its tokens end. Raises ``NotFound``."""
        hashed = await self.hashed(password, is_digest=is_digest)
        if not await users.set_password(self._database, name, hashed):
            raise NotFound("User", name)
        self.forget()

    async def set_disabled(self, name: str, disabled: bool) -> None:
        """Let a user log in or not; raises ``NotFound``, or ``Conflict`` for the last administrator."""
        async with self.changing(name) as session:
            _found(await users.set_disabled(session, name, disabled), name)

    async def set_real_name(self, name: str, real_name: str) -> None:
        """Say how a user is really called; raises ``NotFound``."""
        if len(real_name) > 1000 or "\x00" in real_name:
            raise Invalid("realName", "A real name is at most 1000 characters.")
        _found(await users.set_real_name(self._database, name, real_name or None), name)

    async def grant(self, name: str, roles: Sequence[str]) -> None:
        """Give a user roles; raises ``NotFound``."""
        async with self.changing(name) as session:
            _found(await users.grant(session, name, access.check_roles(list(roles))), name)

    async def revoke(self, name: str, roles: Sequence[str]) -> None:
        """Take roles from a user; raises ``NotFound``, or ``Conflict`` for the last administrator."""
        async with self.changing(name) as session:
            _found(await users.revoke(session, name, access.check_roles(list(roles))), name)

    async def delete(self, name: str) -> None:
        """Take a user out; its jobs stay. Raises ``NotFound``, or ``Conflict`` for the last administrator."""
        async with self.changing(name) as session:
            _found(await users.delete(session, name), name)

    async def listing(
        self,
        names: Sequence[str] | None = None,
        disabled: bool | None = None,
        first: int = 1,
        number: int = 2**31 - 1,
    ) -> list[AccountSummary]:
        """Return users with their roles and groups, by name; ``first`` counts from 1."""
        return await users.listing(self._database, names, disabled, first, number)

    async def count(self, names: Sequence[str] | None = None, disabled: bool | None = None) -> int:
        """Return how many users there are."""
        return await users.hits(self._database, names, disabled)

    async def one(self, name: str) -> AccountSummary:
        """Return one user; raises ``NotFound``."""
        found = await users.listing(self._database, [name])
        if not found:
            raise NotFound("User", name)
        return found[0]

    async def effective_roles(self, name: str) -> list[str]:
        """Return a user's roles, those of its groups among them; raises ``NotFound``."""
        account = await users.find(self._database, name)
        if account is None:
            raise NotFound("User", name)
        return sorted(account.roles)

    @asynccontextmanager
    async def changing(self, subject: str) -> AsyncIterator[Session]:
        """Change users, groups and roles, all or nothing, one such change after the other.

        Raises ``Conflict``, and nothing is changed, where it would leave nobody who can administer.
        """
        async with self._database.transaction() as session:
            await users.lock(session)
            before = await users.administrators(session)
            yield session
            if before and not await users.administrators(session):
                raise Conflict(
                    "user",
                    subject,
                    f"No enabled user would have the role {ADMINISTRATOR} any more: give it to another one first.",
                )
        self.forget()

    def forget(self) -> None:
        """Recognise nobody by memory."""
        self._generation += 1
        self._known.clear()

    def _digest(self, *parts: str) -> bytes:
        return hashlib.blake2b("\x00".join(parts).encode(errors="surrogatepass"), key=self._key).digest()

    def _remembered(self, digest: bytes) -> User | None:
        known = self._known.get(digest)
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def _remember(self, digest: bytes, user: User, seconds: float) -> User:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (time.monotonic() + seconds, user)
        return user


def _found(found: bool, name: str) -> None:
    if not found:
        raise NotFound("User", name)
