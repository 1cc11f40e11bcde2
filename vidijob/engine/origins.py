"""Which pages of other origins a browser lets use this server, and what they are told: CORS, as far as it is a rule and
not HTTP. Nothing is allowed that nobody configured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidijob.errors import Invalid

#: What clients of this API send (contract 1.8, 7 row 28), and what we offer beyond it.
HEADERS = (
    "accept", "content-type", "authorization", "index", "size", "runas", "idempotency-key", "if-none-match",
    "last-event-id", "x-request-id",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ANY = "*"
CREDENTIALS = "access-control-allow-credentials"
#: What an entry may say besides; any other header could be used to say anything.
_OTHERS = frozenset({CREDENTIALS, "access-control-expose-headers"})
_MOST_ENTRIES = 100
_LONGEST = 500
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-_\[\]:]{1,300}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Condition:
    """Which requests: of each kind that is given, one must fit."""

    methods: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    origin_patterns: tuple[str, ...] = ()
    path_patterns: tuple[str, ...] = ()
    #: Name of a header and pattern of its value.
    header_patterns: tuple[tuple[str, str], ...] = ()

    def fits(self, method: str, origin: str, path: str, headers: Mapping[str, str]) -> bool:
        """Tell whether a request is meant."""
        if self.methods and method not in self.methods:
            return False
        if (self.origins or self.origin_patterns) and not (
            ANY in self.origins or origin in self.origins or _any_fits(self.origin_patterns, origin)
        ):
            return False
        if self.path_patterns and not _any_fits(self.path_patterns, path):
            return False
        return all(re.fullmatch(pattern, headers.get(name, "")[:_LONGEST]) for name, pattern in self.header_patterns)


@dataclass(frozen=True, slots=True)
class Permission:
    """What a browser is told."""

    #: An origin, or ``*``.
    origin: str
    methods: tuple[str, ...] = METHODS
    headers: tuple[str, ...] = HEADERS
    #: For how many seconds a browser may remember it.
    max_age: int | None = None
    #: In lower case.
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Requests and what is said to them; without conditions all are meant."""

    conditions: tuple[Condition, ...]
    permission: Permission


def find(
    entries: Sequence[Entry], method: str, origin: str, path: str, headers: Mapping[str, str]
) -> Permission | None:
    """Return what the first entry that fits says."""
    if len(origin) > _LONGEST or len(path) > 4 * _LONGEST:
        return None
    for entry in entries:
        if not entry.conditions or any(one.fits(method, origin, path, headers) for one in entry.conditions):
            return entry.permission
    return None


def of_setting(allowed: Sequence[str]) -> list[Entry]:
    """Return entries that allow these origins, or any by ``*``."""
    return [Entry((Condition(origins=(origin,)),), Permission(origin)) for origin in allowed]


def check(entries: Sequence[Entry]) -> None:
    """Raise ``Invalid`` for entries that cannot be, or that would let any page act with a user's login."""
    if len(entries) > _MOST_ENTRIES:
        raise Invalid("entry", f"At most {_MOST_ENTRIES} entries can be configured.")
    for entry in entries:
        said = entry.permission
        if said.origin != ANY and not _ORIGIN.fullmatch(said.origin):
            raise Invalid("allowOrigin", "An origin is http(s)://host[:port], without a path, or *.", value=said.origin)
        for word in (*said.methods, *said.headers):
            if not _TOKEN.fullmatch(word):
                raise Invalid("allowHeaders", "The names of methods and headers stand one by one.", value=word[:100])
        for name, value in said.others:
            if name not in _OTHERS or not _PRINTABLE.fullmatch(value):
                raise Invalid(
                    "allowOtherHeader", f"Of other headers, {', '.join(sorted(_OTHERS))} can be set.", value=name
                )
            if name == CREDENTIALS and said.origin == ANY:
                raise Invalid("allowOtherHeader", "With the origin * no credentials can be allowed: name the origins.")
        for one in entry.conditions:
            for pattern in (*one.origin_patterns, *one.path_patterns, *(pattern for _, pattern in one.header_patterns)):
                _check_pattern(pattern)


def to_plain(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return entries as what JSON can hold."""
    return [asdict(entry) for entry in entries]


def from_plain(plain: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Return the entries that ``to_plain`` was given."""
    return [
        Entry(
            tuple(
                Condition(
                    methods=tuple(one["methods"]),
                    origins=tuple(one["origins"]),
                    origin_patterns=tuple(one["origin_patterns"]),
                    path_patterns=tuple(one["path_patterns"]),
                    header_patterns=tuple((name, pattern) for name, pattern in one["header_patterns"]),
                )
                for one in entry["conditions"]
            ),
            Permission(
                origin=entry["permission"]["origin"],
                methods=tuple(entry["permission"]["methods"]),
                headers=tuple(entry["permission"]["headers"]),
                max_age=entry["permission"]["max_age"],
                others=tuple((name, value) for name, value in entry["permission"]["others"]),
            ),
        )
        for entry in plain
    ]


def _any_fits(patterns: Sequence[str], text: str) -> bool:
    return any(re.fullmatch(pattern, text) for pattern in patterns)


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise Invalid("regex", f"The regular expression cannot be read: {error}.", value=pattern[:200]) from None
