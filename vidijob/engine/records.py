"""What other faces keep besides jobs: assets, templates, layers. It knows neither what they mean nor HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from vidijob.errors import Conflict, NotFound
from vidijob.store import records
from vidijob.store.database import Database
from vidijob.store.records import NewRecord, Record

__all__ = ["NewRecord", "Record", "Records"]


class Records:
    """The things that are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: NewRecord) -> Record | None:
        """Keep a thing; ``None``: another one has its key or id."""
        added = await records.add(self._database, [new])
        return added[0] if added else None

    async def add_all(self, news: Sequence[NewRecord]) -> list[Record]:
        """Keep several things, all or none; raises ``Conflict`` where another one has the key or id of one."""
        async with self._database.transaction() as session:
            added = await records.add(session, news)
            if len(added) < len(news):
                raise Conflict(news[0].kind, str(news[0].id), "Another one has this id already.")
        return added

    async def one(self, face: str, kind: str, id: UUID) -> Record:
        """Return one thing; raises ``NotFound``."""
        found = await records.of(self._database, face, kind, [id])
        if not found:
            raise NotFound(kind.capitalize(), str(id))
        return found[0]

    async def some(self, face: str, kind: str, ids: Sequence[UUID]) -> list[Record]:
        """Return things in the order of their ids; raises ``NotFound`` where one is not there."""
        found = {one.id: one for one in await records.of(self._database, face, kind, ids)}
        for id in ids:
            if id not in found:
                raise NotFound(kind.capitalize(), str(id))
        return [found[id] for id in ids]

    async def there(self, face: str, kind: str, ids: Sequence[UUID]) -> list[Record]:
        """Return those of some things that are there, in the order of their ids."""
        found = {one.id: one for one in await records.of(self._database, face, kind, ids)}
        return [found[id] for id in ids if id in found]

    async def keyed(self, face: str, kind: str, key: str) -> Record | None:
        """Return the thing that has a key."""
        return await records.keyed(self._database, face, kind, key)

    async def count(self, face: str, kind: str, prefix: str) -> int:
        """Return how many things have a key that begins so."""
        return await records.count(self._database, face, kind, prefix)

    async def children(self, face: str, kind: str, parents: Collection[UUID]) -> list[Record]:
        """Return what belongs to some things, in the order in which it was made."""
        return await records.children(self._database, face, kind, parents) if parents else []

    async def change(self, face: str, kind: str, id: UUID, name: str | None, document: Mapping[str, Any]) -> None:
        """Give a thing another name, unless ``None``, and add to what is kept of it; raises ``NotFound``."""
        if not await records.change(self._database, face, kind, id, name, document):
            raise NotFound(kind.capitalize(), str(id))

    async def remove(self, face: str, kind: str, id: UUID) -> None:
        """Keep a thing no longer, nor what belongs to it; raises ``NotFound``."""
        if not await records.remove(self._database, face, kind, id):
            raise NotFound(kind.capitalize(), str(id))
