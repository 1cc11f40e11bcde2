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
        #: Paths without names, and the others by length and first segment.
        self._exact: dict[tuple[str, ...], _Path[Handler]] = {}
        self._named: dict[tuple[int, str], list[_Path[Handler]]] = {}
        for shape, routes in shapes.items():
            if _ANY in shape:
                self._named.setdefault((len(shape), shape[0]), []).append(_Path(shape, routes))
            else:
                self._exact[shape] = _Path(shape, routes)

    def find(
        self, method: str, segments: tuple[str, ...]
    ) -> tuple[Route[Handler] | None, Mapping[str, str], Sequence[str]]:
        """Return the route, the values of its names, and the methods that the path knows at all.

        A fixed segment goes before a name: ``/job/problem`` is not the job ``problem``.
        """
        exact = self._exact.get(segments)
        fitting = [exact] if exact is not None else self._fitting(segments)
        # HEAD is GET without its body; the server leaves the body out.
        wanted = "GET" if method == "HEAD" else method
        allowed = fitting[0].methods if len(fitting) == 1 else sorted({one for path in fitting for one in path.methods})
        for path in fitting:
            if wanted in path.routes:
                return path.routes[wanted], path.named(wanted, segments), allowed
        return None, {}, allowed

    def _fitting(self, segments: tuple[str, ...]) -> list[_Path[Handler]]:
        """Return the paths with the fewest names that fit."""
        if not segments:
            return []
        length, start = len(segments), segments[0]
        candidates = self._named.get((length, start), []) if start != _ANY else []
        candidates = candidates + self._named.get((length, _ANY), [])
        fitting = [path for path in candidates if path.fits(segments)]
        if len(fitting) > 1:
            fewest = min(path.names for path in fitting)
            fitting = [path for path in fitting if path.names == fewest]
        return fitting


class _Path(Generic[Handler]):
    """A path with all its routes."""

    def __init__(self, shape: tuple[str, ...], routes: Sequence[Route[Handler]]) -> None:
        #: What stands at which place but the first; elsewhere there is a name.
        self._fixed = [(place, part) for place, part in enumerate(shape) if place and part != _ANY]
        #: By method; of two of the same, the first.
        self.routes = {route.method: route for route in reversed(routes)}
        self._places = {
            method: [(place, part[1:-1]) for place, part in enumerate(route.segments) if part.startswith("{")]
            for method, route in self.routes.items()
        }
        #: How many of its segments may be anything.
        self.names = shape.count(_ANY)
        self.methods = sorted(self.routes)

    def fits(self, segments: Sequence[str]) -> bool:
        """Tell whether as many segments, the first of which may be its own, are such a path."""
        for place, part in self._fixed:  # noqa: SIM110 - a generator costs more than what it tells
            if segments[place] != part:
                return False
        return True

    def named(self, method: str, segments: Sequence[str]) -> dict[str, str]:
        """Return what the segments stand for."""
        return {name: segments[place] for place, name in self._places[method]}
