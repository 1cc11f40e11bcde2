"""One request to a service, alone or as a part of a batch: what is asked for, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidijob.access import User
from vidijob.errors import CallerError, Invalid
from vidijob.jobs.expressions import Field, evaluate
from vidijob.jobs.identity import Uuids
from vidijob.odata.bodies import Object, read
from vidijob.odata.formats import Body, Writer, plain
from vidijob.odata.paths import NoSegment, Segment
from vidijob.odata.query import Options, read_options
from vidijob.odata.shapes import Row, Shape
from vidijob.web.charsets import in_utf8
from vidijob.web.keys import Services
from vidijob.web.negotiate import Form


class Fault(CallerError):
    """What is refused with a status and a code of its own, and with headers if the status wants some."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.code = code
        self.headers = headers or {}
        super().__init__(message)


_TUNNELLED = ("MERGE", "PATCH", "PUT", "DELETE")


def tunnelled(method: str, headers: Mapping[str, str]) -> str:
    """Return what a request wants to be: a POST may say it in ``X-HTTP-Method``."""
    said = headers.get("x-http-method", "").strip().upper()
    return said if method == "POST" and said in _TUNNELLED else method


@dataclass(frozen=True, slots=True)
class Server:
    """What all requests of one client share."""

    user: User
    services: Services
    uuids: Uuids
    site: str
    #: The storage root.
    root: Path
    #: How the client reaches this server, without a slash at the end.
    base: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for."""

    method: str
    path: Sequence[Segment]
    query: Mapping[str, str]
    #: By name in small letters.
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    writer: Writer
    server: Server

    @property
    def user(self) -> User:
        """Return who asks."""
        return self.server.user

    @property
    def services(self) -> Services:
        """Return the parts of the engine."""
        return self.server.services

    def parameter(self, name: str) -> str:
        """Return the parameter of a function, without its quotes, in whichever case it is named; raises ``Invalid`` where it is
        missing.
        """
        given = {one.lower(): value for one, value in self.query.items()}.get(name.lower(), "").strip()
        if not given.strip("'"):
            raise Invalid(name, f"The parameter {name} is missing: {name}='…'.")
        return given.strip("'")

    def entity(self) -> Object:
        """Return the entity that was sent; raises ``Unreadable``."""
        media = self.headers.get("content-type", "")
        return read(in_utf8(self.body, media, Form.XML if "xml" in media.lower() else Form.JSON), media)

    def options(self, shape: Shape) -> Options:
        """Return what part of a list is wanted; raises ``Invalid``."""
        options = read_options(self.query, shape.fields)
        for name in sorted((options.select or frozenset()) - shape.properties.keys() - shape.links.keys()):
            raise Invalid("$select", f"The property '{name[:50]}' does not exist on type '{shape.name}'.")
        return options


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int = 204
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    rows: Sequence[Row]
    #: How many there are in all, where that is known.
    count: int | None = None
    #: Where it goes on: the options of the query that are others then; ``None``: it ends here, or the client asks by ``$skip``.
    following: Mapping[str, str] | None = None


def one(ask: Ask, shape: Shape, row: Row) -> Answer:
    """Answer an entity."""
    return Answer(200, ask.writer.entry(shape, row, ask.options(shape).select))


def made(ask: Ask, shape: Shape, row: Row) -> Answer:
    """Answer an entity that was made, and where it is."""
    return Answer(201, ask.writer.entry(shape, row), {"Location": ask.writer.url(shape, row)})


def many(ask: Ask, shape: Shape, page: Page) -> Answer:
    """Answer a part of a list, and where it goes on."""
    options = ask.options(shape)
    following = None
    if page.following is not None:
        following = ask.writer.following(shape, {**ask.query, **page.following})
    counted = page.count if options.counted else None
    return Answer(200, ask.writer.feed(shape, page.rows, counted, options.select, following))


def text(value: object) -> Answer:
    """Answer a value as plain text."""
    return Answer(200, Body(plain(value), "text/plain;charset=utf-8"))


def prop(ask: Ask, shape: Shape, row: Row, rest: Sequence[Segment]) -> Answer:
    """Answer one property, as such or as plain text (``$value``)."""
    name, edm = rest[0].name, shape.properties.get(rest[0].name)
    if edm is None or len(rest) > 2 or (len(rest) == 2 and (rest[1].name != "$value" or edm.startswith("["))):
        raise NoSegment(rest[-1].name)
    value = row.get(name)
    if len(rest) == 1:
        return Answer(200, ask.writer.prop(name, edm, value))
    if value is None:
        raise NoSegment(name)
    return text(value)


def within(options: Options, shape: Shape, rows: Sequence[Row]) -> Page:
    """Return the part of rows that are at hand which a query wants."""
    found = [
        row for row in rows if options.condition is None or evaluate(options.condition, _whole(shape, row)) is True
    ]
    for by, down in reversed(options.order):
        assert isinstance(by, Field)
        name = by.name
        # Nothing is less than anything.
        found.sort(key=lambda row: (row.get(name) is not None, 0 if row.get(name) is None else row[name]), reverse=down)
    return Page(found[options.skip : options.skip + options.top], len(found))


def _whole(shape: Shape, row: Row) -> dict[str, Any]:
    return {name: row.get(name) for name in shape.properties}
