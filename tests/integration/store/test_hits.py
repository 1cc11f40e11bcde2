"""How many jobs a filter finds, and which: compared with counting by hand."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson

from vidijob.jobs.model import Priority
from vidijob.jobs.search import DataCondition, Filter, Order, SortField
from vidijob.jobs.states import ENDED, JobState
from vidijob.store import search
from vidijob.store.database import Database

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
TYPES = ["COPY_FILE", "TRANSCODE", "OWN"]
OWNERS = ["admin", "jürgen", "O'Brien"]
VALUES = ["a", "ab", "abc", "100%", "a_c", "a\\c", "", "ä", "A", "*"]
KEYS = ["tag", "tag:String", "tag:StringArray", "other"]


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
            cells = await search.cells(session, wanted)
            assert sum(cell.jobs for cell in cells) == len(expected)
            assert {(cell.type, cell.state, cell.owner): cell.jobs for cell in cells} == {
                kind: sum((row.type, row.state, row.owner) == kind for row in expected)
                for kind in {(row.type, row.state, row.owner) for row in expected}
            }
    assert 50 < found < 150


async def test_pages_follow_each_other_in_any_order_without_gap_or_overlap(database: Database, url: str) -> None:
    rows = some_rows(random.Random(8), 100)
    await store(url, rows)
    ranks: dict[SortField, Callable[[Row], Any]] = {
        SortField.ID: lambda row: row.id,
        SortField.STARTED: lambda row: row.started,
        SortField.PRIORITY: lambda row: row.priority.rank,
        SortField.STATE: lambda row: row.state.value,
    }
    async with database.snapshot() as session:
        for field, rank in ranks.items():
            for descending in (False, True):
                # Equal ones by id, in the same direction.
                expected = [row.id for row in sorted(rows, key=lambda row: (rank(row), row.id), reverse=descending)]
                found: list[int] = []
                for first in range(1, 120, 7):
                    page = await search.page(session, Filter(), [Order(field, descending)], first=first, number=7)
                    found += [job.id for job in page]
                assert found == expected, field


async def test_nothing_is_found_where_nothing_is(database: Database) -> None:
    async with database.snapshot() as session:
        assert await search.hits(session, Filter()) == 0
        assert await search.page(session, Filter(), [], first=1, number=10) == []
        assert await search.cells(session, Filter()) == []
