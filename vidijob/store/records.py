"""What other faces keep besides jobs, in the database: rows ⇄ model. It does not know what the documents mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record as Row


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A thing that is to be kept."""

    face: str
    #: ``asset``, ``layer``, …
    kind: str
    name: str
    #: The user who made it.
    owner: str
    #: What JSON can say.
    document: Mapping[str, Any]
    #: One of these at most has it, of its face and kind.
    key: str | None = None
    #: What it belongs to, and goes with.
    parent: UUID | None = None
    #: ``None``: any that is free.
    id: UUID | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Record:
    """A thing that is kept."""

    id: UUID
    #: Grows with each thing that is kept.
    place: int
    key: str | None
    parent: UUID | None
    name: str
    owner: str
    created: datetime
    changed: datetime
    document: Mapping[str, Any]


async def add(source: Database | Session, news: Sequence[NewRecord]) -> list[Record]:
    """Keep things; returns them, without those whose key or id is taken."""
    rows = [
        {
            "id": None if new.id is None else str(new.id),
            "face": new.face,
            "kind": new.kind,
            "key": new.key,
            "parent": None if new.parent is None else str(new.parent),
            "name": new.name,
            "owner": new.owner,
            "document": new.document,
        }
        for new in news
    ]
    return [from_row(row) for row in await source.rows("record.add", rows)]


async def of(source: Database | Session, face: str, kind: str, ids: Collection[UUID]) -> list[Record]:
    """Return those of some things that are there."""
    return [from_row(row) for row in await source.rows("record.of", face, kind, list(ids))] if ids else []


async def keyed(database: Database, face: str, kind: str, key: str) -> Record | None:
    """Return the thing that has a key."""
    row = await database.row("record.keyed", face, kind, key)
    return None if row is None else from_row(row)


async def count(database: Database, face: str, kind: str, prefix: str) -> int:
    """Return how many things have a key that begins so."""
    return int(await database.value("record.count_keyed", face, kind, prefix))


async def children(source: Database | Session, face: str, kind: str, parents: Collection[UUID]) -> list[Record]:
    """Return what belongs to some things."""
    return [from_row(row) for row in await source.rows("record.children", face, kind, list(parents))]


async def change(
    database: Database, face: str, kind: str, id: UUID, name: str | None, document: Mapping[str, Any]
) -> bool:
    """Give a thing another name, unless ``None``, and add to its document; tells whether it is there."""
    return await database.value("record.change", face, kind, id, name, dict(document)) is not None


async def remove(source: Database | Session, face: str, kind: str, id: UUID) -> bool:
    """Keep a thing no longer; tells whether it was there."""
    return await source.value("record.remove", face, kind, id) is not None


def from_row(row: Row) -> Record:
    """Return the thing that a row tells of."""
    return Record(
        row["id"],
        row["place"],
        row["key"],
        row["parent"],
        row["name"],
        row["owner"],
        row["created_at"],
        row["changed_at"],
        row["document"],
    )
