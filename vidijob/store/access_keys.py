"""Access keys and signed requests in the database. How a signature is made is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from vidijob.errors import NotFound
from vidijob.store.database import Database


@dataclass(frozen=True, slots=True)
class KeySummary:
    """A key as a list shows it: without its secret."""

    id: str
    account: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What a signed request is checked against."""

    #: What the request is signed with.
    secret: str = field(repr=False)
    account: str
    roles: frozenset[str]
    disabled: bool


async def add(database: Database, id: str, account: str, secret: str) -> bool:
    """Give a user a key; tells whether there is such a user."""
    return await database.value("access_key.add", id, account, secret) is not None


async def listing(database: Database, account: str | None) -> Sequence[KeySummary]:
    """Return the keys of a user, or of all."""
    return [
        KeySummary(row["id"], row["account"], row["created_at"])
        for row in await database.rows("access_key.list", account)
    ]


async def revoke(database: Database, account: str, id: str) -> bool:
    """Take a key from a user; tells whether it was there."""
    return await database.value("access_key.revoke", account, id) is not None


async def find(database: Database, id: str) -> KeyHolder | None:
    """Return whose key it is."""
    row = await database.row("access_key.find", id)
    return None if row is None else KeyHolder(row["secret"], row["name"], frozenset(row["roles"]), row["disabled"])


class Entry(Enum):
    """What becomes of a signed request."""

    #: It is to be answered.
    ADMITTED = "admitted"
    #: There were too many of its key and action within this second.
    THROTTLED = "throttled"
    #: Its number was used before.
    REPEATED = "repeated"
    #: It was signed too long ago, or for a time that is far off.
    EXPIRED = "expired"


async def enter(
    database: Database, id: str, nonce: str, action: str, limit: int, signed: datetime, window: timedelta
) -> Entry:
    """Enter a signed request, committed, unless it is expired; raises ``NotFound`` where the key is gone."""
    row = await database.row("access_key.enter", id, nonce, action, limit, signed, window.total_seconds())
    if row is None:
        raise NotFound("AccessKey", id)
    if not row["recent"]:
        return Entry.EXPIRED
    if row["admitted"] is None:
        return Entry.REPEATED
    return Entry.ADMITTED if row["admitted"] else Entry.THROTTLED


async def forget(database: Database, age: timedelta, limit: int) -> int:
    """Take out some of the signed requests that are so old; returns how many."""
    return len(await database.rows("access_key.forget", age.total_seconds(), limit))
