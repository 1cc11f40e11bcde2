"""Entities that are kept as they were sent: records of a face, with an id made from their UUID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vidijob.engine.listings import Wanted
from vidijob.engine.records import NewRecord, Record
from vidijob.errors import Invalid, NotFound
from vidijob.odata.bodies import Object, checked
from vidijob.odata.keys import Key
from vidijob.odata.query import Options
from vidijob.odata.shapes import Row, Shape
from vidijob.web.odata.calls import Answer, Ask, Page
from vidijob.web.odata.sets import EntitySet, Made, New


class KeptSet(EntitySet):
    """A set whose entities are the records of one kind."""

    #: What no MERGE changes, although it may be written at first; ``None``: there is no MERGE at all.
    fixed: frozenset[str] | None = frozenset()

    def __init__(
        self, face: str, kind: str, shape: Shape, key: Key, behind: Mapping[str, KeptSet] | None = None
    ) -> None:
        super().__init__(shape)
        self.face = face
        self.kind = kind
        self.key = key
        #: Link → the set of what belongs to an entity.
        self._behind = behind or {}

    def entity(self, record: Record) -> Row:
        """Return a record as an entity."""
        about = {"Id": self.key.of(record.id), "Name": record.name}
        kept = self.shape.filled(record.document)
        return {**kept, **about, "Created": record.created, "LastModified": record.changed}

    async def drafts(self, ask: Ask, entity: Object, inner: Sequence[Object]) -> list[NewRecord]:
        """Return what is kept of an entity that was sent, itself first; raises ``Invalid``."""
        raise self.impossible(ask)

    async def page(self, ask: Ask, options: Options) -> Page:
        """Return a part of the list."""
        wanted = Wanted(options.condition, options.order, options.skip, options.top, options.counted)
        rows, count = await ask.services.listings.records(self.face, self.kind, self.key.prefix, wanted)
        return Page([self.entity(row) for row in rows], count)

    async def row(self, ask: Ask, key: str) -> Row:
        """Return an entity; raises ``NotFound``."""
        return self.entity(await self.record(ask, key))

    async def record(self, ask: Ask, key: str) -> Record:
        """Return the record of an entity; raises ``NotFound``."""
        return await ask.services.records.one(self.face, self.kind, self.key.uuid(key))

    async def named(self, ask: Ask, key: object, context: str) -> Record:
        """Return the record that a property of another entity names; raises ``Invalid``."""
        try:
            return await self.record(ask, str(key))
        except NotFound:
            raise Invalid(context, f"There is no {self.shape.name} {str(key)[:100]}.") from None

    async def linked(self, ask: Ask, row: Row, link: str) -> Sequence[Row]:
        """Return what belongs to an entity."""
        behind = self._behind[link]
        found = await ask.services.records.children(self.face, behind.kind, [self.key.uuid(row["Id"])])
        return [behind.entity(one) for one in found]

    async def make(self, ask: Ask, news: Sequence[New]) -> list[Made]:
        """Make entities with what belongs to them, all or none."""
        drafts = [[self._whole(record) for record in await self.drafts(ask, new.entity, new.inner)] for new in news]
        added = iter(await ask.services.records.add_all([record for each in drafts for record in each]))
        made = []
        for draft in drafts:
            first, *rest = (next(added) for _ in draft)
            inner = self._behind.get(self.inner, self)
            made.append(Made(self.entity(first), [inner.entity(record) for record in rest]))
        return made

    def _whole(self, record: NewRecord) -> NewRecord:
        shape = self.shape if record.kind == self.kind else self._behind[self.inner].shape
        return replace(record, document=shape.filled(record.document))

    async def change(self, ask: Ask, key: str, entity: Object) -> None:
        """Change what was sent, but for what is fixed."""
        if self.fixed is None:
            raise Invalid("body", f"A {self.shape.name} cannot be changed; delete it and make another one.")
        record = await self.record(ask, key)
        values = {name: value for name, value in checked(self.shape, entity).items() if name not in self.fixed}
        name, zeros = values.pop("Name", None), self.shape.zeros
        values = {one: zeros.get(one) if value is None else value for one, value in values.items()}
        await ask.services.records.change(self.face, self.kind, record.id, name, values)

    async def remove(self, ask: Ask, key: str) -> Answer:
        """Remove an entity with what belongs to it."""
        await ask.services.records.remove(self.face, self.kind, self.key.uuid(key))
        return Answer()
