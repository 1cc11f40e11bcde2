"""Finds and counts jobs. It knows no facets and no HTTP.

What asks only for type, state, user and priority is counted from the counts (``counts.py``), which are exact in the same
snapshot; anything else from the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.jobs.model import Job
from vidijob.jobs.search import FacetField, Filter, Order, Position, complete
from vidijob.store import jobs
from vidijob.store.database import Session
from vidijob.store.keyset import stretches
from vidijob.store.search_statement import Statement

#: So few are all fetched and sorted, by whichever index finds them; the planner might look for them along the order.
_FEW = 1000


async def page(
    session: Session,
    wanted: Filter,
    order: Sequence[Order],
    *,
    first: int,
    number: int,
    hits: int | None = None,
) -> list[Job]:
    """Return a page of jobs; ``first`` counts from 1. ``hits`` is how many there are in all, where that is known."""
    order, offset = complete(order), first - 1
    backward = hits is not None and 0 < offset < hits and hits - offset - number < offset
    if hits is not None and backward:
        # It is nearer from the end.
        number = min(number, hits - offset)
        order, offset = [one.reversed for one in order], hits - offset - number
    statement = Statement("page")
    statement.page(wanted, order, offset=offset, number=number, few=hits is not None and hits <= _FEW)
    found = [jobs.from_row(row) for row in await statement.run(session)]
    return found[::-1] if backward else found


async def page_after(session: Session, wanted: Filter, after: Position, *, number: int) -> list[Job]:
    """Return the jobs that follow a position in its order; it takes no longer the farther that is."""
    found: list[Job] = []
    for stretch in stretches(after):
        if len(found) < number:
            statement = Statement("page_after")
            statement.page(wanted, after.order, offset=0, number=number - len(found), beyond=stretch)
            found += [jobs.from_row(row) for row in await statement.run(session)]
    return found


async def hits(session: Session, wanted: Filter) -> int:
    """Return how many jobs a filter finds."""
    statement = Statement("hits")
    statement.hits(wanted)
    (row,) = await statement.run(session)
    return int(row["hits"])


async def tallies(
    session: Session, wanted: Filter, asked: Sequence[tuple[FacetField | None, Filter]]
) -> list[dict[str, int]]:
    """Count what a filter finds several times over in one go: for each field and further filter, how many jobs there are
    of each value; for no field, how many there are, under ``""``. The further filters know only types, states and owners.
    """
    statement = Statement("tallies")
    statement.tallies(wanted, asked)
    counted: list[dict[str, int]] = [{} for _ in asked]
    for row in await statement.run(session):
        if row["jobs"]:
            counted[row["place"]][row["value"]] = row["jobs"]
    return counted
