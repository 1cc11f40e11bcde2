"""Steps in the database: claim, keep, end, give back. Every write names the lease it holds; what names an old one has no
effect. With ``jobs.py`` the only writer of a state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from vidijob.jobs.model import (
    JobData,
    JobId,
    Lease,
    LeaseNumber,
    Note,
    Priority,
    Progress,
    StepNumber,
    SubTask,
    WorkerId,
)
from vidijob.jobs.states import StepEvent, StepState, step_sources
from vidijob.store import jobs, problems, remote_calls, sub_tasks
from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record

#: Somebody looks again whether a problem is gone, so long after the last look, unless a setting says otherwise.
CHECK_AGAIN = timedelta(minutes=1)


class Held(NamedTuple):
    """The name of a lease: which step, and by which number."""

    job: JobId
    step: StepNumber
    number: LeaseNumber


@dataclass(frozen=True, slots=True)
class Overdue:
    """A lease that ran out."""

    held: Held
    #: How often that happened to this step before.
    vanished: int


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended."""

    held: Held
    #: FINISHED, WAITING, FAILED_RETRY or FAILED_FATAL.
    state: StepState
    error: str | None = None
    #: Job data to set; ``None`` takes a key away.
    data: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    #: Before the next try, after FAILED_RETRY.
    delay: timedelta = timedelta()
    #: What it waits for, after WAITING: type and data of the problem.
    problem: tuple[str, Mapping[str, str]] | None = None
    #: The last progress told.
    progress: Progress | None = None
    #: Log lines not stored yet.
    notes: Sequence[Note] = ()
    #: As how many sub-tasks it was done; ``None``: as one.
    total_sub_tasks: int | None = None
    #: All that are listed.
    sub_tasks: Sequence[SubTask] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """What has become of ends."""

    #: What is in neither had lost its lease and changed nothing.
    accepted: set[Held]
    #: Those of jobs that somebody else had locked just now: to be told again.
    busy: set[Held]
    #: Jobs that ended by it.
    over: list[JobId]


async def claim(
    database: Database,
    worker: WorkerId,
    executors: Sequence[str],
    *,
    limit: int,
    urgent_only: bool,
    duration: timedelta,
    short: Sequence[str] = (),
    left: Mapping[str, float] | None = None,
) -> list[Lease]:
    """Lease the next steps that a worker can carry out; of those that need some of what it has ``left``, one at most.

    ``short`` are the methods that take moments, ``executor.method``.
    """
    rows = await database.rows(
        "step.claim",
        worker,
        # Steps that are to fail without being carried out are anybody's.
        [*executors, ""],
        limit,
        urgent_only,
        duration.total_seconds(),
        [state.value for state in step_sources(StepEvent.START)],
        list(short),
        dict(left or {}),
    )
    return [lease(row) for row in rows]


def lease(row: Record) -> Lease:
    """Return the lease that a row tells of."""
    return Lease(
        job=JobId(row["job_id"]),
        step=StepNumber(row["step"]),
        number=LeaseNumber(row["number"]),
        ordinal=row["ordinal"],
        retries=row["retries"],
        cleanup=row["cleanup"],
        job_type=row["job_type"],
        executor=row["executor"],
        method=row["method"],
        metadata=row["metadata"],
        script=row["script"],
        owner=row["owner"],
        priority=Priority(row["priority"]),
        data=row["data"],
        doom=row["doom"],
        needs=row["needs"] or {},
    )


@dataclass(frozen=True, slots=True)
class WaitingScript:
    """The script of a step that waits, and what it needs to know of its job."""

    source: str
    owner: str
    data: JobData
    metadata: Mapping[str, str]


async def begun(session: Session, jobs: Collection[JobId]) -> set[JobId]:
    """Return those of some jobs of which a step was tried."""
    return {JobId(row["job_id"]) for row in await session.rows("step.begun", list(jobs))}


