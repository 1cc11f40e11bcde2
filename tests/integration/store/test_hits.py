"""How many jobs a filter finds, and which: compared with counting by hand."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from vidijob.jobs.model import Priority
from vidijob.jobs.search import DataCondition, FacetField, Filter, Order, Position, SortField, complete
from vidijob.jobs.states import ENDED, JobState
from vidijob.store import places, search
from vidijob.store.database import Database

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
TYPES = ["COPY_FILE", "TRANSCODE", "OWN"]
OWNERS = ["admin", "jürgen", "o'Brien"]
VALUES = ["a", "ab", "abc", "100%", "a_c", "a\\c", "", "ä", "A", "*"]
KEYS = ["tag", "tag:String", "tag:StringArray", "other"]
#: Half of what there is is counted, the other half is still to be folded.
RECOUNT = """
    INSERT INTO lease (job_id, step, number, worker, expires_at)
    SELECT id, 100, id, gen_random_uuid(), 'infinity' FROM job WHERE state = 'STARTED';
    INSERT INTO job_count (type, state, owner, priority, jobs)
    SELECT type, state, owner, priority, count(*) FROM job WHERE id % 2 = 0 GROUP BY type, state, owner, priority;
    INSERT INTO job_count_change (type, new_state, owner, priority, jobs)
    SELECT type, state, owner, priority, 1 FROM job WHERE id % 2 = 1;
