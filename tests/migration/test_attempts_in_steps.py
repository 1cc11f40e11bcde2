"""A database from before steps had their last attempts with them: every try is told as it was, and what is under way goes on."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import asyncpg

from tests.migration.past import bring_before
from vidijob.jobs.model import JobId, LeaseNumber, StepNumber, SubTask, WorkerId
from vidijob.jobs.states import StepState
from vidijob.store import jobs, steps
from vidijob.store.database import Database
from vidijob.store.migrate import load, migrate
from vidijob.store.steps import End, Held

WORKER = UUID(int=7)
#: A job with a step of each kind: 100 ended after a retry, 200 is held and divided, 300 is tried again later, 400 was let wait
#: after a retry, 500 was not begun. Another whose worker has vanished.
FILL = """
    INSERT INTO job (id, type, state, priority, owner, total_steps)
    VALUES (7, 'WORK', 'STARTED', 'MEDIUM', 'somebody', 5), (8, 'WORK', 'STARTED', 'MEDIUM', 'somebody', 1);
    INSERT INTO step (job_id, number, description, executor, method, critical, cleanup, state, waiting, tries, retries, needs)
    VALUES (7, 100, 'One', 'test', 'work', true, false, 'FINISHED', 0, 2, 1, NULL),
           (7, 200, 'Two', 'test', 'work', true, false, 'STARTED_SUBTASKS', 0, 1, 0, '{"gpu": 1}'),
           (7, 300, 'Three', 'test', 'work', true, false, 'FAILED_RETRY', 0, 1, 1, NULL),
           (7, 400, 'Four', 'test', 'work', true, false, 'WAITING', 0, 1, 1, NULL),
           (7, 500, 'Five', 'test', 'work', true, false, 'NONE', 4, 0, 0, NULL),
           (8, 100, 'One', 'test', 'work', true, false, 'DISAPPEARED', 0, 1, 0, NULL);
    INSERT INTO attempt (job_id, step, ordinal, state, worker, error, notes, progress_value, total_sub_tasks)
    VALUES (7, 100, 0, 'FAILED_RETRY', '{worker}', 'no', '[]', NULL, NULL),
           (7, 100, 1, 'FINISHED', '{worker}', NULL, '[{"at": 1, "text": "done"}]', 3, NULL),
           (7, 200, 0, 'STARTED_SUBTASKS', '{worker}', NULL, '[{"at": 1, "text": "begun"}]', NULL, 2),
           (7, 300, 0, 'FAILED_RETRY', '{worker}', 'not now', '[]', NULL, NULL),
           (7, 400, 0, 'FAILED_RETRY', '{worker}', 'nor then', '[]', NULL, NULL),
           (8, 100, 0, 'DISAPPEARED', '{worker}', NULL, '[]', NULL, NULL);
    INSERT INTO sub_task (attempt, place, description, state, at)
    SELECT id, 0, 'A part', 'STARTED', now() FROM attempt WHERE step = 200;
    INSERT INTO lease (job_id, step, number, attempt, worker, expires_at, data)
    SELECT job_id, step, 3, id, worker, 'infinity', '{"told": ["it"]}' FROM attempt WHERE step = 200;
    INSERT INTO step_queue (job_id, step, executor, urgent, priority)
    VALUES (7, 300, 'test', false, 'MEDIUM'), (8, 100, 'test', false, 'MEDIUM');
    INSERT INTO worker (id, host, pid, executors, slots, seen_at) VALUES ('{worker}', 'here', 1, '{test}', 1, now() - interval '1 h');
    SELECT setval('lease_number', 3);
    INSERT INTO event (job_id, step, old_state, new_state, actor, remark, further)
    VALUES (7, NULL, NULL, 'READY', 'some body; else', 'a remark', NULL),
           (7, 100, 'STARTED', 'FINISHED', 'worker', NULL,
            ARRAY[(200, 'NONE', 'READY', 'scheduler'), (NULL, 'STARTED', 'FINISHED', 'scheduler')]::further_event[]);
""".replace("{worker}", str(WORKER))


async def test_attempts_that_were_there_before(empty_url: str) -> None:
    (this,) = (one for one in load() if one.name == "attempts_in_steps")
    assert this.breaking
    connection = await asyncpg.connect(empty_url)
    database = Database(lambda: empty_url, connections=2)
    await database.open()
    try:
        await bring_before(connection, this)
        await connection.execute(FILL)
        every = "SELECT id, job_id, step, ordinal, state, at, worker, error, total_sub_tasks FROM attempt ORDER BY id"
        before = await connection.fetch(every)
        happened = await connection.fetch("SELECT * FROM happened ORDER BY id")
        assert (await migrate(database))[0] == this
        assert await connection.fetch(every) == before
        assert len(happened) == 4 and await connection.fetch("SELECT * FROM happened ORDER BY id") == happened
        assert await connection.fetchval("SELECT count(*) FROM earlier_attempt") == 2, (
            "the first of 100, and that of 400"
        )
        assert await connection.fetchval("SELECT vanished_at > seen_at FROM worker")
        held = Held(JobId(7), StepNumber(200), LeaseNumber(3))
        await steps.end(database, [End(held, StepState.FAILED_RETRY, error="once more")])
        leases = await steps.claim(
            database, WorkerId(WORKER), ["test"], limit=9, urgent_only=False, duration=timedelta(minutes=1)
        )
        assert [(one.job, one.step, one.ordinal) for one in leases] == [(7, 300, 1), (8, 100, 1)]
        (job,) = (await jobs.read(database, [JobId(7)])).values()
        assert job.log is not None
        told = [(one.step, one.attempts, one.state, one.error, [note.text for note in one.notes]) for one in job.log]
        assert told == [
            (100, 0, StepState.FAILED_RETRY, "no", []),
            (100, 1, StepState.FINISHED, None, ["done"]),
            (200, 0, StepState.FAILED_RETRY, "once more", ["begun"]),
            (300, 0, StepState.FAILED_RETRY, "not now", []),
            (300, 1, StepState.STARTED_ASYNCHRONOUS, None, []),
            (400, 0, StepState.FAILED_RETRY, "nor then", []),
        ]
        parts: tuple[SubTask, ...] = job.log[2].sub_tasks
        assert [(part.description, part.state) for part in parts] == [("A part", StepState.STARTED)]
    finally:
        await database.close()
        await connection.close()
