"""A database from before less was written: what is under way there goes on, and what has happened there is still told."""

from __future__ import annotations

import asyncpg

from tests.migration.past import bring_before
from vidijob.jobs.model import JobId
from vidijob.store import events
from vidijob.store.database import Database
from vidijob.store.migrate import load, migrate

#: A slot that a job of a group has left, one that a job has, and what happened to that job.
FILL = """
    INSERT INTO job (id, type, state, priority, owner, total_steps) VALUES (7, 'WORK', 'STARTED', 'MEDIUM', 'somebody', 1);
    INSERT INTO slot (number, job_id, task_group, group_place) VALUES (1, NULL, 'cloud', 1), (2, 7, 'cloud', 1);
    INSERT INTO event (job_id, old_state, new_state, actor) VALUES (7, NULL, 'READY', 'somebody');
    INSERT INTO event (job_id, old_state, new_state, actor) VALUES (7, 'READY', 'STARTED', 'scheduler');
"""
#: What one statement does to a job from now on.
LATER = """
    INSERT INTO event (job_id, step, old_state, new_state, actor, further)
    VALUES (7, 100, 'STARTED', 'FINISHED', 'worker',
            '200 NONE READY scheduler;200 READY STARTED worker'),
           (7, NULL, 'STARTED', 'FINISHED', 'scheduler', NULL)
"""


async def test_slots_and_events_that_were_there_before(empty_url: str) -> None:
    (this,) = (one for one in load() if one.name == "less_written")
    assert this.breaking
    connection = await asyncpg.connect(empty_url)
    database = Database(lambda: empty_url, connections=1)
    await database.open()
    try:
        await bring_before(connection, this)
        await connection.execute(FILL)
        before = await events.now(database)
        assert (await migrate(database))[0] == this
        slots = await connection.fetch("SELECT number, job_id, task_group, group_place FROM slot ORDER BY number")
        assert [tuple(slot) for slot in slots] == [(1, None, None, None), (2, 7, "cloud", 1)]
        await connection.execute(LATER)
        told = await events.history(database, JobId(7))
        assert [(one.step, one.old, one.new) for one in told] == [
            (None, None, "READY"),
            (None, "READY", "STARTED"),
            (100, "STARTED", "FINISHED"),
            (200, "NONE", "READY"),
            (200, "READY", "STARTED"),
            (None, "STARTED", "FINISHED"),
        ]
        ids = [one.id for one in told]
        assert ids == sorted(set(ids))
        # Whoever read half of what one statement did is told the other half, however little is asked for at once.
        place, found = before, []
        while True:
            some, place = await events.since(database, place, None, 1)
            found += some
            if not some:
                break
        assert found == told[2:]
    finally:
        await database.close()
        await connection.close()
