"""What the notifier asks again and again reads what is new, however long the history is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.integration.store.test_plans import explain
from vidijob.store.database import PLANNING, Database

HISTORY = 20_000
#: Events in a hundred transactions, all looked at but the last; many lanes, one due, each with a backlog.
FILL = f"""
    INSERT INTO notification (scope, owner, base_uri, created_at, trigger, placeholder, types, content, url, synchronous)
    VALUES ('jobs', 'user', '', '2000-01-01', 'update', false, '{{}}', '{{}}', 'http://a', false);
    INSERT INTO job (id, type, state, priority, owner, total_steps)
    SELECT n, 'WORK', 'STARTED', 'MEDIUM', 'user', 1 FROM generate_series(1, {HISTORY // 10}) n;
    INSERT INTO event (tx, job_id, new_state, actor)
    SELECT (n / 200)::text::xid8, n / 10 + 1, 'STARTED', 'user' FROM generate_series(1, {HISTORY} - 20) n;
    UPDATE event_cursor SET tx = pg_current_xact_id();
    INSERT INTO event (job_id, new_state, actor) SELECT n, 'STARTED', 'user' FROM generate_series(1, 20) n;
    INSERT INTO lane (id, host, urgent, ready_at)
    SELECT md5(n::text)::uuid, 'host ' || n, false, now() + n * interval '1 hour' - interval '90 min' FROM generate_series(1, 2000) n;
    INSERT INTO delivery (notification_id, event_id, job_id, trigger, lane, action, payload)
    SELECT 1, n, 1, 'update', md5((1 + n % 2000)::text)::uuid, '{{}}', '[]' FROM generate_series(1, {HISTORY}) n;
"""


@pytest.fixture(params=["analysed", "not analysed"])
async def connection(
    request: pytest.FixtureRequest, database: Database, url: str
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database with a long history."""
    connection = await asyncpg.connect(url, server_settings=PLANNING)
    try:
        await connection.execute(FILL)
        if request.param == "analysed":
            await connection.execute("ANALYZE event; ANALYZE delivery; ANALYZE lane; ANALYZE job; ANALYZE event_cursor")
        yield connection
    finally:
        await connection.close()


async def cost(connection: asyncpg.Connection[asyncpg.Record], name: str, *arguments: Any) -> int:
    """Return how many rows of the long tables a query looks at."""
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in await explain(connection, name, *arguments)
        if "Scan" in node["Node Type"] and node.get("Relation Name") in ("event", "delivery", "lane")
    )


async def test_what_is_new_is_found_by_its_transaction(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    assert 0 < await cost(connection, "delivery.news") < 50
    assert 0 < await cost(connection, "delivery.advance") < 100
    stretch = await connection.fetchrow(
        "SELECT tx::text, pg_current_xact_id()::text, $1::bigint FROM event_cursor", HISTORY - 21
    )
    assert stretch is not None
    assert 0 < await cost(connection, "delivery.events", *stretch, 10) < 500
    assert await cost(connection, "delivery.untold", [1, 2]) < 50


async def test_the_next_of_a_lane_is_found_by_its_place(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    assert 0 < await cost(connection, "delivery.claim", [], 8, 512, 256, 10.0) < 20
    lane = await connection.fetchval("UPDATE lane SET lease = 1 WHERE ready_at < now() RETURNING id")
    assert 0 < await cost(connection, "delivery.begin", lane, 1, 10.0) < 20
    assert await cost(connection, "delivery.forget", 600.0, 600.0, 100) < 20
