"""Jobs in the database: rows ⇄ model. With ``steps.py`` the only writer of a state; it knows no policy and no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.model import (
    Attempt,
    CurrentStep,
    Filter,
    Job,
    JobData,
    JobId,
    Note,
    Priority,
    Progress,
    StepNumber,
)
from vidijob.jobs.policy import Admission, Slot
from vidijob.jobs.states import JobEvent, JobState, StepState, job_sources
from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is stored of a job at first."""

    type: str
    state: JobState
    priority: Priority
    owner: str
    data: JobData
    steps: Sequence[PlannedStep]
    #: For the event log: ``re-run of VX-3``.
    remark: str | None = None


async def submit(database: Database, jobs: Sequence[NewJob]) -> list[tuple[JobId, datetime]]:
    """Store jobs, all or none, in one round trip; returns id and time of each."""
    rows = await database.rows("job.submit", [_document(job) for job in jobs])
    return [(JobId(row["id"]), row["started"]) for row in rows]


def _document(job: NewJob) -> dict[str, Any]:
    return {
        "type": job.type,
        "state": job.state.value,
        "priority": job.priority.value,
        "owner": job.owner,
        "data": {key: list(values) for key, values in job.data.items()},
        "total_steps": sum(not step.task.cleanup for step in job.steps),
        "remark": job.remark,
        "steps": [
            {
                "number": step.task.step,
                "description": step.task.description,
                "executor": step.task.executor,
                "method": step.task.method,
                "metadata": dict(step.task.metadata),
                "critical": step.task.critical,
                "cleanup": step.task.cleanup,
                "waiting": step.waiting,
                "waiting_parallel": step.waiting_parallel,
                "unlocks": step.unlocks,
                "unlocks_parallel": step.unlocks_parallel,
            }
            for step in job.steps
        ],
    }


async def lock(session: Session, jobs: Sequence[JobId]) -> dict[JobId, tuple[JobState, Priority]]:
    """Lock jobs for a change until the transaction ends; returns those that exist."""
    return {
        JobId(row["id"]): (JobState(row["state"]), Priority(row["priority"]))
        for row in await session.rows("job.lock", sorted(set(jobs)))
    }


async def conclude(session: Session, jobs: Sequence[JobId]) -> list[JobId]:
    """Judge locked jobs and take those whose end is certain one move further; returns those that ended by it."""
    certain = [row["id"] for row in await session.rows("job.judge", list(jobs))]
    if not certain:
        return []
    return [JobId(row["id"]) for row in await session.rows("job.settle", certain)]


async def abort(session: Session, job: JobId, *, cleanup: bool, actor: str, reason: str | None) -> JobState | None:
    """Mark a locked job for abortion; returns its new state, or ``None`` when its state does not allow it."""
    row = await session.row(
        "job.abort",
        job,
        [state.value for state in job_sources(JobEvent.DROP)],
        [state.value for state in job_sources(JobEvent.ABORT)],
        cleanup,
        actor,
        reason,
    )
    return JobState(row["state"]) if row is not None else None


async def prioritise(session: Session, job: JobId, priority: Priority, actor: str) -> None:
    """Give a locked job another priority."""
    await session.rows("job.prioritise", job, priority.value, actor)


async def delete(session: Session, jobs: Sequence[JobId], actor: str) -> list[JobId]:
    """Delete locked jobs that have ended; returns them."""
    return [JobId(row["id"]) for row in await session.rows("job.delete", list(jobs), actor)]


async def head(database: Database, limit: int) -> list[tuple[JobId, Priority]]:
    """Return the next jobs in the queue."""
    return [(JobId(row["job_id"]), Priority(row["priority"])) for row in await database.rows("job.head", limit)]


async def free_slots(database: Database, concurrent_jobs: int) -> list[Slot]:
    """Return the slots that a job may be put in."""
    return [
        Slot(row["number"], Priority(row["least_priority"]))
        for row in await database.rows("job.free_slots", concurrent_jobs)
    ]


async def resize(database: Database, concurrent_jobs: int) -> None:
    """Make as many slots as jobs may run at once."""
    await database.rows("job.resize", concurrent_jobs)


async def admit(database: Database, holder: UUID, term: int, admissions: Sequence[Admission]) -> list[JobId]:
    """Start queued jobs if the caller still leads; returns those that started."""
    async with database.transaction() as session:
        await lock(session, [admission.job for admission in admissions])
        rows = await session.rows(
            "job.admit",
            holder,
            term,
            [admission.job for admission in admissions],
            [admission.slot for admission in admissions],
            [state.value for state in job_sources(JobEvent.ADMIT)],
        )
    return [JobId(row["id"]) for row in rows]


async def stray(database: Database) -> list[JobId]:
    """Return jobs that should have moved on and did not."""
    return [JobId(row["id"]) for row in await database.rows("job.stray")]


async def get(database: Database, job: JobId) -> Job | None:
    """Read one job, without its log."""
    row = await database.row("job.get", job)
    if row is None:
        return None
    current = None
    if row["current_state"] is not None:
        current = CurrentStep(row["current_description"], row["current_number"], StepState(row["current_state"]))
    return _job(row, current)


async def log(database: Database, job: JobId) -> tuple[Attempt, ...]:
    """Read every attempt of a job's steps."""
    return tuple(_attempt(row) for row in await database.rows("job.log", job))


async def listing(
    database: Database, wanted: Filter, *, newest_first: bool, first: int, number: int
) -> tuple[int, list[Job]]:
    """Return how many jobs a filter finds, and one page of them; ``first`` counts from 1."""
    arguments = (
        wanted.owner,
        None if wanted.types is None else list(wanted.types),
        None if wanted.states is None else [state.value for state in wanted.states],
        None if wanted.priorities is None else [priority.value for priority in wanted.priorities],
    )
    async with database.session() as session:
        hits: int = await session.value("job.hits", *arguments)
        if not number:
            return hits, []
        name = "job.list_newest" if newest_first else "job.list_oldest"
        rows = await session.rows(name, *arguments, first - 1, number)
    return hits, [_job(row, None) for row in rows]


async def duplicate_of(database: Database, job: JobId) -> tuple[str, Priority, JobData] | None:
    """Return type, priority and data of a job that is to be run again."""
    row = await database.row("job.duplicate_of", job)
    return (row["type"], Priority(row["priority"]), row["data"]) if row is not None else None


def _job(row: Record, current: CurrentStep | None) -> Job:
    return Job(
        id=JobId(row["id"]),
        type=row["type"],
        user=row["owner"],
        state=JobState(row["state"]),
        priority=Priority(row["priority"]),
        started=row["started"],
        finished=row["finished"],
        data=row["data"],
        total_steps=row["total_steps"],
        current_step=current,
    )


def _attempt(row: Record) -> Attempt:
    progress = None
    if row["progress_value"] is not None:
        progress = Progress(row["progress_value"], row["progress_total"], row["progress_unit"])
    return Attempt(
        id=row["id"],
        step=StepNumber(row["step"]),
        description=row["description"],
        attempts=row["ordinal"],
        state=StepState(row["state"]),
        at=row["at"],
        progress=progress,
        error=row["error"],
        notes=tuple(_note(note) for note in row["notes"]),
    )


def _note(note: Mapping[str, Any]) -> Note:
    return Note(datetime.fromtimestamp(note["at"], UTC), note["text"])
