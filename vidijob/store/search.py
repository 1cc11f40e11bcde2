"""Finds and counts jobs. It knows no facets and no HTTP.

What asks only for type, state, user and priority is counted from the counts (``counts.py``), which are exact in the same
snapshot; anything else from the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.jobs.model import Job
from vidijob.jobs.search import FacetField, Filter, Order, Position, complete
from vidijob.store import jobs, walk
from vidijob.store.database import Session
from vidijob.store.keyset import Stretch, stretches
from vidijob.store.search_statement import Statement
from vidijob.store.walk import Piece

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
    if walk.is_shorter(wanted, order, offset):
        pieces = await walk.pieces(session, wanted, order, offset=offset, number=number)
        if pieces is not None:
            return [job for piece in pieces for job in await _piece(session, piece)]
    few = hits is not None and hits <= _FEW
    return await _page(session, wanted, order, offset=offset, number=number, hits=hits, few=few)


async def page_after(session: Session, wanted: Filter, after: Position, *, number: int) -> list[Job]:
    """Return the jobs that follow a position in its order; it takes no longer the farther that is."""
    if walk.is_shorter(wanted, after.order, 0):
        pieces = await walk.pieces(session, wanted, after.order, offset=0, number=number, after=after)
        if pieces is not None:
            found: list[Job] = []
            for piece in pieces:
                if len(found) < number:
                    found += await _piece(session, piece)
            return found[:number]
    found = []
    for stretch in stretches(after):
        if len(found) < number:
            found += await _page(
                session, wanted, after.order, offset=0, number=number - len(found), hits=None, beyond=stretch
            )
    return found


async def _page(
    session: Session,
    wanted: Filter,
    order: Sequence[Order],
    *,
    offset: int,
    number: int,
    hits: int | None,
    few: bool = False,
    among_owned: bool = False,
    beyond: Stretch | None = None,
) -> list[Job]:
    backward = hits is not None and 0 < offset < hits and hits - offset - number < offset
    if hits is not None and backward:
        # It is nearer from the end.
        number = min(number, hits - offset)
        order, offset = [one.reversed for one in order], hits - offset - number
    statement = Statement("page")
    statement.page(wanted, order, offset=offset, number=number, few=few, among_owned=among_owned, beyond=beyond)
    found = [jobs.from_row(row) for row in await statement.run(session)]
    return found[::-1] if backward else found


async def _piece(session: Session, piece: Piece) -> list[Job]:
    beyond = None if piece.after is None else stretches(piece.after)[0]
    among_owned = piece.wanted.owner is not None and piece.wanted.states is None
    few = piece.far if among_owned else piece.hits is not None and piece.hits <= _FEW
    return await _page(
        session,
        piece.wanted,
        piece.order,
        offset=piece.offset,
        number=piece.number,
        hits=piece.hits,
        few=few,
        among_owned=among_owned,
        beyond=beyond,
    )


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
