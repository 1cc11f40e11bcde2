"""How fast lists, hits and facets are, by the store's own functions, in one snapshot as the engine asks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from vidijob.bench.figures import Deed, Figure, by_turns
from vidijob.bench.filling import fill
from vidijob.errors import SetupError
from vidijob.jobs.search import DataCondition, FacetField, Filter, Order, SortField
from vidijob.store import bench, search
from vidijob.store.database import Database, Session
from vidijob.store.migrate import migrate

SMALL = 100_000
_PAGE = 100
#: Page 10,000 begins behind so many jobs.
_DEEP = 1_000_000
_ALL = Filter()
_NEWEST = (Order(SortField.ID, descending=True),)
_FACETS: Sequence[tuple[FacetField | None, Filter]] = [(None, _ALL), *((field, _ALL) for field in FacetField)]
#: One of a thousand jobs, and one of twenty.
_CONDITIONS = (DataCondition("project", "p7"), DataCondition("site", "s3"))
#: The owner of a hundredth of all jobs, as they are filled in.
_OWNER = "user45"


async def figures(
    database: Database, small: Database, *, rounds: int, small_number: int = SMALL
) -> AsyncIterator[Figure]:
    """Measure a database that was filled, beside one with few jobs, which is filled for that."""
    if await bench.is_empty(database):
        raise SetupError("There are no jobs to search: fill the database first (vidijob bench fill 1000000).")
    await migrate(small)
    await fill(small, small_number, steps=0)
    async with database.snapshot() as large, small.snapshot() as few:
        hits, few_hits = await search.hits(large, _ALL), await search.hits(few, _ALL)
        yield await _facets(large, rounds)
        for wanted, whose in ((_ALL, "all"), (Filter(owner=_OWNER), f"of {_OWNER}")):
            for field in SortField:
                for order in (Order(field), Order(field, descending=True)):
                    here = _page(large, wanted, [order], 1, await search.hits(large, wanted))
                    there = _page(few, wanted, [order], 1, await search.hits(few, wanted))
                    this, other = await by_turns(here, there, rounds)
                    name = f"first page by {field.value}{' desc' if order.descending else ''}, {whose}"
                    yield Figure(name, this, other, f"with {few_hits} jobs")
        deep = min(_DEEP, hits - _PAGE)
        for field in SortField:
            order = Order(field, descending=True)
            this, other = await by_turns(
                _page(large, _ALL, [order], deep + 1, hits), _page(large, _ALL, [order], 1, hits), rounds
            )
            yield Figure(f"page {deep // _PAGE} by {field.value} desc", this, other, "its first page")
        for condition in _CONDITIONS:
            yield await _data(large, condition, rounds)


async def _facets(session: Session, rounds: int) -> Figure:
    this, other = await by_turns(lambda: search.tallies(session, _ALL, _FACETS), lambda: bench.group(session), rounds)
    whole, *facets = await search.tallies(session, _ALL, _FACETS)
    counted: list[Counter[str]] = [Counter() for _ in FacetField]
    for *values, jobs in await bench.group(session):
        for counts, value in zip(counted, values, strict=True):
            counts[str(value)] += int(jobs)
    equal = facets == counted and whole == {"": counted[0].total()}
    return Figure("hits and facets", this, other, "GROUP BY", "equal to it" if equal else "NOT EQUAL TO IT")


def _page(session: Session, wanted: Filter, order: Sequence[Order], first: int, hits: int) -> Deed:
    return lambda: search.page(session, wanted, order, first=first, number=_PAGE, hits=hits)


async def _data(session: Session, condition: DataCondition, rounds: int) -> Figure:
    wanted = Filter(data=[condition])
    hits = await search.hits(session, wanted)
    this, other = await by_turns(
        lambda: search.tallies(session, wanted, _FACETS), lambda: search.hits(session, wanted), rounds
    )
    each = f"{1000 * this / hits:.2f} µs per job" if hits else "no job"
    return Figure(f"facets of {condition.key}={condition.value} ({hits} jobs)", this, other, "its hits", each)


@asynccontextmanager
async def second_database(database: Database) -> AsyncIterator[Database]:
    """Make a database on the same server, for as long as it is used."""
    second = await bench.make_second(database)
    try:
        await second.open()
        yield second
    finally:
        await second.close()
        await bench.drop_second(database)
