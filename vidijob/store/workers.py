"""Who works, who leads, who is woken: rows, not rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from vidijob.jobs.model import JobId, Progress, StepNumber, WorkerId
from vidijob.jobs.resources import Resources
from vidijob.store.database import Database

#: What may be told to whoever listens: a job was queued, a step was queued, a lease has to stop, a problem is to be looked
#: at, a worker is spoken to, something happened that none of these says, something is to be delivered, an engine elsewhere
#: called back, nothing at all (so that who listens knows that it would hear).
Channel = Literal[
    "vidijob_job",
    "vidijob_step",
    "vidijob_stop",
    "vidijob_problem",
    "vidijob_worker",
    "vidijob_event",
    "vidijob_delivery",
    "vidijob_remote",
    "vidijob_pulse",
]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker process."""

    id: WorkerId
    host: str
    pid: int
    executors: tuple[str, ...]
    slots: int
    started_at: datetime
    seen_at: datetime
    #: What it offers besides its executors.
    resources: Resources
    #: Whether it is to take no more steps.
    drained: bool
    #: For how long nothing was heard of it, by the clock of the database.
    silent: timedelta
    #: Whether what it last held was taken from it since, because it did not extend its leases.
    vanished: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """A step that a worker holds."""

    worker: WorkerId
    job: JobId
    step: StepNumber
    description: str
    since: datetime
    #: What it uses up of what the worker offers.
    needs: Resources
    #: How far it is, where it has told.
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Word:
    """What a worker is told when it says that it is there."""

    #: Whether it is to take no more steps.
    drained: bool
    #: Whether a step waits for some worker.
    ready: bool


async def beat(
    database: Database,
    worker: WorkerId,
    *,
    host: str,
    pid: int,
    executors: Sequence[str],
    slots: int,
    resources: Resources,
) -> Word:
    """Enter a worker, or say that it is still there."""
    row = await database.row("worker.beat", worker, host, pid, list(executors), slots, dict(resources))
    assert row is not None
    return Word(row["drained"], row["ready"])


async def drain(database: Database, worker: WorkerId, drained: bool) -> bool:
    """Tell a worker to take no more steps, or to take some again; tells whether there is such a worker."""
    return await database.value("worker.drain", worker, drained) is not None


async def holdings(database: Database) -> list[Holding]:
    """Return what workers hold."""
    return [
        Holding(
            worker=WorkerId(row["worker"]),
            job=JobId(row["job_id"]),
            step=StepNumber(row["step"]),
            description=row["description"],
            since=row["at"],
            needs=row["needs"] or {},
            progress=None
            if row["progress_value"] is None
            else Progress(row["progress_value"], row["progress_total"], row["progress_unit"]),
        )
        for row in await database.rows("worker.holdings")
    ]


async def leave(database: Database, worker: WorkerId) -> None:
    """Take a worker out."""
    await database.rows("worker.leave", worker)


async def forget(database: Database, silent: timedelta) -> None:
    """Take out workers that were not heard of for so long."""
    await database.rows("worker.forget", silent.total_seconds())


async def listing(database: Database) -> list[Worker]:
    """Return the workers that are entered."""
    return [
        Worker(
            id=WorkerId(row["id"]),
            host=row["host"],
            pid=row["pid"],
            executors=tuple(row["executors"]),
            slots=row["slots"],
            started_at=row["started_at"],
            seen_at=row["seen_at"],
            resources=row["resources"],
            drained=row["drained"],
            silent=timedelta(seconds=max(row["silent"], 0)),
            vanished=row["vanished"],
        )
        for row in await database.rows("worker.list")
    ]


async def campaign(database: Database, role: str, holder: UUID, duration: timedelta) -> int | None:
    """Become or stay the leader; returns the term, or ``None`` while another leads."""
    term: int | None = await database.value("worker.campaign", role, holder, duration.total_seconds())
    return term


async def resign(database: Database, role: str, holder: UUID) -> None:
    """Let another lead at once."""
    await database.rows("worker.resign", role, holder)


async def wake(database: Database, *channels: Channel, by: str = "") -> None:
    """Wake whoever listens, but for those who listen as this sender; never part of a transaction that writes (it would
    serialise all commits).
    """
    await database.rows("worker.wake", list(channels), by)


async def is_led(database: Database, role: str) -> bool:
    """Tell whether somebody leads."""
    return bool(await database.value("worker.is_led", role))


async def alive(database: Database) -> None:
    """Raise ``Unavailable`` unless the database answers."""
    await database.value("worker.alive")
