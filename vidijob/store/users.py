"""Users in the database; it does not know how a password is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vidijob.store.database import Database


@dataclass(frozen=True, slots=True)
class Account:
    """What a login is checked against."""

    name: str
    password_hash: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """A user as a list shows it."""

    name: str
    created_at: datetime
    roles: tuple[str, ...]


async def find(database: Database, name: str) -> Account | None:
    """Read one user."""
    row = await database.row("user.find", name)
    return Account(row["name"], row["password_hash"], frozenset(row["roles"])) if row is not None else None


async def listing(database: Database) -> list[AccountSummary]:
    """Read all users."""
    return [
        AccountSummary(row["name"], row["created_at"], tuple(row["roles"])) for row in await database.rows("user.list")
    ]


async def add(database: Database, name: str, password_hash: str, roles: Sequence[str]) -> bool:
    """Make a user; tells whether there was none of that name."""
    return await database.value("user.add", name, password_hash, list(roles)) is not None


async def set_password(database: Database, name: str, password_hash: str) -> bool:
    """Give a user another password; tells whether there is such a user."""
    return await database.value("user.set_password", name, password_hash) is not None


async def grant(database: Database, name: str, roles: Sequence[str]) -> bool:
    """Give a user roles; tells whether there is such a user."""
    return await database.value("user.grant", name, list(roles)) is not None


async def revoke(database: Database, name: str, roles: Sequence[str]) -> bool:
    """Take roles from a user; tells whether there is such a user."""
    return await database.value("user.revoke", name, list(roles)) is not None


async def delete(database: Database, name: str) -> bool:
    """Take a user out; tells whether there was one."""
    return await database.value("user.delete", name) is not None
