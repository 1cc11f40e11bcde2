"""Finds and counts jobs: puts a statement together from the parts in ``sql/parts/search.sql``, never from what a caller
wrote. It knows no facets and no HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidijob.jobs.model import Job
from vidijob.jobs.search import Cell, DataCondition, Filter, Order, SortField
from vidijob.jobs.states import JobState
from vidijob.store import jobs
from vidijob.store.database import Session
from vidijob.store.queries import Query, parts

if TYPE_CHECKING:
    from asyncpg import Record

_NAME = re.compile(r"\$([a-z_]+)")
_ORDER = {
    SortField.ID: "order_id",
    SortField.TYPE: "order_type",
    SortField.STATE: "order_state",
    SortField.USER: "order_owner",
    SortField.STARTED: "order_started",
    SortField.FINISHED: "order_finished",
    SortField.PRIORITY: "order_priority",
}


async def page(session: Session, wanted: Filter, order: Sequence[Order], *, first: int, number: int) -> list[Job]:
    """Return a page of jobs; ``first`` counts from 1."""
    statement = _Statement("page")
    statement.where(wanted)
    statement.order(order)
    statement.end("page_end", offset=first - 1, limit=number)
    return [jobs.from_row(row) for row in await statement.run(session)]


async def hits(session: Session, wanted: Filter) -> int:
    """Return how many jobs a filter finds."""
    statement = _Statement("hits")
    statement.where(wanted)
    (row,) = await statement.run(session)
    return int(row["hits"])


async def cells(session: Session, wanted: Filter) -> list[Cell]:
    """Return how many jobs a filter finds of each type, state and owner."""
    statement = _Statement("cells")
    statement.where(wanted)
    statement.end("cells_end")
    return [
        Cell(row["type"], JobState(row["state"]), row["owner"], row["jobs"]) for row in await statement.run(session)
    ]


class _Statement:
    """A statement that grows, and its arguments."""

    def __init__(self, head: str) -> None:
        self._parts = parts("search")
        self._head = head
        self._sql = [self._parts[head]]
        self._arguments: list[object] = []

    def where(self, wanted: Filter) -> None:
        conditions = [
            *self._plain(wanted),
            *(self._on_data(condition) for condition in wanted.data),
        ]
        if conditions:
            self._sql.append("WHERE " + " AND ".join(conditions))

    def order(self, order: Sequence[Order]) -> None:
        """Sort; the id comes last, in the direction of the first field, so that pages never overlap."""
        fields = [*order]
        if not any(one.field is SortField.ID for one in fields):
            fields.append(Order(SortField.ID, fields[0].descending if fields else False))
        terms = [self._parts[_ORDER[one.field]] + (" DESC" if one.descending else "") for one in fields]
        self._sql.append("ORDER BY " + ", ".join(terms))

    def end(self, part: str, **arguments: object) -> None:
        self._sql.append(self._part(part, **arguments))

    async def run(self, session: Session) -> list[Record]:
        sql = "\n".join(self._sql)
        return await session.run(Query(f"search.{self._head}", (), "many", "", sql), *self._arguments)

    def _plain(self, wanted: Filter) -> list[str]:
        given: dict[str, object] = {
            "owner": wanted.owner,
            "types": None if wanted.types is None else list(wanted.types),
            "states": None if wanted.states is None else [state.value for state in wanted.states],
            "priorities": None if wanted.priorities is None else [priority.value for priority in wanted.priorities],
            "owners": None if wanted.owners is None else list(wanted.owners),
            "started_from": wanted.started_from,
            "started_to": wanted.started_to,
            "finished_from": wanted.finished_from,
            "finished_to": wanted.finished_to,
        }
        return [self._part(name, **{name: value}) for name, value in given.items() if value is not None]

    def _on_data(self, condition: DataCondition) -> str:
        if "*" in condition.value:
            return self._part("pattern", key=condition.key, pattern=_like(condition.value))
        # A key may have been given with its type (contract 2.8).
        plain, string, string_array = (
            {condition.key + suffix: [condition.value]} for suffix in ("", ":String", ":StringArray")
        )
        return self._part("value", plain=plain, string=string, string_array=string_array)

    def _part(self, name: str, **arguments: object) -> str:
        places: dict[str, int] = {}
        for key, value in arguments.items():
            self._arguments.append(value)
            places[key] = len(self._arguments)
        return _NAME.sub(lambda match: f"${places[match[1]]}", self._parts[name])


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
