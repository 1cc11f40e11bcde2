"""Users in the database; it does not know how a password is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vidijob.store.database import Database, Session

Source = Database | Session


@dataclass(frozen=True, slots=True)
class Account:
    """What a login is checked against."""

    name: str
    password_hash: str
    #: Its own and those of its groups.
    roles: frozenset[str]
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """A user as a list shows it."""

    name: str
    created_at: datetime
    #: Its own, without those of its groups.
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    real_name: str | None
    disabled: bool


async def lock(session: Session) -> None:
    """Let no other change users, groups or roles until the transaction ends."""
    await session.rows("user.lock")


async def administrators(session: Session) -> int:
    """Return how many can log in and administer."""
    return int(await session.value("user.administrators"))


async def find(source: Source, name: str) -> Account | None:
    """Read one user."""
    row = await source.row("user.find", name)
    if row is None:
        return None
    return Account(row["name"], row["password_hash"], frozenset(row["roles"]), row["disabled"])


async def are_there_any(source: Source) -> bool:
    """Tell whether there is a user."""
    return bool(await source.value("user.any"))


async def listing(
    source: Source,
    names: Sequence[str] | None = None,
    disabled: bool | None = None,
    first: int = 1,
    number: int = 2**31 - 1,
) -> list[AccountSummary]:
    """Read users by name; ``first`` counts from 1."""
    wanted = None if names is None else list(names)
    return [
        AccountSummary(
            name=row["name"],
            created_at=row["created_at"],
            roles=tuple(row["roles"]),
            groups=tuple(row["groups"]),
            real_name=row["real_name"],
            disabled=row["disabled"],
        )
        for row in await source.rows("user.list", wanted, disabled, first - 1, number)
    ]


async def hits(source: Source, names: Sequence[str] | None = None, disabled: bool | None = None) -> int:
    """Return how many users there are."""
    return int(await source.value("user.hits", None if names is None else list(names), disabled))


async def add(source: Source, name: str, password_hash: str, roles: Sequence[str]) -> bool:
    """Make a user; tells whether there was none of that name."""
    return await source.value("user.add", name, password_hash, list(roles)) is not None


async def set_password(source: Source, name: str, password_hash: str) -> bool:
    """Give a user another password and end its tokens; tells whether there is such a user."""
    return await source.value("user.set_password", name, password_hash) is not None


async def set_disabled(source: Source, name: str, disabled: bool) -> bool:
    """Let a user log in or not; tells whether there is such a user."""
    return await source.value("user.set_disabled", name, disabled) is not None


async def set_real_name(source: Source, name: str, real_name: str | None) -> bool:
    """Say how a user is really called; tells whether there is such a user."""
    return await source.value("user.set_real_name", name, real_name) is not None


async def grant(source: Source, name: str, roles: Sequence[str]) -> bool:
    """Give a user roles; tells whether there is such a user."""
    return await source.value("user.grant", name, list(roles)) is not None


async def revoke(source: Source, name: str, roles: Sequence[str]) -> bool:
    """Take roles from a user; tells whether there is such a user."""
    return await source.value("user.revoke", name, list(roles)) is not None


async def delete(source: Source, name: str) -> bool:
    """Take a user out; tells whether there was one."""
    return await source.value("user.delete", name) is not None