async def waiting_script(database: Database, job: JobId, step: StepNumber) -> WaitingScript | None:
    """Return the script of a step, if it waits."""
    row = await database.row("step.waiting_script", job, step)
    return WaitingScript(row["source"], row["owner"], row["data"], row["metadata"]) if row is not None else None


async def extend(database: Database, beats: Mapping[Held, Progress | None], duration: timedelta) -> dict[Held, bool]:
    """Keep leases and store their progress; returns those still held, and whether each is to stop."""
    documents = [
        name(held) | sub_tasks.progress(told)
        for held, told in sorted(beats.items(), key=lambda beat: (beat[0].job, beat[0].step))
    ]
    rows = await database.rows("step.extend", documents, duration.total_seconds())
    return {
        Held(JobId(row["job_id"]), StepNumber(row["step"]), LeaseNumber(row["number"])): row["stop"] for row in rows
    }


async def note(database: Database, notes: Mapping[Held, Sequence[Note]]) -> None:
    """Add lines to the log of attempts that are still held."""
    await database.rows("step.note", [name(held) | {"notes": notes_of(lines)} for held, lines in notes.items()])


async def tell(database: Database, told: Mapping[Held, Mapping[str, Sequence[str]]]) -> None:
    """Store job data that attempts tell which are still held; it takes the place of what they told before."""
    await database.rows("step.tell", [name(held) | {"data": data_of(data)} for held, data in told.items()])


async def end(
    database: Database, ends: Sequence[End], *, expired_only: bool = False, check_again: timedelta = CHECK_AGAIN
) -> Ended:
    """End attempts and move their jobs on, in one transaction. With ``expired_only`` a lease that was extended meanwhile stays."""
    numbers = {(end.held.job, end.held.step): end.held for end in ends}
    async with database.transaction() as session:
        locked = await jobs.lock_free(session, [end.held.job for end in ends])
        busy = await jobs.known(session, {end.held.job for end in ends} - locked.keys())
        documents = [_document(end) for end in ends if end.held.job in locked]
        rows = await session.rows("step.end", documents, expired_only)
        await remote_calls.come_back(session, locked)
        taken = {(row["job_id"], row["step"]) for row in rows}
        waits = [_wait(end) for end in ends if end.problem is not None and (end.held.job, end.held.step) in taken]
        if waits:
            await session.rows("problem.join", waits, check_again.total_seconds())
        decisive = sorted({JobId(row["job_id"]) for row in rows if row["decisive"]})
        over = await jobs.conclude(session, decisive) if decisive else []
    return Ended({numbers[step] for step in taken}, {end.held for end in ends if end.held.job in busy}, over)


def _document(end: End) -> dict[str, Any]:
    return (
        name(end.held)
        | {"state": end.state.value, "error": end.error, "data": data_of(end.data), "delay": end.delay.total_seconds()}
        | sub_tasks.progress(end.progress)
        | {"notes": notes_of(end.notes), "total_sub_tasks": end.total_sub_tasks}
        | {"sub_tasks": [sub_tasks.document(sub_task) for sub_task in end.sub_tasks]}
    )


async def held_by(database: Database, worker: WorkerId) -> list[Held]:
    """Return what a worker holds by the database, whether it knows or not."""
    return [
        Held(JobId(row["job_id"]), StepNumber(row["step"]), LeaseNumber(row["number"]))
        for row in await database.rows("step.held_by", worker)
    ]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is about to happen to steps."""

    #: Seconds until the next lease runs out; ``None``: there is none.
    expiry: float | None
    #: Seconds until the next step may be taken that may not yet.
    ready: float | None
    #: Whether a step may be taken now.
    due: bool


async def outlook(database: Database) -> Outlook:
    """Look at what is about to happen."""
    row = await database.row("step.outlook")
    assert row is not None
    return Outlook(row["expiry"], row["ready"], row["due"])


async def overdue(database: Database) -> list[Overdue]:
    """Return the leases that ran out."""
    return [
        Overdue(Held(JobId(row["job_id"]), StepNumber(row["step"]), LeaseNumber(row["number"])), row["vanished"])
        for row in await database.rows("step.overdue")
    ]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a step needs of a worker."""

    executor: str
    needs: Mapping[str, float]


