"""Finds and counts jobs. It knows no facets and no HTTP.

What asks only for type, state, user and priority is counted from the counts (``counts.py``), which are exact in the same
snapshot; anything else from the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidijob.jobs.model import Job, JobId
from vidijob.jobs.search import FacetField, Filter, Order, Position, complete
from vidijob.store import jobs, walk
from vidijob.store.database import Session
from vidijob.store.keyset import Stretch, stretches
from vidijob.store.search_statement import Statement
from vidijob.store.walk import Piece

if TYPE_CHECKING:
    from asyncpg import Record

#: A job and a number that is another one after whatever change of it: that of the transaction that made its row.
Version = tuple[JobId, int]
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
    rows = await _rows(session, wanted, order, first=first, number=number, hits=hits, versions=False)
    return [jobs.from_row(row) for row in rows]


async def versions(
    session: Session,
    wanted: Filter,
    order: Sequence[Order],
    *,
    first: int,
    number: int,
    hits: int | None = None,
) -> list[Version]:
    """Return which jobs such a page has, and the versions of them."""
    rows = await _rows(session, wanted, order, first=first, number=number, hits=hits, versions=True)
    return [(row["id"], row["version"]) for row in rows]


async def page_after(session: Session, wanted: Filter, after: Position, *, number: int) -> list[Job]:
    """Return the jobs that follow a position in its order; it takes no longer the farther that is."""
    found: list[Record] = []
    if walk.is_shorter(wanted, after.order, 0):
        pieces = await walk.pieces(session, wanted, after.order, offset=0, number=number, after=after)
        if pieces is not None:
            return [jobs.from_row(row) for row in await _pieces(session, pieces, number=number, versions=False)]
    for stretch in stretches(after):
        if len(found) < number:
            found += await _page(
                session, wanted, after.order, offset=0, number=number - len(found), hits=None, beyond=stretch
            )
    return [jobs.from_row(row) for row in found]


async def _rows(
    session: Session,
    wanted: Filter,
    order: Sequence[Order],
    *,
    first: int,
    number: int,
    hits: int | None,
    versions: bool,
) -> list[Record]:
    order, offset = complete(order), first - 1
    few = hits is not None and hits <= _FEW
    if walk.is_shorter(wanted, order, offset) and (wanted.by_kind or not few):
        pieces = await walk.pieces(session, wanted, order, offset=offset, number=number)
        if pieces is not None:
            return await _pieces(session, pieces, number=number, versions=versions)
    return await _page(session, wanted, order, offset=offset, number=number, hits=hits, few=few, versions=versions)


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
    versions: bool = False,
) -> list[Record]:
    backward = hits is not None and 0 < offset < hits and hits - offset - number < offset
    if hits is not None and backward:
        # It is nearer from the end.
        number = min(number, hits - offset)
        order, offset = [one.reversed for one in order], hits - offset - number
    statement = Statement("page")
    statement.page(
        wanted,
        order,
        offset=offset,
        number=number,
        few=few,
        among_owned=among_owned,
        beyond=beyond,
        versions=versions,
    )
    found = await statement.run(session)
    return found[::-1] if backward else found


async def _pieces(session: Session, pieces: Sequence[Piece], *, number: int, versions: bool) -> list[Record]:
    found: list[Record] = []
    for piece in pieces:
        for beyond in [None] if piece.after is None else stretches(piece.after):
            if len(found) < number:
                found += await _piece(session, piece, beyond, versions=versions)
    return found[:number]


async def _piece(session: Session, piece: Piece, beyond: Stretch | None, *, versions: bool) -> list[Record]:
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
        versions=versions,
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
