"""Filters mean in the database what they mean in Python."""

from __future__ import annotations

import random

from tests.unit.odata.filters import FIELDS, a_filter, a_row
from vidijob.jobs.expressions import Field, Kind, evaluate
from vidijob.odata.query import read_filter
from vidijob.store.database import Database
from vidijob.store.expressions import write
from vidijob.store.queries import Query

FILTERS, AT_ONCE, ROWS = 10_000, 40, 40
#: What is nothing in no row.
THERE = ("Name", "Priority", "Created")
#: What a column of JSON has to be made into.
TYPES = {Kind.TEXT: "text", Kind.NUMBER: "float8", Kind.TIME: "timestamptz", Kind.TRUTH: "boolean"}


def column(field: Field) -> str:
    """Return a field of the rows of the test."""
    return f'r."{field.name}"' + (' COLLATE "C"' if field.kind is Kind.TEXT else "")


async def test_ten_thousand_filters_find_what_an_evaluator_in_python_finds(database: Database) -> None:
    chance = random.Random(20130420)
    rows = [a_row(chance) for _ in range(ROWS)]
    sent = [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in rows
    ]
    columns = ", ".join(f'"{name}" {TYPES[kind]}' for name, kind in FIELDS.items())
    table = f"FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS ({columns})) WITH ORDINALITY AS r ORDER BY r.ordinality"
    told = asked = 0
    async with database.session() as session:
        for _ in range(FILTERS // AT_ONCE):
            filters = [a_filter(chance) for _ in range(AT_ONCE)]
            asked += len(filters)
            arguments: list[object] = [sent]
            trees = [read_filter(text, FIELDS) for text, _ in filters]
            conditions = [write(tree, column, arguments, THERE) for tree in trees]
            found = await session.run(
                Query("test", (), "many", "", f"SELECT {', '.join(conditions)} {table}"), *arguments
            )
            for row, answers in zip(rows, found, strict=True):
                for (text, meaning), tree, answer in zip(filters, trees, answers.values(), strict=True):
                    assert answer is bool(meaning(row)), (text, row)
                    assert evaluate(tree, row) is answer, (text, row)
                    told += answer
    assert asked == FILTERS
    # Neither always true nor always false.
    assert 0.2 < told / (FILTERS * ROWS) < 0.8
