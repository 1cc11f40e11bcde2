"""Jobs in the database: rows ⇄ model. With ``steps.py`` the only writer of a state; it knows no policy and no HTTP."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vidijob.jobs import placement
from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.model import (
    Attempt,
    CurrentStep,
    Job,
    JobData,
    JobId,
    Note,
    Origin,
    Priority,
    Progress,
    StepNumber,
    SubTask,
    Waiting,
    Watch,
)
from vidijob.jobs.notifications import NOTHING_ASKED, NotificationRequest
from vidijob.jobs.states import JobEvent, JobState, StepState, job_sources
from vidijob.jobs.uploads import UPLOAD
from vidijob.store import sub_tasks
from vidijob.store.database import Database, Session
from vidijob.store.records import NewRecord

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
    #: What it asks of notifications.
    asked: NotificationRequest = NOTHING_ASKED
    #: Under this key its owner submits it at most once.
    key: str | None = None
    #: Of a job that is one of several under one key: the SHA-256 of all that was ordered.
    among: bytes | None = None
    #: Stored beside it, by who submits it: ``origins.put``, ``traces.put``.
    origin: Origin | None = None
    trace: str | None = None
    #: What another face tells of it.
    watch: Watch = Watch.NONE
    #: What is kept with it.
    records: Sequence[NewRecord] = ()

    @property
    def digest(self) -> bytes:
        """What is ordered, as a SHA-256: equal for equal orders."""
        # Where an upload has landed is new each time; its checksum tells whether it is the same.
        data = {key: values for key, values in _texts(self.data).items() if key != UPLOAD}
        order = [self.type, self.state.value, self.priority.value, data, self.remark, _asked(self.asked)]
        order += [{"face": one.face, "document": one.document} for one in (self.origin,) if one is not None]
        return sha256(json.dumps(order, sort_keys=True).encode() + (self.among or b"")).digest()


async def submit(database: Database | Session, jobs: Sequence[NewJob]) -> list[tuple[JobId, datetime] | None]:
    """Store jobs, all or none, in one round trip; returns id and time of each, ``None`` for one whose owner has submitted
    its key before: see ``submitted``.
    """
    rows = await database.rows("job.submit", [document(job) for job in jobs])
    return [(JobId(row["id"]), row["started"]) if row["id"] is not None else None for row in rows]


async def submitted(database: Database | Session, owner: str, keys: Sequence[str]) -> dict[str, tuple[Job, bytes]]:
    """Return the jobs that a user submitted with some keys, as far as they are still there, and the digests of the orders."""
    rows = await database.rows("job.submitted", owner, list(keys))
    return {row["key"]: (from_row(row), row["digest"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands: enough to tell whether it is as it was."""

    state: JobState
    #: Another one with anything that is shown of the job.
    version: int


async def wanting(database: Database, uploads: Sequence[str]) -> set[str]:
    """Return those of some uploads, by their URIs, that a job which has not ended is about."""
    return {row["uri"] for row in await database.rows("job.wanting", UPLOAD, list(uploads))}


def document(job: NewJob) -> dict[str, Any]:
    """Return what a statement that stores a job reads."""
    keyed = {"submission": {"key": job.key, "digest": job.digest.hex()}} if job.key is not None else {}
    return {
        **keyed,
        "type": job.type,
        "state": job.state.value,
        "priority": job.priority.value,
        "owner": job.owner,
        "data": _texts(job.data),
        "total_steps": sum(not step.task.cleanup for step in job.steps),
        "remark": job.remark,
        **({"weight": job.origin.weight} if job.origin is not None else {}),
        **_asked(job.asked),
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
                "needs": placement.needs(step.task) or None,
            }
            for step in job.steps
        ],
    }


def _asked(asked: NotificationRequest) -> dict[str, Any]:
    if asked == NOTHING_ASKED:
        return {}
    return {"asked": {"notification": asked.notification, "data": _texts(asked.data)}}


def _texts(data: JobData) -> dict[str, list[str]]:
    return {key: list(values) for key, values in data.items()}


async def lock(session: Session, jobs: Sequence[JobId]) -> dict[JobId, tuple[JobState, Priority]]:
    """Lock jobs for a change until the transaction ends; returns those that exist."""
    return _locked(await session.rows("job.lock", sorted(set(jobs))))


async def lock_free(session: Session, jobs: Sequence[JobId]) -> dict[JobId, tuple[JobState, Priority]]:
    """Lock jobs as ``lock`` does, but wait for nobody; returns those that exist and that nobody else has locked.

    For what is done to many jobs at once: one client that goes to sleep in a transaction must not keep all of them waiting.
    """
    return _locked(await session.rows("lock.free", sorted(set(jobs))))


async def known(session: Session, jobs: Collection[JobId]) -> set[JobId]:
    """Return those of some jobs that are there."""
    return {JobId(row["id"]) for row in await session.rows("lock.known", list(jobs))} if jobs else set()


def _locked(rows: Sequence[Record]) -> dict[JobId, tuple[JobState, Priority]]:
    return {JobId(row["id"]): (JobState(row["state"]), Priority(row["priority"])) for row in rows}


