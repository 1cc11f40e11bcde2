"""The statements that a queue lives by read as many rows as they are asked for, however many wait and whatever the
planner believes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from vidijob.jobs.states import StepEvent, step_sources
from vidijob.store import admissions
from vidijob.store.database import PLANNING, Database
from vidijob.store.queries import query

WAITING = 20_000
#: The most that a worker claims at once.
LIMIT = 32
TABLES = ("job", "step", "job_queue", "step_queue", "earlier_attempt", "lease")
STARTABLE = [state.value for state in step_sources(StepEvent.START)]

#: Jobs of all priorities but IMMEDIATE, one step each, every tenth of them urgent, of two executors. One of forty has a weight.
FILL = f"""
    INSERT INTO job (id, type, state, priority, owner, total_steps)
    SELECT n, 'TRANSCODE', 'READY', (enum_range(NULL::job_priority))[1 + n % 5], 'user', 1
    FROM generate_series(1, {WAITING}) n;
    INSERT INTO step (job_id, number, description, executor, method, critical, cleanup, state, waiting)
    SELECT id, 100, 'A step', CASE WHEN id % 2 = 0 THEN 'media' ELSE 'file' END, 'work', true, false, 'READY', 0 FROM job;
    INSERT INTO job_queue (job_id, priority, weight) SELECT id, priority, CASE WHEN id % 40 = 0 THEN id % 9 - 4 ELSE 0 END FROM job;
    INSERT INTO step_queue (job_id, step, executor, urgent, priority)
    SELECT job_id, number, executor, job_id % 10 = 0, priority FROM step JOIN job ON job.id = step.job_id;
"""
EMPTY = "DELETE FROM job_queue; DELETE FROM step_queue; DELETE FROM step; DELETE FROM job;"
ANALYSE = "".join(f"ANALYZE {table};" for table in TABLES)

#: What was done to the tables before, in order. The planner's numbers are those of the last ANALYZE.
HISTORIES = {
    "fresh": [FILL, ANALYSE],
    "never": [FILL],
    "of empty tables": [ANALYSE, FILL],
    "of tables that were full once": [FILL, ANALYSE, EMPTY, "VACUUM", FILL],
    "of the emptied tables": [FILL, EMPTY, "VACUUM", ANALYSE, FILL],
}


@pytest.fixture
async def connection(
    request: pytest.FixtureRequest, database: Database, url: str
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database with full queues, and statistics of some age."""
    async with planning(url) as connection:
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        for statements in HISTORIES[request.param]:
            await connection.execute(statements)
        yield connection


@asynccontextmanager
async def planning(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Connect to a database; statements are planned as for the engine."""
    settings = {**PLANNING, "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def explain(
    connection: asyncpg.Connection[asyncpg.Record], name: str, *arguments: object
) -> list[dict[str, Any]]:
    """Run a query, planned before its arguments are known, take it back, and return the nodes with what each did."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"PREPARE planned AS {query(name).sql.rstrip(';')}")
        values = f"({', '.join(literal(argument) for argument in arguments)})" if arguments else ""
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE planned{values}")
    finally:
        await transaction.rollback()
        await connection.execute("DEALLOCATE planned")
    return list(nodes(json.loads(plan)[0]["Plan"]))


def literal(argument: object) -> str:
    """Write an argument as SQL."""
    if isinstance(argument, list):
        return "'{" + ",".join(str(one) for one in argument) + "}'"
    return "NULL" if argument is None else f"'{argument}'"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a plan's nodes."""
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def examined(plan: list[dict[str, Any]]) -> int:
    """Return how many rows of tables were looked at."""
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in plan
        if "Scan" in node["Node Type"] and node.get("Relation Name") in TABLES
    )


