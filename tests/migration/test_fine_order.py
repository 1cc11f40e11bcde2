"""A database from before jobs of one priority had an order of their own: its queue stays as it is, and calls of end points that wait
to be sent are sent.
"""

from __future__ import annotations

import json

import asyncpg

from tests.migration.past import bring_before
from vidijob.jobs.model import JobId
from vidijob.store import admissions
from vidijob.store.database import Database
from vidijob.store.migrate import load, migrate

FILL = """
    INSERT INTO job_queue (job_id, priority) VALUES (1, 'LOW'), (2, 'MEDIUM'), (3, 'LOW');
    INSERT INTO delivery (notification_id, event_id, job_id, trigger, lane, action, payload)
    SELECT number, number, 1, 'UPDATE', gen_random_uuid(), jsonb_build_object('url', 'https://example.org/', 'form', form), payload
    FROM (VALUES (1, 'azure', '[["body", "{}"], ["signature", "sha256=AB"]]'::jsonb), (2, 'azure', '[["body", "{}"]]'::jsonb),
                 (3, 'vidispine', '[["body", "x"]]'::jsonb)) AS given (number, form, payload);
"""


async def test_queues_and_calls_that_were_there_before(empty_url: str) -> None:
    (this,) = (one for one in load() if one.name == "fine_order_and_progress")
    connection = await asyncpg.connect(empty_url)
    database = Database(lambda: empty_url, connections=1)
    await database.open()
    try:
        await bring_before(connection, this)
        await connection.execute(FILL)
        assert (await migrate(database))[0] == this
        await connection.execute(
            "INSERT INTO job_queue (job_id, priority, weight) VALUES (4, 'LOW', 1), (5, 'LOW', -1)"
        )
        wanted = [JobId(number) for number in (2, 4, 1, 3, 5)]
        assert [one.job for one in await admissions.head(database, 10)] == wanted
        # Also where it is read from a place on, as long as somebody holds a snapshot: those with a weight are never passed.
        assert [one.job for one in await admissions.head_behind(database, 10, {})] == wanted
        found = await connection.fetch("SELECT action ->> 'form', payload FROM delivery ORDER BY event_id")
        account = ["ms-mediaservices-accountid", "a3a2d5f0-6f0c-4e53-9a44-0d3f6a5f1c11"]
        assert [(form, json.loads(payload)) for form, payload in found] == [
            ("prepared", [account, ["", "{}"], ["ms-signature", "sha256=AB"]]),
            ("prepared", [account, ["", "{}"]]),
            ("vidispine", [["body", "x"]]),
        ]
    finally:
        await database.close()
        await connection.close()