async def demands(database: Database) -> list[Demand]:
    """Return what queued steps need, each once."""
    return [Demand(row["executor"], row["needs"] or {}) for row in await database.rows("step.demands")]


async def strand(database: Database, demand: Demand, type: str, data: Mapping[str, str], reason: str) -> int:
    """Let all queued steps that need just this wait for a problem; returns how many it were."""
    allowed = [state.value for state in step_sources(StepEvent.STRAND)]
    count = 0
    while True:
        found = await database.rows("step.waiting_for", demand.executor, dict(demand.needs) or None, 200)
        async with database.transaction() as session:
            concerned = sorted({JobId(row["job_id"]) for row in found})
            await jobs.lock(session, concerned)
            names = [{"job_id": row["job_id"], "step": row["step"]} for row in found]
            rows = await session.rows("step.strand", names, allowed, reason)
            waits = [dict(row) | {"type": type, "data": dict(data), "reason": reason} for row in rows]
            if waits:
                await session.rows("problem.join", waits, CHECK_AGAIN.total_seconds())
                await jobs.conclude(session, sorted({JobId(row["job_id"]) for row in rows}))
        count += len(rows)
        if len(rows) < 200:
            return count


async def give_back(database: Database, leases: Sequence[Held], worker: WorkerId | None) -> list[Held]:
    """Queue steps again whose leases ran out, or that their own worker hands back; returns those it was so for.

    Leases that ran out of jobs that somebody has locked stay for the next time.
    """
    numbers = {(held.job, held.step): held for held in leases}
    async with database.transaction() as session:
        lock = jobs.lock_free if worker is None else jobs.lock
        locked = await lock(session, [held.job for held in leases])
        rows = await session.rows("step.give_back", [name(held) for held in leases if held.job in locked], worker)
        await remote_calls.come_back(session, locked)
        decisive = sorted({JobId(row["job_id"]) for row in rows if row["decisive"]})
        if decisive:
            await jobs.conclude(session, decisive)
    return [numbers[row["job_id"], row["step"]] for row in rows]


async def repair(database: Database, strays: Sequence[JobId]) -> list[str]:
    """Move jobs on that stand still though nothing holds them; returns what was repaired, in words."""
    async with database.transaction() as session:
        locked = await jobs.lock_free(session, strays)
        # Looked at again under the lock: most of what looked astray was between two statements of somebody else.
        still = {JobId(row["id"]) for row in await session.rows("job.stray")} & locked.keys()
        queued = await session.rows("step.repair", sorted(still)) if still else []
        over = await jobs.conclude(session, sorted(still)) if still else []
        released = await problems.release_strays(session, sorted(still)) if still else []
    return (
        [f"step {row['step']} of job {row['job_id']} queued" for row in queued]
        + [f"job {job} ended" for job in over]
        + [f"job {job} queued again, since it waited for nothing" for job in released]
    )


def _wait(end: End) -> dict[str, Any]:
    assert end.problem is not None
    type, data = end.problem
    return {
        "job_id": end.held.job,
        "step": end.held.step,
        "type": type,
        "data": dict(data),
        "reason": end.error or type,
    }


def name(held: Held) -> dict[str, Any]:
    """Return a lease's name as the statements take it."""
    return {"job_id": held.job, "step": held.step, "number": held.number}


def data_of(data: Mapping[str, Sequence[str] | None]) -> dict[str, list[str] | None]:
    """Return job data as the statements take it."""
    return {key: None if values is None else list(values) for key, values in data.items()}


def notes_of(notes: Sequence[Note]) -> list[dict[str, Any]]:
    """Return log lines as the statements take them."""
    return [{"at": line.at.timestamp(), "text": line.text} for line in notes]
