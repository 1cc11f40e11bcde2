"""Tokens in the database, by their digest; the token itself is never here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from vidijob.store.database import Database


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token proves."""

    name: str
    roles: frozenset[str]
    #: How long what is said here may be remembered at most.
    keep: timedelta


async def issue(database: Database, digest: bytes, name: str, seconds: int, *, auto_refresh: bool) -> bool:
    """Keep a token; tells whether there is such a user and it can log in."""
    return await database.value("token.issue", digest, name, seconds, auto_refresh) is not None


async def recognise(database: Database, digest: bytes, refresh: timedelta) -> Bearer | None:
    """Return whose token it is, if it lives; one that refreshes itself is refreshed when that was long enough ago."""
    row = await database.row("token.recognise", digest, refresh.total_seconds())
    if row is None:
        return None
    # One that is kept alive by its use must be seen to be used in time.
    seconds = min(row["left"], row["seconds"] / 2) if row["auto_refresh"] else row["left"]
    return Bearer(row["name"], frozenset(row["roles"]), timedelta(seconds=max(seconds, 0)))


async def end(database: Database, digest: bytes) -> None:
    """Forget a token."""
    await database.rows("token.end", digest)
