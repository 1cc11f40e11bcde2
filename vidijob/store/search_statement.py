"""Puts the statement of a search together from the parts in ``sql/parts/search.sql``, never from what a caller wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vidijob.jobs.search import DataCondition, FacetField, Filter, Order, SortField
from vidijob.jobs.states import JobState
from vidijob.store.database import Session
from vidijob.store.keyset import Comparison, Stretch
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
_BOUND = {
    SortField.ID: "bound_id",
    SortField.TYPE: "bound_type",
    SortField.STATE: "bound_state",
    SortField.USER: "bound_owner",
    SortField.STARTED: "bound_started",
    SortField.FINISHED: "bound_finished",
    SortField.PRIORITY: "bound_priority",
}
_CELLS = {
    None: "all_cells",
    FacetField.TYPE: "cells_by_type",
    FacetField.STATE: "cells_by_state",
    FacetField.USER: "cells_by_owner",
}
_THERE = {
    SortField.TYPE: "types_there",
    SortField.STATE: "states_there",
    SortField.USER: "owners_there",
    SortField.PRIORITY: "priorities_there",
}
#: Conditions on one value: an index can go on from there in an order, which it cannot with several.
_SINGLE = {"types": "type", "states": "state", "listed_among": "listed", "priorities": "priority", "owners": "owner"}
#: The same where they are only to be looked at along the jobs of an owner, for which no index has them.
_AMONG_OWNED = {"types": "type_among_owned", "priorities": "priority_among_owned"}

_WITHOUT_BITMAPS = ("without_bitmaps", "with_bitmaps")
_WITHOUT_WHOLE_TABLES = ("without_whole_tables", "with_whole_tables")


class Statement:
    """A statement that grows, and its arguments."""

    def __init__(self, name: str) -> None:
        self._parts = parts("search")
        self._name = name
        self._sql: list[str] = []
        self._arguments: list[object] = []
        self._among_owned = False
        #: What Postgres is not to consider: its statistics may be old, and what is asked for is known better.
        self._without: tuple[str, str] | None = None

    def hits(self, wanted: Filter) -> None:
        """Ask how many jobs there are."""
        self._among(wanted, counts="counted_hits", jobs="hits")

    def page(
        self,
        wanted: Filter,
        order: Sequence[Order],
        *,
        offset: int,
        number: int,
        few: bool = False,
        among_owned: bool = False,
        beyond: Stretch | None = None,
        versions: bool = False,
    ) -> None:
        """Ask for a page, by the cheapest way that an index offers.

        ``few``: all that is found is little. ``among_owned``: it is found soon along the jobs of the owner. ``versions``: of
        each job only its id, and a number that is another one after each change.
        """
        if among_owned and not few:
            self._among_owned, self._without = True, _WITHOUT_BITMAPS
        if wanted.data or (few and not _along_an_index(wanted, order)):
            # All that is found, then sorted: statistics cannot tell how far one would have to go along the order for the
            # first of them.
            self._head("begin_found")
            self._head("page_with_versions" if versions else "page")
            self._where(wanted, beyond)
            self._head("no_detour")
            self._head("end")
            self._head("versions_of_found" if versions else "page_of_found")
        elif offset:
            # What is passed over is read from an index alone.
            self._head("begin_places")
            self._head("places")
            self._where(wanted, beyond)
            self._order(order)
            self._head("page_end", offset=offset, limit=number)
            self._head("end")
            self._head("versions_of_places" if versions else "page_of_places")
            self._order(order)
            return
        else:
            self._head("versions" if versions else "page")
            self._where(wanted, beyond)
        self._order(order)
        self._head("page_end", offset=offset, limit=number)

    def ids(
        self,
        wanted: Filter,
        order: Sequence[Order],
        *,
        offset: int,
        number: int,
        beyond: Stretch | None = None,
    ) -> None:
        """Ask for the ids of a long page, packed together."""
        if wanted.data:
            self._head("begin_found")
            self._head("page")
            self._where(wanted, beyond)
            self._head("no_detour")
            self._head("end")
            self._head("and_places_of_found")
        else:
            self._head("begin_places")
            self._head("places")
            self._where(wanted, beyond)
        self._order(order)
        self._head("page_end", offset=offset, limit=number)
        self._head("end")
        self._head("ids_of_places")

    def tallies(self, wanted: Filter, asked: Sequence[tuple[FacetField | None, Filter]]) -> None:
        """Ask for several counts of what is found, in one go."""
        self._head("begin_cells")
        self._among(wanted, counts="counted_cells", jobs="cells")
        self._head("cells_end")
        self._head("end")
        for place, (field, further) in enumerate(asked):
            if place:
                self._sql.append("UNION ALL")
            self._head(_CELLS[field], place=place)
            self._where_counted(further)
            if field is not None:
                self._head("by_value")

    def values(self, wanted: Filter, field: SortField) -> None:
        """Ask which values of a field there are, in order, and how many jobs of each."""
        self._head(_THERE[field])
        self._where_counted(wanted)
        self._head("there_end")

    async def run(self, session: Session) -> list[Record]:
        """Run it; in a transaction."""
        if self._without is None:
            return await self._run(session, "\n".join(self._sql), *self._arguments)
        before, after = self._without
        await self._run(session, self._parts[before])
        rows = await self._run(session, "\n".join(self._sql), *self._arguments)
        await self._run(session, self._parts[after])
        return rows

    async def _run(self, session: Session, sql: str, *arguments: object) -> list[Record]:
        return await session.run(Query(f"search.{self._name}", (), "many", "", sql), *arguments)

    def _head(self, part: str, **arguments: object) -> None:
        self._sql.append(self._part(part, **arguments))

    def _among(self, wanted: Filter, *, counts: str, jobs: str) -> None:
        """Ask the counts, where they know all that is asked for, else the jobs."""
        if wanted.by_kind:
            self._head(counts)
            self._where_counted(wanted)
        else:
            self._head(jobs)
            self._where(wanted)

    def _where(self, wanted: Filter, beyond: Stretch | None = None) -> None:
        conditions = [
            *self._plain(wanted),
            *self._listed(wanted.states),
            *(self._on_data(condition) for condition in wanted.data),
        ]
        if any("*" not in condition.value for condition in wanted.data):
            self._without = _WITHOUT_WHOLE_TABLES
        if beyond is not None:
            terms = [" AND ".join(self._comparison(one) for one in term) for term in beyond]
            conditions.append("(" + " OR ".join(terms) + ")")
        self._keep(conditions)

    def _where_counted(self, wanted: Filter) -> None:
        """Say which counts: they know just the state, as a job does, and nothing that an index of jobs would need."""
        states = {"states": None if wanted.states is None else [state.value for state in wanted.states]}
        self._keep([*self._plain(wanted), *self._given(states)])

    def _keep(self, conditions: list[str]) -> None:
        if conditions:
            self._sql.append("WHERE " + " AND ".join(conditions))

    def _order(self, order: Sequence[Order]) -> None:
        terms = [self._parts[_ORDER[one.field]] + (" DESC" if one.descending else "") for one in order]
        self._sql.append("ORDER BY " + ", ".join(terms))

    def _plain(self, wanted: Filter) -> list[str]:
        given: dict[str, object] = {
            "owner": wanted.owner,
            "types": None if wanted.types is None else list(wanted.types),
            "priorities": None if wanted.priorities is None else [priority.value for priority in wanted.priorities],
            "owners": None if wanted.owners is None else list(wanted.owners),
            "started_from": wanted.started_from,
            "started_to": wanted.started_to,
            "finished_from": wanted.finished_from,
            "finished_to": wanted.finished_to,
        }
        return self._given(given)

    def _listed(self, states: Sequence[JobState] | None) -> list[str]:
        """Ask for jobs in some states by what indexes know: READY and STARTED are one there, of which those that are STARTED are
        found by their steps.
        """
        if states is None:
            return []
        if not states:
            return self._given({"states": []})
        ready, started = JobState.READY in states, JobState.STARTED in states
        ways = self._given({"listed_among": [state.value for state in states if state is not JobState.STARTED] or None})
        if started and not ready:
            ways.append(self._parts["under_way"])
        there = "(" + " OR ".join(ways) + ")"
        return [there] if ready == started else [there, *self._given({"states": [state.value for state in states]})]

    def _given(self, given: Mapping[str, object]) -> list[str]:
        conditions = []
        for name, value in given.items():
            if isinstance(value, list) and len(value) == 1:
                part = _AMONG_OWNED.get(name, _SINGLE[name]) if self._among_owned else _SINGLE[name]
                conditions.append(self._part(part, **{_SINGLE[name]: value[0]}))
            elif value is not None:
                conditions.append(self._part(name, **{name: value}))
        return conditions

    def _on_data(self, condition: DataCondition) -> str:
        if "*" in condition.value:
            return self._part("pattern", key=condition.key, pattern=_like(condition.value))
        # A key may have been given with its type (contract 2.8).
        plain, string, string_array = (
            {condition.key + suffix: [condition.value]} for suffix in ("", ":String", ":StringArray")
        )
        return self._part("value", plain=plain, string=string, string_array=string_array)

    def _comparison(self, one: Comparison | str) -> str:
        if isinstance(one, str):
            return self._parts[one]
        fields = ", ".join(self._parts[_ORDER[field]] for field in one.fields)
        bounds = ", ".join(
            self._part(_BOUND[field], bound=value) for field, value in zip(one.fields, one.values, strict=True)
        )
        return f"({fields}) {one.sign} ({bounds})"

    def _part(self, name: str, **arguments: object) -> str:
        places: dict[str, int] = {}
        for key, value in arguments.items():
            self._arguments.append(value)
            places[key] = len(self._arguments)
        return _NAME.sub(lambda match: f"${places[match[1]]}", self._parts[name])


def _along_an_index(wanted: Filter, order: Sequence[Order]) -> bool:
    """Tell whether there is an index in this order of just the jobs that are wanted: see ``schema.sql``."""
    if not wanted.by_kind or wanted.owners is not None or len(order) > 2:
        return False
    of_all = wanted.owner is None
    kinds = [one for one in (wanted.types, wanted.states, wanted.priorities) if one is not None]
    if not kinds:
        return order[0].field is not SortField.STATE and (
            of_all or order[0].field not in (SortField.TYPE, SortField.PRIORITY)
        )
    single = len(kinds) == 1 and len(kinds[0]) == 1 and order[0].field is SortField.ID
    return single and wanted.states != [JobState.STARTED] and (of_all or wanted.states is not None)


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