@pytest.mark.parametrize("connection", HISTORIES, indirect=True)
async def test_the_head_of_the_queue_is_read_from_its_index(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    plan = await explain(connection, "job.head", LIMIT)
    assert [node["Index Name"] for node in plan if "Index Name" in node] == ["job_queue_order"]
    assert not [node for node in plan if "Sort" in node["Node Type"]]
    assert examined(plan) == LIMIT


@pytest.mark.parametrize("connection", HISTORIES, indirect=True)
async def test_the_head_behind_jobs_is_read_from_the_index(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    plan = await explain(connection, "job.head_behind", LIMIT, [WAITING // 2] * 6)
    assert sum(node["Actual Rows"] for node in plan if node["Node Type"] == "Limit") >= LIMIT
    # Of the priority that nobody has it may have to be seen that there are none.
    assert examined(plan) <= 5 * 6 * LIMIT + 10_000


@pytest.mark.parametrize("connection", HISTORIES, indirect=True)
async def test_an_admission_and_a_direct_end_read_only_what_they_are_about(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    holder, ids = uuid4(), list(range(1, LIMIT + 1))
    await connection.execute(f"""
        INSERT INTO leader (role, holder, term, expires_at) VALUES ('scheduler', '{holder}', 1, 'infinity');
        INSERT INTO slot (number) SELECT generate_series(1, {LIMIT});
        UPDATE step SET state = 'NONE';
        SELECT setval('job_id', {WAITING});
    """)
    offer = [uuid4(), ["media", "file"], LIMIT, 10.0, []]
    unknown = ["NULL"] * LIMIT
    admission = [holder, 1, ids, ids, ["READY"], unknown, unknown, *offer, None, unknown]
    plan = await explain(connection, "job.admit", *admission)
    assert sum(node["Actual Rows"] for node in plan if node.get("Subplan Name") == "CTE begun") == LIMIT
    assert examined(plan) <= 8 * LIMIT
    document = {"type": "WORK", "state": "READY", "priority": "HIGH", "owner": "ann", "data": {}, "total_steps": 1}
    document["steps"] = [
        {
            "number": 100,
            "description": "",
            "executor": "file",
            "method": "work",
            "metadata": {},
            "critical": True,
            "cleanup": False,
            "waiting": 0,
            "unlocks": [],
            "unlocks_parallel": [],
        }
    ]
    plan = await explain(connection, "arrival.start", json.dumps(document), holder, 1, None, 1, *offer, WAITING, None)
    assert sum(node["Actual Rows"] for node in plan if node.get("Subplan Name") == "CTE taken") == 1
    assert examined(plan) <= 40
    await connection.execute(f"""
        UPDATE job SET state = 'STARTED' WHERE id <= {LIMIT};
        UPDATE step SET state = 'STARTED' WHERE job_id <= {LIMIT};
        INSERT INTO lease (job_id, step, number, worker, expires_at)
        SELECT id, 100, id, gen_random_uuid(), 'infinity' FROM job WHERE id <= {LIMIT};
    """)
    plan = await explain(connection, "direct.end", ids, [100] * LIMIT, ids, ["NULL"] * LIMIT, *offer)
    assert sum(node["Actual Rows"] for node in plan if node.get("Subplan Name") == "CTE held") == LIMIT
    assert examined(plan) <= 10 * LIMIT


@pytest.mark.parametrize("connection", HISTORIES, indirect=True)
async def test_no_index_hears_that_a_job_starts(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    async with connection.transaction():
        await connection.execute(f"UPDATE job SET state = 'STARTED' WHERE id <= {LIMIT}")
        for counted in ("pg_stat_get_xact_tuples_updated", "pg_stat_get_xact_tuples_hot_updated"):
            assert await connection.fetchval(f"SELECT {counted}('job'::regclass)") == LIMIT


@pytest.mark.parametrize("connection", HISTORIES, indirect=True)
async def test_the_head_of_each_priority_is_read_from_the_index(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    plan = await explain(connection, "job.heads", LIMIT)
    assert [node["Index Name"] for node in plan if "Index Name" in node] == ["job_queue_order"]
    assert not [node for node in plan if "Sort" in node["Node Type"]]
    assert examined(plan) <= 6 * LIMIT


@pytest.mark.parametrize("connection", HISTORIES, indirect=True)
async def test_a_claim_reads_from_the_index_no_more_than_it_takes(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    for urgent_only in (False, True):
        arguments = (uuid4(), ["media", "file"], LIMIT, urgent_only, 10.0, STARTABLE, ["file.setUp"], "{}")
        plan = await explain(connection, "step.claim", *arguments)
        (candidates,) = (node for node in plan if node.get("Index Name") == "step_queue_order")
        assert candidates["Actual Rows"] == LIMIT
        # Of those that need something there are none; they are looked for in their own index.
        assert [node for node in plan if node.get("Index Name") == "step_queue_needing"]
        assert examined(plan) <= 8 * LIMIT
        assert all(node["Actual Rows"] <= LIMIT + 1 for node in plan if "Sort" in node["Node Type"])


async def test_a_statement_that_was_prepared_on_an_empty_queue_reads_no_more_when_it_is_full(
    url: str,
) -> None:
    database = Database(lambda: url, connections=1)
    await database.open()
    other = await asyncpg.connect(url)
    try:
        for table in TABLES:
            await other.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        async with database.session() as session:
            assert await session._connection.fetchval("SHOW plan_cache_mode") == "force_generic_plan"
        for _ in range(12):
            assert await admissions.head(database, LIMIT) == []
        await other.execute(FILL)
        before = await rows_read(database, other)
        assert len(await admissions.head(database, LIMIT)) == LIMIT
        assert LIMIT <= await rows_read(database, other) - before <= 2 * LIMIT
    finally:
        await other.close()
        await database.close()


async def rows_read(database: Database, other: asyncpg.Connection[asyncpg.Record]) -> int:
    """Return how many rows of the queue were read so far, by scans and through indexes."""
    async with database.session() as session:
        await session.script("SELECT pg_stat_force_next_flush()")
        await session.script("SELECT 1")
    await other.execute("SELECT pg_stat_clear_snapshot()")
    total: int = await other.fetchval(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'job_queue'"
    )
    return total
