"""What a set of entities can do: whatever a face does not say is not possible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from vidijob.access import User
from vidijob.errors import NotFound
from vidijob.odata.bodies import Object, inline
from vidijob.odata.keys import Key
from vidijob.odata.query import Options
from vidijob.odata.shapes import Row, Shape
from vidijob.web.odata.calls import Answer, Ask, Fault, Page, within

#: The methods that change an entity.
CHANGES = ("MERGE", "PATCH", "PUT")


@dataclass(slots=True)
class New:
    """An entity that is to be made, with what was sent to belong to it."""

    entity: Object
    inner: list[Object]

    @classmethod
    def of(cls, entity: Object, inner: str) -> New:
        """Return an entity as it was sent, with what was sent in it."""
        return cls(entity, list(inline(entity, inner)))


@dataclass(frozen=True, slots=True)
class Made:
    """An entity that was made, and what belongs to it, in the order in which it was sent."""

    row: Row
    inner: Sequence[Row] = ()


class EntitySet:
    """A set of entities of one shape."""

    #: The link to those entities that are made together with one of this set.
    inner = ""
    #: Whether its lists go on by ``$skiptoken``.
    has_pages = False

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    async def page(self, ask: Ask, options: Options) -> Page:
        """Return a part of the list."""
        raise self.impossible(ask)

    async def row(self, ask: Ask, key: str) -> Row:
        """Return an entity; raises ``NotFound``."""
        raise self.impossible(ask)

    async def linked(self, ask: Ask, row: Row, link: str) -> Sequence[Row]:
        """Return what a link of an entity leads to."""
        raise self.impossible(ask)

    async def make(self, ask: Ask, news: Sequence[New]) -> Sequence[Made]:
        """Make entities, all or none."""
        raise self.impossible(ask)

    async def change(self, ask: Ask, key: str, entity: Object) -> None:
        """Change an entity; what is read-only is passed over."""
        raise self.impossible(ask)

    async def remove(self, ask: Ask, key: str) -> Answer:
        """Remove an entity."""
        raise self.impossible(ask)

    async def add(self, ask: Ask, key: str, name: str) -> Answer:
        """Add to a property of an entity."""
        raise self.impossible(ask)

    def impossible(self, ask: Ask) -> Fault:
        """Return the refusal of what this set does not do, with what it does."""
        allowed = ["GET", "HEAD"]
        if len(ask.path) == 1 and ask.path[0].key is None:
            allowed += ["POST"] if type(self).make is not EntitySet.make else []
        elif len(ask.path) == 1:
            allowed += CHANGES if type(self).change is not EntitySet.change else []
            allowed += ["DELETE"] if type(self).remove is not EntitySet.remove else []
        return Fault(405, "", f"{ask.method} is not possible here.", {"Allow": ", ".join(allowed)})


class FixedSet(EntitySet):
    """A set of entities that nobody changes."""

    def __init__(self, shape: Shape, rows: Sequence[Row], key: Key) -> None:
        super().__init__(shape)
        self._rows = rows
        self._key = key

    async def page(self, ask: Ask, options: Options) -> Page:
        """Return a part of the list."""
        return within(options, self.shape, self._rows)

    async def row(self, ask: Ask, key: str) -> Row:
        """Return an entity; raises ``NotFound``."""
        wanted = self._key.of(self._key.uuid(key))
        found = next((row for row in self._rows if row["Id"] == wanted), None)
        if found is None:
            raise NotFound(self.shape.set, wanted)
        return found


#: What is called by GET: by its name.
Functions = Mapping[str, Callable[[Ask], Awaitable[Answer]]]


@dataclass(frozen=True, slots=True)
class Roles:
    """Who may read, and who may do everything else."""

    read: str
    write: str

    def check(self, user: User, *, reads: bool) -> None:
        """Raise ``RoleMissing`` where the user may not."""
        user.require(self.read)
        if not reads:
            user.require(self.write)
