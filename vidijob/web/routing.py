"""A table of routes: method, path, handler, role. No route can be entered without saying which role it needs.

Paths are matched segment by segment, undecoded, with the matrix part (``;name=value``) cut off before, which aiohttp's
own router cannot do (contract 4.5); a trailing slash does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import unquote

from vidijob.access import User
from vidijob.errors import Invalid
from vidijob.web.negotiate import Form

Handler = TypeVar("Handler")

#: In place of a segment that is a name.
_ANY = "{}"
#: So many kinds of paths are remembered with what fits them; there are as many as clients make up.
_REMEMBERED = 1000


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


@dataclass(slots=True)
class Target:
    """The path of a request, taken apart. Not frozen, since each request makes one."""

    segments: tuple[str, ...]
    #: ``name=value`` pairs of the matrix part, still encoded.
    matrix: tuple[str, ...]


def target(raw_path: str) -> Target:
    """Take an undecoded path apart; raises ``Invalid`` for bytes that are not UTF-8."""
    if "%" not in raw_path and ";" not in raw_path:
        return Target(tuple(filter(None, raw_path.split("/"))), ())
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
        # Taken apart once: every request comes by here. What differs only in what it calls the names is one path.
        shapes: dict[tuple[str, ...], list[Route[Handler]]] = {}
        for route in self.routes:
            shape = tuple(_ANY if part.startswith("{") else part for part in route.segments)
            shapes.setdefault(shape, []).append(route)
        self._paths = [_Path(shape, routes) for shape, routes in shapes.items()]
        self._longest = max(map(len, shapes), default=0)
        #: All that stands in a path by itself: anything else is a name, whatever it is.
        self._words = frozenset(part for shape in shapes for part in shape if part != _ANY)
        #: The paths that fit, once they were looked for.
        self._fitting = lru_cache(_REMEMBERED)(self._look_for)

    def find(
        self, method: str, segments: tuple[str, ...]
    ) -> tuple[Route[Handler] | None, Mapping[str, str], Sequence[str]]:
        """Return the route, the values of its names, and the methods that the path knows at all.

        A fixed segment goes before a name: ``/job/problem`` is not the job ``problem``.
        """
        words = self._words
        if len(segments) > self._longest:
            return None, {}, ()
        fitting, allowed = self._fitting(tuple([part if part in words else _ANY for part in segments]))
        # HEAD is GET without its body; the server leaves the body out.
        wanted = "GET" if method == "HEAD" else method
        for path in fitting:
            route = path.routes.get(wanted)
            if route is not None:
                return route, path.named(wanted, segments), allowed
        return None, {}, allowed

    def _look_for(self, segments: tuple[str, ...]) -> tuple[Sequence[_Path[Handler]], Sequence[str]]:
        """Return the paths with the fewest names that fit, and the methods that they know."""
        fitting = [path for path in self._paths if path.fits(segments)]
        fewest = min((path.names for path in fitting), default=0)
        fitting = [path for path in fitting if path.names == fewest]
        return fitting, sorted({one for path in fitting for one in path.routes})


class _Path(Generic[Handler]):
    """A path with all its routes."""

    def __init__(self, shape: tuple[str, ...], routes: Sequence[Route[Handler]]) -> None:
        #: A word or any name, for each segment.
        self._shape = shape
        #: By method; of two of the same, the first.
        self.routes = {route.method: route for route in reversed(routes)}
        self._places = {
            method: [(place, part[1:-1]) for place, part in enumerate(route.segments) if part.startswith("{")]
            for method, route in self.routes.items()
        }
        #: How many of its segments may be anything.
        self.names = shape.count(_ANY)

    def fits(self, segments: Sequence[str]) -> bool:
        """Tell whether segments are such a path."""
        return len(segments) == len(self._shape) and all(
            part in (_ANY, segment) for part, segment in zip(self._shape, segments, strict=True)
        )

    def named(self, method: str, segments: Sequence[str]) -> dict[str, str]:
        """Return what the segments stand for."""
        return {name: segments[place] for place, name in self._places[method]}
