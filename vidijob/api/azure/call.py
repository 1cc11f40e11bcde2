"""One request of the face, alone or as a part of a batch: what is asked for, and what is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import UUID

from vidijob.access import User
from vidijob.errors import CallerError, Invalid, NotFound
from vidijob.jobs.identity import Uuids
from vidijob.odata.bodies import Object, read
from vidijob.odata.formats import Body, Writer
from vidijob.odata.query import Options, read_options
from vidijob.odata.shapes import Row, Shape
from vidijob.web.keys import Services

READ, WRITE = "_job_read", "_job_write"
_SEGMENT = re.compile(r"(\$?\w{1,50})(?:\(\s*(?:Id\s*=\s*)?(?:'((?:[^']|''){0,300})')?\s*\))?")


class Fault(CallerError):
    """What is refused with a code of its own."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class NoSegment(NotFound):
    """Nothing is at that path."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a path: ``Jobs('nb:jid:…')`` is a name and a key."""

    name: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Server:
    """What all requests of one client share."""

    user: User
    services: Services
    uuids: Uuids
    site: str
    root: Path


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for."""

    method: str
    path: Sequence[Segment]
    #: Of the query, without what names a token.
    query: Mapping[str, str]
    #: By name in small letters.
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    writer: Writer
    server: Server

    @property
    def services(self) -> Services:
        """Return the parts of the engine."""
        return self.server.services

    def entity(self) -> Object:
        """Return the entity that was sent; raises ``Unreadable``."""
        return read(self.body, self.headers.get("content-type"))

    def options(self, shape: Shape) -> Options:
        """Return what part of a list is wanted; raises ``Invalid``."""
        return read_options(self.query, shape.fields)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int = 204
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def one(ask: Ask, shape: Shape, row: Row) -> Answer:
    """Answer an entity."""
    select = ask.options(shape).select
    return Answer(200, ask.writer.entry(shape, row, select))


def made(ask: Ask, shape: Shape, row: Row) -> Answer:
    """Answer an entity that was made, and where it is."""
    location = ask.writer.url(shape, row)
    return Answer(201, ask.writer.entry(shape, row), {"Location": location})


def many(
    ask: Ask, shape: Shape, rows: Sequence[Row], count: int | None, select: frozenset[str] | None = None
) -> Answer:
    """Answer entities."""
    return Answer(200, ask.writer.feed(shape, rows, count, select))


def read_path(raw: str) -> list[Segment]:
    """Read a path below the root of the face, however clients have encoded it; raises ``NoSegment``."""
    try:
        text = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise Invalid("path", "The path is not UTF-8.") from None
    segments = []
    for part in text.split("/"):
        if not part:
            continue
        match = _SEGMENT.fullmatch(part.strip())
        if match is None:
            raise NoSegment("Segment", part[:100])
        segments.append(Segment(match[1], None if match[2] is None else match[2].replace("''", "'")))
    return segments


def read_query(raw: str) -> dict[str, str]:
    """Read a query; of a name that is there twice, the last value counts."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise Invalid("query", "The query is not UTF-8, or has more than 100 parameters.") from None
    return dict(pairs)


def ids(values: Sequence[Any]) -> list[UUID]:
    """Return ids that were kept as texts."""
    return [UUID(value) for value in values]
