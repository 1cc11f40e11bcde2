"""A page is read from an index in its order, hits and facets from the counts, job data from its own index: however many jobs
there are, and whatever the planner believes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.integration.store.test_plans import nodes
from vidijob.jobs.model import Priority
from vidijob.jobs.search import DataCondition, FacetField, Filter, Order, Position, SortField
from vidijob.jobs.states import JobState
from vidijob.store import search
from vidijob.store.database import PLANNING, Database, Session
from vidijob.store.queries import Query

if TYPE_CHECKING:
    from asyncpg import Record

JOBS = 20_000
PAGE = 20
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
#: Jobs of a type of four, of an owner who has half of them, one who has a hundredth and one who has the first hundred; one
#: of a thousand is under way.
FILL = f"""
    INSERT INTO job (id, type, state, verdict, priority, owner, total_steps, started, finished, data)
    SELECT n, 'TYPE' || n % 4, state, CASE WHEN ended THEN state END, (enum_range(NULL::job_priority))[1 + n % 5],
           CASE WHEN n <= 100 THEN 'gone' WHEN n % 2 = 0 THEN 'half' WHEN n % 100 = 1 THEN 'rare' ELSE 'user' || n % 10 END,
           1, at, CASE WHEN ended THEN at + interval '1 s' END,
           jsonb_build_object('project', jsonb_build_array('p' || n % 1000), 'site', jsonb_build_array('s' || n % 3))
    FROM generate_series(1, {JOBS}) n,
         LATERAL (SELECT n % 1000 <> 7 AS ended, '2024-02-29 12:00Z'::timestamptz + n * interval '1 s' AS at) e,
         LATERAL (SELECT CASE WHEN NOT ended THEN 'STARTED' WHEN n % 20 = 0 THEN 'FAILED_TOTAL' ELSE 'FINISHED' END::job_state
                         AS state) s;
    INSERT INTO lease (job_id, step, number, worker, expires_at)
    SELECT id, 100, id, gen_random_uuid(), 'infinity' FROM job WHERE state = 'STARTED';
    INSERT INTO job_count (type, state, owner, priority, jobs)
    SELECT type, state, owner, priority, count(*) FROM job GROUP BY type, state, owner, priority;