"""


@dataclass(frozen=True)
class Row:
    """A job as it was stored."""

    id: int
    type: str
    state: JobState
    priority: Priority
    owner: str
    started: datetime
    finished: datetime | None
    data: dict[str, list[str]]


def some_rows(chance: random.Random, number: int) -> list[Row]:
    """Make jobs of all kinds, with many that are equal in something."""
    rows = []
    for id in range(1, number + 1):
        state = chance.choice(list(JobState))
        started = NOON + timedelta(milliseconds=chance.randrange(20))
        finished = started + timedelta(milliseconds=chance.randrange(20)) if state in ENDED else None
        keys = chance.sample(KEYS, chance.randrange(4))
        data = {key: chance.choices(VALUES, k=chance.randrange(1, 3)) for key in keys}
        kind, priority, owner = chance.choice(TYPES), chance.choice(list(Priority)), chance.choice(OWNERS)
        rows.append(Row(id, kind, state, priority, owner, started, finished, data))
    return rows


async def store(url: str, rows: Sequence[Row]) -> None:
    """Put jobs into the database as they are."""
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(
            "INSERT INTO job (id, type, state, priority, owner, started, finished, data, total_steps, verdict)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)",
            [
                (
                    row.id, row.type, row.state.value, row.priority.value, row.owner, row.started, row.finished,
                    orjson.dumps(row.data).decode(), row.state.value if row.finished else None,
                )
                for row in rows
            ],
        )  # fmt: skip
        await connection.execute(RECOUNT)
    finally:
        await connection.close()


def fits(row: Row, wanted: Filter) -> bool:
    """Tell whether a filter finds a job."""
    finished = row.finished
    return (
        wanted.owner in (None, row.owner)
        and (wanted.owners is None or row.owner in wanted.owners)
        and (wanted.types is None or row.type in wanted.types)
        and (wanted.states is None or row.state in wanted.states)
        and (wanted.priorities is None or row.priority in wanted.priorities)
        and (wanted.started_from is None or row.started >= wanted.started_from)
        and (wanted.started_to is None or row.started <= wanted.started_to)
        and (wanted.finished_from is None or (finished is not None and finished >= wanted.finished_from))
        and (wanted.finished_to is None or (finished is not None and finished <= wanted.finished_to))
        and all(has(row.data, condition) for condition in wanted.data)
    )


def has(data: dict[str, list[str]], condition: DataCondition) -> bool:
    """Tell whether job data has a key, typed or not, with a value like that."""
    pattern = ".*".join(re.escape(part) for part in condition.value.split("*"))
    keys = [condition.key, f"{condition.key}:String", f"{condition.key}:StringArray"]
    return any(re.fullmatch(pattern, value, re.DOTALL) for key in keys for value in data.get(key, []))


def some_filter(chance: random.Random) -> Filter:
    """Make a filter of a few conditions."""

    def moment() -> datetime:
        return NOON + timedelta(milliseconds=chance.randrange(40))

    wanted = Filter()
    for name in chance.sample(
        ["owner", "owners", "types", "states", "priorities", "started_from", "started_to", "finished_from",
         "finished_to", "data"], chance.randrange(4),
    ):  # fmt: skip
        match name:
            case "owner":
                wanted = replace(wanted, owner=chance.choice([*OWNERS, "nobody"]))
            case "owners":
                wanted = replace(wanted, owners=chance.sample(OWNERS, chance.randrange(3)))
            case "types":
                wanted = replace(wanted, types=chance.sample([*TYPES, "UNKNOWN"], chance.randrange(4)))
            case "states":
                wanted = replace(wanted, states=chance.sample(list(JobState), chance.randrange(5)))
            case "priorities":
                wanted = replace(wanted, priorities=chance.sample(list(Priority), chance.randrange(4)))
            case "data":
                values = [*VALUES, "a*", "*c", "a*c", "*%", "*_*", "*\\*", "**"]
                conditions = [DataCondition(chance.choice(["tag", "other", "none"]), chance.choice(values))]
                wanted = replace(wanted, data=conditions * chance.randrange(1, 3))
            case bound:
                wanted = replace(wanted, **{bound: moment()})  # type: ignore[arg-type]
    return wanted


async def test_hits_are_what_counting_by_hand_finds(database: Database, url: str) -> None:
    chance = random.Random(7)
    rows = some_rows(chance, 300)
    await store(url, rows)
    found = 0
    async with database.snapshot() as session:
        for _ in range(150):
            wanted = some_filter(chance)
            expected = [row for row in rows if fits(row, wanted)]
            found += bool(expected)
            assert await search.hits(session, wanted) == len(expected), wanted
            page = await search.page(session, wanted, [Order(SortField.ID)], first=1, number=1000)
            assert [job.id for job in page] == [row.id for row in expected], wanted
            listed = await places.find(session, wanted, [Order(SortField.ID, True)], first=3, number=100)
            assert listed.part(0, 1000) == [row.id for row in expected][::-1][2:102], wanted
            further = some_further(chance)
            asked = [(None, further), *((field, further) for field in FacetField), (FacetField.TYPE, Filter())]
            tallies = await search.tallies(session, wanted, asked)
            for (field, last), counted in zip(asked, tallies, strict=True):
                assert counted == Counter(value(row, field) for row in expected if fits(row, last)), (wanted, field)
    assert 50 < found < 150


def value(row: Row, field: FacetField | None) -> str:
    """Return what a job counts under a field."""
    match field:
        case None:
            return ""
        case FacetField.TYPE:
            return row.type
        case FacetField.STATE:
            return row.state.value
        case FacetField.USER:
            return row.owner


def some_further(chance: random.Random) -> Filter:
    """Make a filter by facet fields."""
    return Filter(
        types=chance.choice([None, TYPES[:2], [], TYPES[2:]]),
        states=chance.choice([None, [JobState.READY, JobState.FINISHED]]),
        owners=chance.choice([None, OWNERS[:1], OWNERS[1:]]),
    )


RANKS: dict[SortField, Callable[[Row], Any]] = {
    SortField.ID: lambda row: row.id,
    SortField.TYPE: lambda row: row.type.encode(),
    SortField.STATE: lambda row: row.state.value,
    SortField.USER: lambda row: row.owner.encode(),
    SortField.STARTED: lambda row: row.started,
    SortField.PRIORITY: lambda row: row.priority.rank,
    # Who has not ended comes after all that have.
    SortField.FINISHED: lambda row: (row.finished is None, row.finished or NOON),
}
ORDERS = [
    *([Order(field, down)] for field in SortField for down in (False, True)),
    [Order(SortField.USER), Order(SortField.TYPE, True)],
    [Order(SortField.STATE, True), Order(SortField.FINISHED), Order(SortField.ID)],
    [Order(SortField.FINISHED, True), Order(SortField.PRIORITY)],
    [Order(SortField.FINISHED), Order(SortField.ID, True)],
]


def in_order(rows: Sequence[Row], order: Sequence[Order]) -> list[int]:
    """Return the ids of jobs in an order; equal ones by id, in the direction of the first field."""
    found = list(rows)
    for one in reversed(complete(order)):
        found.sort(key=RANKS[one.field], reverse=one.descending)
    return [row.id for row in found]


@pytest.mark.parametrize("wanted", [Filter(), Filter(owner="admin"), Filter(states=[JobState.FINISHED, JobState.HOLD])])
async def test_pages_follow_each_other_in_any_order_without_gap_or_overlap(
    database: Database, url: str, wanted: Filter
) -> None:
    rows = some_rows(random.Random(8), 60)
    await store(url, rows)
    async with database.snapshot() as session:
        for order in ORDERS:
            expected = in_order([row for row in rows if fits(row, wanted)], order)
            # With and without knowing how many there are: from the nearer end, or always from the first.
            for hits in (len(expected), None):
                found: list[int] = []
                for first in range(1, len(expected) + 10, 7):
                    page = await search.page(session, wanted, order, first=first, number=7, hits=hits)
                    found += [job.id for job in page]
                assert found == expected, (order, hits)


@pytest.mark.parametrize("wanted", [Filter(), Filter(owner="admin"), Filter(data=[DataCondition("tag", "a*")])])
async def test_cursors_lead_through_a_list_in_any_order(database: Database, url: str, wanted: Filter) -> None:
    rows = some_rows(random.Random(9), 40)
    await store(url, rows)
    async with database.snapshot() as session:
        for order in ORDERS:
            expected = in_order([row for row in rows if fits(row, wanted)], order)
            page = await search.page(session, wanted, order, first=1, number=3)
            found = [job.id for job in page]
            while page:
                page = await search.page_after(session, wanted, Position.of(order, page[-1]), number=3)
                found += [job.id for job in page]
            assert found == expected, order
            listed = await places.find(session, wanted, order, first=1, number=1000)
            assert listed.part(0, 1000) == expected, order
            third = (await places.read(session, listed.part(2, 1), steps=False))[0]
            later = await places.find_after(session, wanted, Position.of(order, third), number=5)
            assert later.part(0, 1000) == expected[3:8], order


async def test_nothing_is_found_where_nothing_is(database: Database) -> None:
    async with database.snapshot() as session:
        assert await search.hits(session, Filter()) == 0
        assert await search.page(session, Filter(), [], first=1, number=10) == []
        assert await search.tallies(session, Filter(), [(FacetField.TYPE, Filter()), (None, Filter())]) == [{}, {}]
