"""What lies beyond a position in an order, as comparisons that an index can follow. Pure; it writes no SQL.

Only the time of the end can be missing, and who has none comes after all that do, as in Postgres: first of all where the
direction is down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from vidijob.jobs.search import Order, Position, SortField

Bound = Literal["ended", "not_ended"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Fields, compared one after the other with values of the same order."""

    fields: tuple[SortField, ...]
    sign: Literal["<", ">", "="]
    values: tuple[object, ...]


#: All of these hold.
Term = Sequence[Comparison | Bound]
#: One of these holds.
Stretch = Sequence[Term]


def stretches(position: Position) -> list[Stretch]:
    """Return what lies beyond, as stretches that follow each other; most often it is one."""
    order, values = position.order, position.values
    fields = tuple(one.field for one in order)
    if SortField.FINISHED not in fields:
        if len({one.descending for one in order}) == 1:
            return [[[Comparison(fields, _sign(order[0]), values)]]]
        return [list(_alternatives(position))]
    if fields != (SortField.FINISHED, SortField.ID) or order[0].descending != order[1].descending:
        return [list(_alternatives(position))]
    # Where both are asked for at once, an index cannot be entered at the position.
    finished, id = values
    down = order[0].descending
    if finished is not None:
        ended: Stretch = [[Comparison(fields, _sign(order[0]), values)]]
        return [ended] if down else [ended, [["not_ended"]]]
    others: Stretch = [["not_ended", Comparison(fields[1:], _sign(order[1]), (id,))]]
    return [others, [["ended"]]] if down else [others]


def _alternatives(position: Position) -> Iterator[Term]:
    """Yield: the first field is beyond, or it is equal and the second one is beyond, and so on."""
    before: list[Comparison | Bound] = []
    for one, value in zip(position.order, position.values, strict=True):
        for beyond in _beyond(one, value):
            yield [*before, beyond]
        before.append("not_ended" if value is None else Comparison((one.field,), "=", (value,)))


def _beyond(one: Order, value: object) -> Iterator[Comparison | Bound]:
    if value is None:
        if one.descending:
            yield "ended"
        return
    yield Comparison((one.field,), _sign(one), (value,))
    if one.field is SortField.FINISHED and not one.descending:
        yield "not_ended"


def _sign(one: Order) -> Literal["<", ">"]:
    return "<" if one.descending else ">"
