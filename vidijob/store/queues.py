"""Queues that are read by polling, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a queue."""

    id: UUID
    body: str
    inserted: datetime
    expires: datetime
    #: When it can be taken again.
    visible: datetime
    #: What whoever took it last deletes it by.
    receipt: UUID
    #: How often it was taken.
    taken: int


async def make(database: Database, name: str) -> bool:
    """Make a queue; tells whether there was none."""
    return await database.value("message_queue.make", name) is not None


async def names(database: Database) -> list[str]:
    """Return the names of all queues."""
    return [row["name"] for row in await database.rows("message_queue.list")]


async def known(database: Database, name: str) -> int | None:
    """Return about how many messages a queue holds; ``None``: there is none of this name."""
    row = await database.row("message_queue.known", name)
    return None if row is None else row["messages"]


async def remove(database: Database, name: str) -> bool:
    """Take out a queue; tells whether it was there."""
    return await database.value("message_queue.remove", name) is not None


async def put(source: Database | Session, name: str, bodies: Sequence[str], lasting: timedelta) -> list[Message]:
    """Put messages into a queue, in their order; nothing where there is no such queue."""
    return [
        _message(row) for row in await source.rows("message_queue.put", name, list(bodies), lasting.total_seconds())
    ]


async def take(database: Database, name: str, limit: int, hidden: timedelta) -> list[Message]:
    """Take the oldest messages; nobody else sees them for a while."""
    return [_message(row) for row in await database.rows("message_queue.take", name, limit, hidden.total_seconds())]


async def peek(database: Database, name: str, limit: int) -> list[Message]:
    """Return the oldest messages, which stay as they are."""
    return [_message(row) for row in await database.rows("message_queue.peek", name, limit)]


async def forget(database: Database, name: str, id: UUID, receipt: UUID) -> bool:
    """Delete a message by the receipt of whoever took it last; tells whether that was so."""
    return await database.value("message_queue.forget", name, id, receipt) is not None


async def clear(database: Database, name: str) -> None:
    """Delete all messages of a queue."""
    await database.rows("message_queue.clear", name)


async def expire(database: Database, limit: int) -> int:
    """Delete some messages whose time is over; returns how many."""
    return len(await database.rows("message_queue.expire", limit))


def _message(row: Record) -> Message:
    return Message(
        row["id"],
        row["body"],
        row["inserted_at"],
        row["expires_at"],
        row["visible_at"],
        row["receipt"],
        row["taken"],
    )