async def conclude(session: Session, jobs: Sequence[JobId]) -> list[JobId]:
    """Judge locked jobs and take those whose end is certain one move further; returns those that ended by it.

    Of the others, those that can only wait become WAITING.
    """
    certain = {row["id"] for row in await session.rows("job.judge", list(jobs))}
    over = await session.rows("job.settle", sorted(certain)) if certain else []
    uncertain = [job for job in jobs if job not in certain]
    if uncertain:
        await session.rows("job.park", uncertain)
    return [JobId(row["id"]) for row in over]


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


async def release(session: Session, job: JobId, actor: str) -> bool:
    """Queue a locked job that was held; tells whether its state allowed it."""
    allowed = [state.value for state in job_sources(JobEvent.RELEASE)]
    return bool(await session.rows("job.release", job, allowed, actor))


async def prioritise(session: Session, job: JobId, priority: Priority, actor: str) -> None:
    """Give a locked job another priority."""
    await session.rows("job.prioritise", job, priority.value, actor)


async def delete(session: Session, jobs: Sequence[JobId], actor: str) -> list[JobId]:
    """Delete locked jobs that have ended; returns them."""
    return [JobId(row["id"]) for row in await session.rows("job.delete", list(jobs), actor)]


async def purge(database: Database, age: timedelta, limit: int) -> tuple[int, int]:
    """Delete some of the jobs that ended so long ago, and some lines about jobs deleted so long ago; returns how many."""
    rows = await database.rows("job.purge", age.total_seconds(), limit)
    traces = await database.rows("job.purge_traces", age.total_seconds(), limit)
    return len(rows), len(traces)


async def stray(database: Database) -> list[JobId]:
    """Return jobs that should have moved on and did not."""
    return [JobId(row["id"]) for row in await database.rows("job.stray")]


async def read(database: Database, jobs: Collection[JobId]) -> dict[JobId, Job]:
    """Read jobs, with where they are and their logs; returns those that there are."""
    async with database.session() as session:
        found = await some(session, jobs)
        return {job.id: job for job in await with_steps(session, list(found.values()))} if found else {}


async def some(session: Session, jobs: Collection[JobId]) -> dict[JobId, Job]:
    """Read jobs without their steps; returns those that there are."""
    return {JobId(row["id"]): from_row(row) for row in await session.rows("job.some", list(jobs))} if jobs else {}


async def ended(database: Database, jobs: Collection[JobId]) -> dict[JobId, datetime]:
    """Return when jobs ended; those that have not, or are not there, are left out."""
    return {JobId(row["id"]): row["finished"] for row in await database.rows("job.ended", list(jobs))}


async def standing(database: Database, jobs: Collection[JobId]) -> dict[JobId, Standing]:
    """Return where jobs stand; those that are not there are left out."""
    rows = await database.rows("job.standing", list(jobs))
    return {JobId(row["id"]): Standing(JobState(row["state"]), row["version"]) for row in rows}


async def types(database: Database, jobs: Collection[JobId]) -> dict[JobId, str]:
    """Return the types of jobs; those that are not there are left out."""
    return {JobId(row["id"]): row["type"] for row in await database.rows("job.types", list(jobs))}


async def with_steps(session: Session, found: Sequence[Job]) -> list[Job]:
    """Return the jobs with where they are, their logs, and what their running steps tell in their data."""
    ids = [job.id for job in found]
    current = {
        row["job_id"]: CurrentStep(row["description"], row["number"], StepState(row["state"]))
        for row in await session.rows("job.current", ids)
    }
    logs: dict[int, list[Attempt]] = {id: [] for id in ids}
    log = await session.rows("job.log", ids)
    divided = sorted({JobId(row["job_id"]) for row in log if row["total_sub_tasks"] is not None})
    parts = await sub_tasks.of_jobs(session, divided) if divided else {}
    told: dict[int, dict[str, list[str]]] = {}
    for row in log:
        logs[row["job_id"]].append(_attempt(row, parts.get(row["id"], ())))
        if row["data"] is not None:
            told.setdefault(row["job_id"], {}).update(row["data"])
    stuck = [job.id for job in found if job.state is JobState.WAITING]
    waiting = {
        row["job_id"]: Waiting(row["type"], row["reason"])
        for row in (await session.rows("problem.of_jobs", stuck) if stuck else ())
    }
    return [
        replace(
            job,
            current_step=current.get(job.id),
            log=tuple(logs[job.id]),
            waiting=waiting.get(job.id),
            data={**job.data, **told.get(job.id, {})},
        )
        for job in found
    ]


async def duplicate_of(database: Database, job: JobId) -> tuple[str, Priority, JobData, NotificationRequest] | None:
    """Return type, priority and data of a job that is to be run again, and what it asked of notifications."""
    row = await database.row("job.duplicate_of", job)
    if row is None:
        return None
    asked = NotificationRequest(row["notification_id"], row["notification_data"] or {})
    return row["type"], Priority(row["priority"]), row["data"], asked


def from_row(row: Record) -> Job:
    """Return the job that a row tells of, without its steps."""
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
    )


def _attempt(row: Record, parts: tuple[SubTask, ...]) -> Attempt:
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
        total_sub_tasks=row["total_sub_tasks"],
        sub_tasks=parts,
    )


def _note(note: Mapping[str, Any]) -> Note:
    return Note(datetime.fromtimestamp(note["at"], UTC), note["text"])
