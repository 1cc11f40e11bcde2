"""A table of routes: method, path, handler, role. No route can be entered without saying which role it needs.

Paths are matched segment by segment, undecoded, with the matrix part (``;name=value``) cut off before, which aiohttp's
own router cannot do (contract 4.5); a trailing slash does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar
from urllib.parse import unquote

from vidijob.access import User
from vidijob.errors import Invalid
from vidijob.web.negotiate import Form

Handler = TypeVar("Handler")

#: In place of the first segment of a path that begins with a name.
_ANY = "{}"


class Open(Enum):
    """Who may use a route that needs no role."""

    #: Whoever has logged in.
    TO_USERS = "to users"
    #: Everybody.
    TO_ALL = "to all"


@dataclass(frozen=True, slots=True)
class Own:
    """A route that is open to one user, and to whoever has a role."""

    #: The part of the path that names the user.
    name: str
    role: str
    #: Whether that user must have logged in itself, without anybody who acts as it.
    in_person: bool = False


#: A role, several of which one is enough, or none.
Needed = str | frozenset[str] | Own | Open


def admits(needed: Needed, user: User, path: Mapping[str, str]) -> bool:
    """Tell whether a user may enter a route whose path has these names."""
    match needed:
        case Open():
            return True
        case Own(name=name, role=role, in_person=in_person):
            return user.has(role) or (path[name] == user.name and not (in_person and user.behind is not None))
        case str():
            return user.has(needed)
        case _:
            return not user.roles.isdisjoint(needed)


def role_named(needed: Needed) -> str:
    """Return the role that who may not enter is told to lack."""
    match needed:
        case Open():
            return ""
        case Own(role=role):
            return role
        case str():
            return needed
        case _:
            return " or ".join(sorted(needed))


@dataclass(frozen=True, slots=True)
class Route(Generic[Handler]):
    """One operation."""

    method: str
    #: ``/job/{id}/re-run``; a name in braces takes one segment.
    path: str
    handler: Handler
    #: The role it needs.
    role: Needed
    #: The forms of its answer, the first for whoever has no preference; none: the answer is empty.
    produces: Sequence[Form] = ()

    @property
    def segments(self) -> tuple[str, ...]:
        """Return the path in parts."""
        return tuple(part for part in self.path.split("/") if part)


@dataclass(frozen=True, slots=True)
class Target:
    """The path of a request, taken apart."""

    segments: tuple[str, ...]
    #: ``name=value`` pairs of the matrix part, still encoded.
    matrix: tuple[str, ...]


def target(raw_path: str) -> Target:
    """Take an undecoded path apart; raises ``Invalid`` for bytes that are not UTF-8."""
    segments, matrix = [], []
    for part in raw_path.split("/"):
        name, *pairs = part.split(";")
        matrix += [pair for pair in pairs if pair]
        if name:
            try:
                segments.append(unquote(name, errors="strict"))
            except UnicodeDecodeError:
                raise Invalid("path", "The path is not UTF-8.", value=name) from None
    return Target(tuple(segments), tuple(matrix))


class RouteTable(Generic[Handler]):
    """The routes of one face."""

    def __init__(self, routes: Sequence[Route[Handler]]) -> None:
        self.routes = tuple(routes)
        # Taken apart once, and by length and first segment: every request comes by here.
        self._by_start: dict[tuple[int, str], list[tuple[Sequence[str], Route[Handler]]]] = {}
        for route in self.routes:
            start = route.segments[0] if route.segments else ""
            key = len(route.segments), _ANY if start.startswith("{") else start
            self._by_start.setdefault(key, []).append((route.segments, route))

    def find(self, method: str, segments: Sequence[str]) -> tuple[Route[Handler] | None, Mapping[str, str], list[str]]:
        """Return the route, the values of its names, and the methods that the path knows at all.

        A fixed segment goes before a name: ``/job/problem`` is not the job ``problem``.
        """
        start = segments[0] if segments else ""
        candidates = self._by_start.get((len(segments), start), ()) if start != _ANY else ()
        others = self._by_start.get((len(segments), _ANY), ())
        fitting = [
            (route, names)
            for several in (candidates, others)
            for parts, route in several
            if (names := _match(parts, segments)) is not None
        ]
        fewest = min((len(names) for _, names in fitting), default=0)
        fitting = [found for found in fitting if len(found[1]) == fewest]
        allowed = sorted({route.method for route, _ in fitting})
        # HEAD is GET without its body; the server leaves the body out.
        wanted = "GET" if method == "HEAD" else method
        for route, names in fitting:
            if route.method == wanted:
                return route, names, allowed
        return None, {}, allowed


def _match(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    names = {}
    for part, segment in zip(pattern, segments, strict=True):
        if part == segment and not part.startswith("{"):
            continue
        if not part.startswith("{"):
            return None
        names[part[1:-1]] = segment
    return names
