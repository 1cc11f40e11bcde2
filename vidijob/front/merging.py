"""How lists of several sites become one, exactly as one database would give it. Pure.

The number of a job counts before its site, and sites are in the order in which the front names them, turned round where the
numbers are: so ``VX-5`` and ``VY-5`` are never equal, and ``desc`` is ``asc`` backwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vidijob.api.vidispine.translate import cursor
from vidijob.api.vidispine.translate.parts import Counted, Part, Values, position
from vidijob.errors import Invalid
from vidijob.jobs.model import Priority
from vidijob.jobs.search import FacetField, FacetResult, Order, Position, SortField, facet

_RANKS = {priority.value: priority.rank for priority in Priority}


class _Down:
    """A text whose order is turned round."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: _Down) -> bool:
        return other.text < self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and other.text == self.text

    __hash__ = None  # type: ignore[assignment]


#: What jobs are compared by.
Key = tuple[object, ...]


def key(order: Sequence[Order], values: Values, rank: int) -> Key:
    """Return what a job of the site in that place is compared by; ``order`` ends with the id."""
    found: list[object] = []
    for one, value in zip(order, values, strict=True):
        if one.field is SortField.PRIORITY:
            value = _RANKS[str(value)]
        if one.field is SortField.FINISHED:
            # Who has not ended comes after all who have, as in Postgres.
            found.append((value is None) != one.descending)
            value = value or ""
        if isinstance(value, int):
            found.append(-value if one.descending else value)
        else:
            text = str(value)
            found.append(_Down(text) if one.descending else text)
    found.append(-rank if order[-1].descending else rank)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a merged list ends: the last job, and the place of its site."""

    position: Position
    rank: int

    def of(self, rank: int) -> Position:
        """Return the position in the list of a site after which its jobs follow this one."""
        order = self.position.order
        *others, number = self.position.values
        assert isinstance(number, int)
        # A job of the same number follows if its site does.
        down = order[-1].descending
        follows = rank < self.rank if down else rank > self.rank
        moved = number + (1 if down else -1) if follows else number
        return Position(order, (*others, moved))


def place(order: tuple[Order, ...], values: Values, rank: int) -> Place:
    """Return the place of a job."""
    return Place(position(order, values), rank)


def write_cursor(found: Place, names: Sequence[str]) -> str:
    """Return a place as the word of ``Next-Cursor``: that of one server, behind the name of a site."""
    return f"{names[found.rank]}.{cursor.write(found.position)}"


def read_cursor(word: str | None, names: Sequence[str], first: int) -> Place | None:
    """Read a place; raises ``Invalid`` for what is none."""
    if word is None:
        return None
    name, separator, rest = word.partition(".")
    if not separator or name not in names:
        raise Invalid("cursor", f"This is no cursor; one is in the header {cursor.HEADER} of a page.", value=word[:100])
    found = cursor.read(rest, (), first)
    assert found is not None
    return Place(found, names.index(name))


def known_together(parts: Iterable[Sequence[str]], field: FacetField) -> list[str]:
    """Return the values that can occur anywhere: those of the first site in its order, then those of others."""
    together = list(dict.fromkeys(value for part in parts for value in part))
    # Users are listed by name.
    return sorted(together) if field is FacetField.USER else together


def facets(parts: Sequence[Part]) -> list[FacetResult]:
    """Add up the counts of all sites; the limits of each facet hold for the sums."""
    return [_facet(same) for same in zip(*(part.facets for part in parts), strict=True)]


def _facet(same: Sequence[Counted]) -> FacetResult:
    request = same[0].request
    sums: Counter[str] = Counter()
    for one in same:
        sums.update({value: count for value, count in one.counts if count})
    return facet(request, sums, known_together([one.known for one in same], request.field))
