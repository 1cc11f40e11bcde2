"""Fills a database with jobs that have ended, as a few years of use would leave them: by COPY, ten thousand in one
transaction, with the counts kept right, also beside a server that works.

A job has a type of twelve, an owner of fifty (the first of them has a seventh of all), a priority, times, and five keys of
job data: one of a thousand projects, one of twenty sites, batches of five hundred, an item and a source. 93.5 % have
finished, the others failed, were aborted or finished with a warning. With steps: each has its row, with one attempt, and its
three events, and the job its own three. The same number is filled in the same way each time, but for ids and dates.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState, StepState
from vidijob.store import bench, counts
from vidijob.store.database import Database

BATCH = 10_000
_TYPES = (
    "TRANSCODE", "THUMBNAIL", "PLACEHOLDER_IMPORT", "EXPORT", "COPY_FILE", "MOVE_FILE", "DELETE_FILE", "SHAPE_UPDATE",
    "ANALYZE", "CONFORM", "IMF_ANALYZE", "FILE_ANALYZE",
)  # fmt: skip
_ENDS = (JobState.FINISHED, JobState.FAILED_TOTAL, JobState.ABORTED, JobState.FINISHED_WARNING)
_SHARES = (93.5, 3.5, 1.5, 1.5)
_USERS = 50
_SPAN = timedelta(days=3 * 365)
_WORKER = UUID(int=1)
_STEPS = ("Prepare", "Work", "Write the result", "Tell")

_JOB = ("id", "type", "state", "verdict", "priority", "owner", "started", "finished", "data", "total_steps")
_STEP = (
    "job_id", "number", "description", "executor", "method", "critical", "cleanup", "state", "waiting", "unlocks", "tries",
    "at", "attempt", "worker",
)  # fmt: skip
_EVENT = ("at", "job_id", "step", "old_state", "new_state", "actor")
_COUNT = ("type", "new_state", "owner", "priority", "jobs")


async def fill(database: Database, number: int, *, steps: int, told: Callable[[int], None] = lambda _: None) -> None:
    """Add so many jobs of so many steps, then let the tables be tidied; ``told`` is called with how many are there."""
    chance = random.Random(number)
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    for done in range(0, number, BATCH):
        size = min(BATCH, number - done)
        async with database.transaction() as session:
            ids = await bench.next_ids(session, size)
            begun = end - _SPAN + _SPAN * (done / number)
            jobs = list(_jobs(chance, ids, done, begun, _SPAN / number, steps))
            await bench.copy(session, "job", _JOB, jobs)
            if steps:
                attempts = await bench.next_attempts(session, size * steps)
                await bench.copy(session, "step", _STEP, _steps(jobs, steps, attempts))
                await bench.copy(session, "event", _EVENT, _events(jobs, steps))
            kinds = Counter((job[1], job[2], job[5], job[4]) for job in jobs)
            await bench.copy(session, "job_count_change", _COUNT, [(*kind, jobs) for kind, jobs in kinds.items()])
        await counts.fold(database, BATCH)
        told(done + size)
    while await counts.fold(database, BATCH):
        pass
    await bench.tidy(database)


def _jobs(
    chance: random.Random, ids: Sequence[int], before: int, begun: datetime, apart: timedelta, steps: int
) -> Iterator[tuple[Any, ...]]:
    priorities = [priority.value for priority in Priority if priority is not Priority.IMMEDIATE]
    for place, id in enumerate(ids):
        state = chance.choices(_ENDS, _SHARES)[0].value
        started = begun + apart * place
        started = started.replace(microsecond=started.microsecond // 1000 * 1000)
        data = {
            "project": [f"p{int(1000 * chance.random())}"],
            "site": [f"s{int(20 * chance.random())}"],
            "batch": [f"b{(before + place) // 500}"],
            "itemId": [f"VX-{id}"],
            "sourceUri": [f"file:///media/ingest/{id}.mov"],
        }
        yield (
            id,
            chance.choice(_TYPES),
            state,
            state,
            chance.choice(priorities),
            f"user{int(_USERS * chance.random() ** 2)}",
            started,
            started + timedelta(milliseconds=int(200 + 60_000 * chance.random() ** 3)),
            data,
            steps,
        )


def _steps(jobs: Sequence[tuple[Any, ...]], steps: int, attempts: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    attempt = iter(attempts)
    for job in jobs:
        for number in range(1, steps + 1):
            unlocks = [100 * (number + 1)] if number < steps else []
            what = _STEPS[(number - 1) % len(_STEPS)]
            critical = job[2] != JobState.FINISHED_WARNING
            state, at = _end(job, number, steps), _at(job, number, steps)
            yield (
                job[0], 100 * number, what, "media", "work", critical, False, state, 0, unlocks, 1,
                at, next(attempt), _WORKER,
            )  # fmt: skip


def _events(jobs: Sequence[tuple[Any, ...]], steps: int) -> Iterator[tuple[Any, ...]]:
    for job in jobs:
        id, worker = job[0], str(_WORKER)
        yield job[6], id, None, None, "READY", job[5]
        yield job[6], id, None, "READY", "STARTED", "scheduler"
        for number in range(1, steps + 1):
            begun, step = _at(job, number - 1, steps), 100 * number
            yield begun, id, step, "NONE", "READY", "scheduler"
            yield begun, id, step, "READY", "STARTED_ASYNCHRONOUS", worker
            yield _at(job, number, steps), id, step, "STARTED_ASYNCHRONOUS", _end(job, number, steps), worker
        if job[2] == JobState.ABORTED:
            yield job[7], id, None, "STARTED", JobState.ABORTED_PENDING.value, job[5]
        yield job[7], id, None, _before(job), job[2], "scheduler"


def _end(job: tuple[Any, ...], number: int, steps: int) -> str:
    """Return how a step ended: where not all went well, the last one failed."""
    failed = number == steps and job[2] != JobState.FINISHED
    return (StepState.FAILED_FATAL if failed else StepState.FINISHED).value


def _before(job: tuple[Any, ...]) -> str:
    return (JobState.ABORTED_PENDING if job[2] == JobState.ABORTED else JobState.STARTED).value


def _at(job: tuple[Any, ...], number: int, steps: int) -> datetime:
    at: datetime = job[6] + (job[7] - job[6]) * (number / steps)
    return at
