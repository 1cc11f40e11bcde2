"""Goes through a list that is sorted by type, state, user or priority one value after the other: the counts say which values
there are and how many jobs of each, so that whole values are passed over, and one value's jobs are in the order of the id,
for which there is an index whatever the filter. Of states there are few, and no index has their order: by them a list is gone
through even where nothing was counted. It fetches no jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vidijob.jobs.model import Priority
from vidijob.jobs.search import Filter, Order, Position, SortField
from vidijob.jobs.states import JobState
from vidijob.store.database import Session
from vidijob.store.search_statement import Statement

_FIELDS = frozenset({SortField.TYPE, SortField.STATE, SortField.USER, SortField.PRIORITY})
#: Jobs that are gone through rather than fetching all of a value and sorting them.
_FAR = 20_000
#: A page of more values than these, of few jobs each, is sorted instead.
_MOST = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a page: some of the jobs of one value."""

    wanted: Filter
    order: tuple[Order, ...]
    offset: int
    number: int
    #: How many the filter finds; ``None`` where that is not known, or where only those after a position count.
    hits: int | None
    #: Whether one would have to go far through all that the list has to find so many of this value.
    far: bool
    after: Position | None = None


def is_shorter(wanted: Filter, order: Sequence[Order], offset: int) -> bool:
    """Tell whether to go by value; but for states, where nothing is left out and nothing passed over, an index has just that
    order.
    """
    if order[0].field is SortField.STATE:
        return wanted.by_kind or not (offset or wanted.data)
    if not wanted.by_kind or len(order) != 2 or order[0].field not in _FIELDS:
        return False
    return offset > 0 or wanted != Filter() or order[0].descending != order[1].descending


async def pieces(
    session: Session,
    wanted: Filter,
    order: Sequence[Order],
    *,
    offset: int,
    number: int,
    after: Position | None = None,
) -> list[Piece] | None:
    """Return what a page consists of, in order, and perhaps more than that; ``None``: of too many values."""
    field, rest = order[0], tuple(order[1:])
    by_state = field.field is SortField.STATE
    # Where each state has an index of just these jobs, to count them would take longer.
    uncounted = by_state and not offset and (wanted == Filter(owner=wanted.owner) or not wanted.by_kind)
    values = _states(wanted, field) if uncounted else await _values(session, wanted, field)
    total = sum(jobs or 0 for _, jobs in values)
    found: list[Piece] = []
    if after is not None:
        last = str(after.values[0])
        place = next((place for place, (value, _) in enumerate(values) if value == last), None)
        if place is not None:
            beyond = Position(rest, after.values[1:])
            far = number * total > _FAR * (values[place][1] or 1)
            found.append(Piece(_of(wanted, field.field, last), rest, 0, number, None, far, beyond))
            # How many of these follow is not known: as many as would be needed if none did are looked for after them.
            values = values[place + 1 :]
        elif by_state:
            values = [(value, jobs) for value, jobs in values if (value < last if field.descending else value > last)]
        else:
            return None
    for value, jobs in values:
        if jobs is not None and offset >= jobs:
            offset -= jobs
            continue
        if number <= 0:
            break
        taken = number if jobs is None else min(number, jobs - offset)
        far = jobs is not None and (offset + taken) * total > _FAR * jobs
        found.append(Piece(_of(wanted, field.field, value), rest, offset, taken, jobs, far))
        if jobs is not None:
            number, offset = number - taken, 0
    return found if by_state or len(found) <= _MOST else None


async def _values(session: Session, wanted: Filter, field: Order) -> list[tuple[str, int | None]]:
    statement = Statement("values")
    statement.values(wanted, field.field)
    values: list[tuple[str, int | None]] = [(row["value"], row["jobs"]) for row in await statement.run(session)]
    return values[::-1] if field.descending else values


def _states(wanted: Filter, field: Order) -> list[tuple[str, int | None]]:
    """Return the states that there may be, not counted."""
    states = set(JobState if wanted.states is None else wanted.states)
    return [(state.value, None) for state in sorted(states, reverse=field.descending)]


def _of(wanted: Filter, field: SortField, value: str) -> Filter:
    """Narrow a filter, which is known to find jobs of that value, to them."""
    match field:
        case SortField.TYPE:
            return replace(wanted, types=[value])
        case SortField.STATE:
            return replace(wanted, states=[JobState(value)])
        case SortField.USER:
            return replace(wanted, owner=value, owners=None)
        case _:
            return replace(wanted, priorities=[Priority(value)])
