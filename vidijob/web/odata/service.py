"""What each path and method means to the sets of a service."""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.errors import Invalid
from vidijob.odata.formats import Body
from vidijob.odata.paths import NoSegment, Segment
from vidijob.odata.shapes import Model, Shape
from vidijob.web.odata.calls import Answer, Ask, Fault, made, many, one, prop, text, within
from vidijob.web.odata.sets import CHANGES, EntitySet, Functions, New, Roles


class Service:
    """The sets and functions of a service."""

    def __init__(self, model: Model, sets: Sequence[EntitySet], functions: Functions, roles: Roles) -> None:
        self.model = model
        self.sets = {one.shape.set: one for one in sets}
        self.functions = functions
        self.roles = roles
        self._shapes = {one.shape.name: one.shape for one in sets}

    async def answer(self, ask: Ask) -> Answer:
        """Answer one request; raises what is refused."""
        reads = ask.method in ("GET", "HEAD")
        self.roles.check(ask.user, reads=reads)
        path = ask.path
        chosen = self.sets.get(path[0].name) if path else None
        if chosen is None:
            return await self._other(ask, reads=reads)
        key, rest = path[0].key, path[1:]
        if reads:
            return await (self._list(ask, chosen, rest) if key is None else self._read(ask, chosen, key, rest))
        match ask.method, key, rest:
            case "POST", None, []:
                (new,) = await chosen.make(ask, [New.of(ask.entity(), chosen.inner)])
                return made(ask, chosen.shape, new.row)
            case "POST", str(key), [Segment(name=name, key=None)] if name in chosen.shape.properties:
                return await chosen.add(ask, key, name)
            case method, str(key), [] if method in CHANGES:
                await chosen.change(ask, key, ask.entity())
                return Answer()
            case "DELETE", str(key), []:
                return await chosen.remove(ask, key)
            case _:
                raise chosen.impossible(ask)

    def behind(self, chosen: EntitySet, link: str) -> Shape:
        """Return the shape of what a link leads to; raises ``NoSegment``."""
        if link not in chosen.shape.links:
            raise NoSegment(link)
        return self._shapes[chosen.shape.links[link]]

    async def _other(self, ask: Ask, *, reads: bool) -> Answer:
        if not ask.path and reads:
            return Answer(200, ask.writer.service())
        name = ask.path[0].name if ask.path else ""
        if reads and len(ask.path) == 1 and name == "$metadata":
            return Answer(200, Body(self.model.metadata(), "application/xml;charset=utf-8"))
        if reads and len(ask.path) == 1 and name in self.functions:
            return await self.functions[name](ask)
        if not ask.path:
            raise Fault(405, "", f"{ask.method} is not possible here.", {"Allow": "GET, HEAD"})
        raise NoSegment(name)

    async def _list(self, ask: Ask, chosen: EntitySet, rest: Sequence[Segment]) -> Answer:
        options = ask.options(chosen.shape)
        if options.token is not None and not chosen.has_pages:
            raise Invalid("$skiptoken", "This list goes on by $skip.")
        if not rest:
            return many(ask, chosen.shape, await chosen.page(ask, options))
        if len(rest) > 1 or rest[0].name != "$count":
            raise NoSegment(rest[-1].name)
        return text((await chosen.page(ask, options.only_counted())).count or 0)

    async def _read(self, ask: Ask, chosen: EntitySet, key: str, rest: Sequence[Segment]) -> Answer:
        row = await chosen.row(ask, key)
        if not rest:
            return one(ask, chosen.shape, row)
        if rest[0].name not in chosen.shape.links:
            return prop(ask, chosen.shape, row, rest)
        shape = self.behind(chosen, rest[0].name)
        page = within(ask.options(shape), shape, await chosen.linked(ask, row, rest[0].name))
        if len(rest) == 1:
            return many(ask, shape, page)
        if len(rest) > 2 or rest[1].name != "$count":
            raise NoSegment(rest[-1].name)
        return text(page.count)
