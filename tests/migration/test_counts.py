"""A database that was filled before jobs were counted has the right counts afterwards."""

from __future__ import annotations

import asyncpg

from tests.faults.checker import COUNTS
from vidijob.store.database import Database
from vidijob.store.migrate import load, migrate

FILL = """
    INSERT INTO job (type, state, verdict, priority, owner, total_steps, finished)
    SELECT 'TYPE' || n % 3, state, CASE WHEN ended THEN state END, (enum_range(NULL::job_priority))[1 + n % 6], 'user' || n % 4, 1,
           CASE WHEN ended THEN now() END
    FROM generate_series(1, 500) n,
         LATERAL (SELECT (enum_range(NULL::job_state))[1 + n % 10] AS state) s,
         LATERAL (SELECT state IN ('FINISHED', 'FINISHED_WARNING', 'FAILED_TOTAL', 'ABORTED') AS ended) e
"""


async def test_jobs_that_were_there_before_are_counted(empty_url: str) -> None:
    (counting,) = (one for one in load() if one.name == "counts_and_orders")
    connection = await asyncpg.connect(empty_url)
    database = Database(lambda: empty_url, connections=1)
    await database.open()
    try:
        for one in load()[: counting.version - 1]:
            await connection.execute(one.sql)
            await connection.execute(
                "INSERT INTO schema_version VALUES ($1, $2, $3)", one.version, one.name, one.breaking
            )
        await connection.execute(FILL)
        assert (await migrate(database))[0] == counting
        assert await connection.fetch(COUNTS) == []
        assert await connection.fetchval("SELECT sum(jobs) FROM job_count") == 500
    finally:
        await database.close()
        await connection.close()
