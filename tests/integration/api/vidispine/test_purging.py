"""Ended jobs are kept for as long as is configured, then go with all that is known of them."""

from __future__ import annotations

import json
from datetime import timedelta

import asyncpg
import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, XML, Api, Finish
from tests.integration.engine.conftest import Engine
from vidijob.engine.cleaner import BATCH, Cleaner
from vidijob.engine.configuration import Configuration
from vidijob.store.queries import query

PURGING = "/API/configuration/purging"
#: Ended jobs, a second after one another, the oldest almost 30 days old; with a step, two attempts and an event each.
FILL = """
    INSERT INTO job (id, type, state, verdict, priority, owner, total_steps, started, finished)
    SELECT n, 'WORK', 'FINISHED', 'FINISHED', 'MEDIUM', 'admin', 1, at, at
    FROM generate_series(1000001, 1000000 + $1::integer) n,
         LATERAL (SELECT now() - interval '30 days' + (n - 1000000) * interval '1 s' AS at) t
"""
REST = """
    INSERT INTO job_count_change (type, new_state, owner, priority, jobs)
    SELECT type, state, owner, priority, count(*) FROM job WHERE id > 1000000 GROUP BY type, state, owner, priority;
    INSERT INTO step (job_id, number, description, executor, method, critical, cleanup, state, tries, at, attempt, worker)
    SELECT id, 100, 'A step', 'test', 'work', true, false, 'FINISHED', 2, now(), id, gen_random_uuid() FROM job WHERE id > 1000000;
    INSERT INTO earlier_attempt (id, job_id, step, ordinal, state, at, worker)
    SELECT 2 * id, id, 100, 0, 'FAILED_RETRY', now(), gen_random_uuid() FROM job WHERE id > 1000000;
    INSERT INTO sub_task (attempt, place, description, state, at)
    SELECT id, 0, 'A part', 'FINISHED', now() FROM attempt WHERE job_id > 1000000;
    INSERT INTO event (job_id, new_state, actor) SELECT id, 'FINISHED', 'test' FROM job WHERE id > 1000000;
"""


@pytest.fixture
async def connection(url: str) -> asyncpg.Connection[asyncpg.Record]:
    return await asyncpg.connect(url)


async def fill(connection: asyncpg.Connection[asyncpg.Record], number: int) -> None:
    await connection.execute(FILL, number)
    await connection.execute(REST)


async def left_of(connection: asyncpg.Connection[asyncpg.Record], which: str) -> set[str]:
    """Return which tables have rows of jobs, whatever they are."""
    tables = await connection.fetch(
        "SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = 'job_id'"
    )
    found = {
        name
        for (name,) in tables
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name} WHERE job_id {which})")
    }
    return found | ({"sub_task"} if await connection.fetchval("SELECT EXISTS (SELECT FROM sub_task)") else set())


async def test_purging_is_configured(api: Api, engine: Engine) -> None:
    assert (await api("GET", PURGING, accept=JSON)).json == {}
    body = (
        f'<DatabasePurgingConfigurationDocument xmlns="{NAMESPACE}"><job><age>7</age><compress>false</compress></job>'
        "</DatabasePurgingConfigurationDocument>"
    )
    assert (await api("PUT", PURGING, body=body, type=XML)).status == 200
    assert (await api("GET", PURGING)).find("job/age") == ["7"]
    setting = Configuration(engine.database, engine.bell, keep_jobs=timedelta(days=3))
    assert await setting.keep_jobs() == timedelta(days=7)
    # Without the element: for ever, whatever the setting says.
    assert (await api("PUT", PURGING, body="{}", type=JSON)).status == 200
    assert (await api("GET", PURGING, accept=JSON)).json == {} and await setting.keep_jobs() is None
    assert (await api("DELETE", PURGING)).status == 200
    assert await setting.keep_jobs() == timedelta(days=3)
    assert any(uri.endswith("/configuration/purging") for uri in (await api("GET", "/API/configuration")).find("uri"))


@pytest.mark.parametrize(
    ("job", "status"),
    [({}, 400), ({"age": 0}, 400), ({"age": -1}, 400), ({"age": 36501}, 400), ({"age": "x"}, 400), ({"age": 2**31}, 400),
     ({"age": 7, "uri": "file:///x"}, 501), ({"age": 7, "compress": True}, 501)],
)  # fmt: skip
async def test_purging_that_cannot_be(api: Api, job: dict[str, object], status: int) -> None:
    assert (await api("PUT", PURGING, body=json.dumps({"job": job}), type=JSON)).status == status
    assert (await api("GET", PURGING, accept=JSON)).json == {}


