"""What metrics are read from, in the database. Nothing here takes longer the more jobs there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidijob.jobs.model import JobId, StepNumber
from vidijob.store.database import Database


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read at one moment."""

    #: By type and state.
    jobs: dict[tuple[str, str], int]
    #: By priority, in seconds.
    queue_age: dict[str, float]
    #: By type.
    problems: dict[str, int]
    steps_queued: int
    #: In seconds; ``None``: no step is ready.
    step_age: float | None
    steps_held: int
    slots_free: int
    slots_taken: int
    workers_working: int
    workers_drained: int
    worker_slots: int
    led: bool
    events: int
    events_seen: int
    deliveries: int
    lanes_troubled: int


async def read(database: Database) -> Readings:
    """Read all of it, on one connection."""
    async with database.session() as session:
        jobs = {(row["type"], row["state"]): int(row["jobs"]) for row in await session.rows("meter.jobs")}
        ages = {row["priority"]: float(row["waited"]) for row in await session.rows("meter.queue")}
        problems = {row["type"]: int(row["problems"]) for row in await session.rows("meter.problems")}
        engine = dict(await session.row("meter.engine") or {})
    return Readings(jobs, ages, problems, **engine)


async def admissions(database: Database, jobs: Sequence[JobId]) -> list[float]:
    """Return for how many seconds jobs were queued before they were started."""
    return [float(row["waited"]) for row in await database.rows("meter.admissions", list(jobs))]


async def claims(database: Database, steps: Sequence[tuple[JobId, StepNumber]]) -> list[float]:
    """Return for how many seconds steps were ready before a worker had them."""
    jobs, numbers = [job for job, _ in steps], [step for _, step in steps]
    return [float(row["waited"]) for row in await database.rows("meter.claims", jobs, numbers)]