"""
TABLES = ("job", "job_count", "job_count_change")
ANALYSE = "".join(f"ANALYZE {table};" for table in TABLES)
HISTORIES = {"fresh": [FILL, ANALYSE], "never": [FILL], "of empty tables": [ANALYSE, FILL], "empty": [ANALYSE]}
FULL = ["fresh", "never"]


class Explaining(Session):
    """A session that has every statement explained before it is run."""

    def __init__(self, connection: asyncpg.Connection[Record]) -> None:
        super().__init__(connection)  # type: ignore[arg-type]
        self.plans: list[dict[str, Any]] = []
        self.statements: list[str] = []

    async def run(self, query: Query, *arguments: object) -> list[Record]:
        """Keep the nodes of the plan, with what each did, and run the statement."""
        self.statements.append(query.sql)
        plan = await self._connection.fetchval("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query.sql, *arguments)
        self.plans += nodes(json.loads(plan)[0]["Plan"])
        return await super().run(query, *arguments)

    def forget(self) -> None:
        """Begin anew."""
        self.plans.clear()
        self.statements.clear()

    @property
    def told(self) -> str:
        """What was asked and how it was planned, in words."""
        names = (
            "Node Type",
            "Index Name",
            "Actual Rows",
            "Actual Loops",
            "Rows Removed by Filter",
            "Filter",
            "Index Cond",
        )
        return "\n".join([*self.statements, *(str({name: node.get(name) for name in names}) for node in self.plans)])

    @property
    def examined(self) -> int:
        """How many rows of jobs were looked at so far, and how many entries of its indexes."""
        return sum(
            round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
            for node in self.plans
            if ("Scan" in node["Node Type"] and node.get("Relation Name") == "job")
            or node["Node Type"] == "Bitmap Index Scan"
        )

    @property
    def sorted(self) -> int:
        """How many rows were sorted at most by one sort."""
        return max((round(inner["Actual Rows"]) for node in self.plans if "Sort" in node["Node Type"]
                    for inner in node["Plans"]), default=0)  # fmt: skip

    @property
    def indexes(self) -> set[str]:
        """The indexes that were used."""
        return {node["Index Name"] for node in self.plans if "Index Name" in node}


@pytest.fixture
async def session(request: pytest.FixtureRequest, database: Database, url: str) -> AsyncIterator[Explaining]:
    """A session on a database with many jobs, and statistics of some age."""
    connection = await asyncpg.connect(url, server_settings=PLANNING)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    try:
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        for statements in HISTORIES[request.param]:
            await connection.execute(statements)
        async with connection.transaction():
            yield Explaining(connection)
    finally:
        await connection.close()


ORDERS = [Order(field, down) for field in SortField for down in (False, True)]
#: Whose jobs.
OWNERS = [Filter(), Filter(owner="half"), Filter(owner="rare"), Filter(owner="gone"), Filter(owner="nobody")]
#: What else is filtered by in the order of the id.
KINDS = [
    Filter(types=["TYPE1"]),
    Filter(types=["NONE"]),
    Filter(states=[JobState.STARTED]),
    Filter(states=[JobState.WAITING]),
    Filter(priorities=[Priority.HIGH]),
    Filter(owner="half", states=[JobState.FAILED_TOTAL]),
    Filter(owner="half", states=[JobState.STARTED]),
]
NEWEST = [Order(SortField.ID, True)]
#: Of the jobs of an owner every fifth has some priority: so many are gone through for one that is wanted.
EACH = 11


@pytest.mark.parametrize("session", HISTORIES, indirect=True)
async def test_the_first_page_in_any_order_of_whose_jobs_ever(session: Explaining) -> None:
    for wanted in OWNERS:
        hits = await search.hits(session, wanted)
        for order in ORDERS:
            session.forget()
            found = await search.page(session, wanted, [order], first=1, number=PAGE, hits=hits)
            assert len(found) == min(PAGE, hits)
            assert session.examined <= EACH * PAGE, (wanted, order, session.told)
            assert session.sorted <= hits, (wanted, order, session.told)
            if hits > 1000:
                assert session.sorted <= PAGE, (wanted, order, session.told)


@pytest.mark.parametrize("session", HISTORIES, indirect=True)
async def test_the_newest_of_a_kind(session: Explaining) -> None:
    for wanted in KINDS:
        hits = await search.hits(session, wanted)
        session.forget()
        found = await search.page(session, wanted, NEWEST, first=1, number=PAGE, hits=hits)
        assert len(found) == min(PAGE, hits)
        assert session.examined <= 2 * PAGE + hits * (hits < 1000), (wanted, session.told)
        assert session.sorted <= PAGE, (wanted, session.told)


@pytest.mark.parametrize("session", FULL, indirect=True)
async def test_what_is_passed_over_is_read_from_an_index_alone_and_from_the_nearer_end(session: Explaining) -> None:
    for wanted in (Filter(), Filter(owner="half")):
        hits = await search.hits(session, wanted)
        for order in ORDERS:
            for first in (hits // 3, hits - 50):
                session.forget()
                await search.page(session, wanted, [order], first=first, number=PAGE, hits=hits)
                passed = min(first, hits - first) + PAGE
                assert session.sorted <= PAGE, (wanted, order, session.told)
                places = [node for node in session.plans if node["Node Type"] == "Index Only Scan"]
                read = [node for node in session.plans if node.get("Relation Name") == "job" and node not in places]
                assert sum(round(node["Actual Rows"] * node["Actual Loops"]) for node in read) <= 11 * PAGE + passed * (
                    wanted.owner is not None and order.field in (SortField.TYPE, SortField.PRIORITY)
                )
                assert session.examined <= 11 * (passed + PAGE)


@pytest.mark.parametrize("session", FULL, indirect=True)
async def test_what_follows_a_position_is_entered_there(session: Explaining) -> None:
    for wanted in OWNERS[:2]:
        hits = await search.hits(session, wanted)
        for order in ORDERS:
            page = await search.page(session, wanted, [order], first=hits // 2, number=1, hits=hits)
            session.forget()
            found = await search.page_after(session, wanted, Position.of([order], page[0]), number=PAGE)
            assert len(found) == PAGE
            assert session.examined <= (EACH + 1) * PAGE, (wanted, order, session.told)
            assert session.sorted <= PAGE, (wanted, order, session.told)


@pytest.mark.parametrize("session", HISTORIES, indirect=True)
async def test_hits_and_facets_look_at_no_job(session: Explaining) -> None:
    for wanted in [*OWNERS, *KINDS]:
        hits = await search.hits(session, wanted)
        whole, *_ = await search.tallies(session, wanted, [(None, Filter()), *((one, Filter()) for one in FacetField)])
        assert whole.get("", 0) == hits
    assert {node["Relation Name"] for node in session.plans if "Relation Name" in node} == {
        "job_count",
        "job_count_change",
    }


@pytest.mark.parametrize("session", FULL, indirect=True)
async def test_job_data_is_found_by_its_index(session: Explaining) -> None:
    wanted = Filter(data=[DataCondition("project", "p7")])
    hits = await search.hits(session, wanted)
    assert hits == JOBS // 1000
    for order in ORDERS:
        assert len(await search.page(session, wanted, [order], first=1, number=PAGE, hits=hits)) == hits
    await search.tallies(session, wanted, [(FacetField.TYPE, Filter())])
    assert session.indexes == {"job_data"}
    # The entries of the index, then the jobs.
    assert session.examined <= 2 * hits * (2 + len(ORDERS))


@pytest.mark.parametrize("session", FULL, indirect=True)
async def test_times_are_found_by_their_indexes(session: Explaining) -> None:
    bounds = {"from": NOON + timedelta(seconds=5000), "to": NOON + timedelta(seconds=5100)}
    for what, index in (("started", "job_by_started"), ("finished", "job_by_finished")):
        wanted = Filter(**{f"{what}_{end}": moment for end, moment in bounds.items()})  # type: ignore[arg-type]
        session.forget()
        hits = await search.hits(session, wanted)
        assert hits == 101 - (what == "finished") * (hits == 100)
        for order in ORDERS:
            await search.page(session, wanted, [order], first=1, number=PAGE, hits=hits)
        assert index in session.indexes
        assert session.examined <= 2 * hits * (1 + len(ORDERS))