async def test_old_jobs_go_with_everything_and_the_counts_are_right(
    api: Api, engine: Engine, finish: Finish, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    new = await api.create()
    await finish(new)
    held = await api.create("type=WORK&holdJob=true")
    await fill(connection, BATCH + 100)
    assert await left_of(connection, "> 1000000") == {"step", "earlier_attempt", "sub_task", "event"}
    assert (await api("PUT", "/API/job/VX-1000001/external-id/mine")).status == 200
    assert (await api("GET", "/API/job?number=0")).find("hits") == [str(BATCH + 102)]
    cleaner = Cleaner(engine.database, lambda: True)
    await cleaner.tick()
    assert (await api("GET", "/API/job?number=0")).find("hits") == [str(BATCH + 102)], "off unless it is configured"
    await api("PUT", PURGING, body='{"job":{"age":7}}', type=JSON)
    assert await cleaner.tick() <= 3, "there is more"
    assert (await api("GET", "/API/job?number=0")).find("hits") == ["102"]
    # The oldest first, in small batches.
    assert await connection.fetchval("SELECT min(id) FROM job WHERE id > 1000000") == 1000001 + BATCH
    assert await cleaner.tick() >= 30
    assert (await api("GET", "/API/job?number=0")).find("hits") == ["2"]
    facets = await api("PUT", "/API/job/search", body='{"facet":[{"field":"state"}]}', type=JSON, accept=JSON)
    counts = {count["fieldValue"]: count["value"] for count in facets.json["facet"][0]["count"]}
    assert {name: count for name, count in counts.items() if count} == {"FINISHED": 1, "HOLD": 1}
    assert await left_of(connection, "> 1000000") == {"event"}
    # One line for each stays, until it is too old itself.
    lines = await connection.fetch("SELECT new_state, remark, count(*) FROM event WHERE job_id > 1000000 GROUP BY 1, 2")
    assert [tuple(line) for line in lines] == [("DELETED", "purged", BATCH + 100)]
    await connection.execute("UPDATE event SET at = at - interval '8 days' WHERE new_state = 'DELETED'")
    await cleaner.tick()
    await cleaner.tick()
    assert not await connection.fetchval("SELECT count(*) FROM event WHERE job_id > 1000000")
    for id in (new, held):
        assert (await api("GET", f"/API/job/{id}")).status == 200
    # So it is with one that is deleted by name; a slot only remembers who had it last.
    assert await left_of(connection, f"= {new.removeprefix('VX-')}") == {"step", "event", "slot"}
    assert (await api("DELETE", f"/API/job?id={new}")).status == 200
    number = int(new.removeprefix("VX-"))
    assert await left_of(connection, f"= {number}") == {"event", "slot"}
    assert await connection.fetchval("SELECT new_state FROM event WHERE job_id = $1", number) == "DELETED"
    # Which is free: as many as there are slots run beside each other, and nobody remembers the one that is gone.
    for id in [await api.create() for _ in range(engine.concurrent_jobs)]:
        await finish(id)
    assert await connection.fetchval("SELECT count(*) FROM seat WHERE job_id IS NULL") == engine.concurrent_jobs
    await connection.close()


async def test_it_waits_for_nobody_and_reads_from_an_index(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await fill(connection, 10_000)
    await connection.execute("ANALYZE job")
    cleaner = Cleaner(engine.database, lambda: True, keep_jobs=timedelta(days=1))
    async with engine.database.transaction() as session:
        await session.rows("job.lock", [1000001])
        await cleaner.tick()
    left = await connection.fetch("SELECT id FROM job ORDER BY id LIMIT 2")
    assert [row["id"] for row in left] == [1000001, 1000002 + BATCH]
    plan = "\n".join(
        row[0]
        for row in await connection.fetch("EXPLAIN " + query("job.purge").sql, timedelta(days=1).total_seconds(), BATCH)
    )
    assert "Index Scan using job_by_finished" in plan
    assert "Seq Scan on job" not in plan and "Seq Scan on event " not in plan
    assert not await Cleaner(engine.database, lambda: False, keep_jobs=timedelta(days=1)).tick() < 60
    await connection.close()
