"""Addresses below the root of a service, however clients have encoded them: segments with keys, and query options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from vidijob.errors import Invalid, NotFound

_SEGMENT = re.compile(r"(\$?\w{1,50})(?:\(\s*(?:Id\s*=\s*)?(?:'((?:[^']|''){0,300})')?\s*\))?")


class NoSegment(NotFound):
    """Nothing is at that path."""

    def __init__(self, name: str) -> None:
        super().__init__("Segment", name[:100])


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a path: ``Jobs('nb:jid:…')`` is a name and a key."""

    name: str
    key: str | None


def read_path(raw: str) -> list[Segment]:
    """Read a path below the root; raises ``NoSegment``."""
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
            raise NoSegment(part)
        segments.append(Segment(match[1], None if match[2] is None else match[2].replace("''", "'")))
    return segments


def read_query(raw: str) -> dict[str, str]:
    """Read a query; of a name that is there twice, the last value counts."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise Invalid("query", "The query is not UTF-8, or has more than 100 parameters.") from None
    return dict(pairs)


def below(url: str, root: str) -> tuple[str, str]:
    """Return path and query of an address inside a batch, below a root's last part (``api``): absolute or rooted, whatever host
    it names, or relative; raises ``NoSegment``.
    """
    path, _, query = url.partition("?")
    place = path.lower().find(f"/{root}/")
    if place >= 0:
        return path[place + len(root) + 2 :], query
    if "://" in path or path.startswith("/"):
        raise NoSegment(path)
    return path, query
