"""Who works, who leads, who is woken: rows, not rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from vidijob.jobs.model import WorkerId
from vidijob.store.database import Database

#: What may be told to whoever listens: a job was queued, a step was queued, a lease has to stop, a remote engine called
#: back.
Channel = Literal["vidijob_job", "vidijob_step", "vidijob_stop", "vidijob_remote"]
CHANNELS: tuple[Channel, ...] = ("vidijob_job", "vidijob_step", "vidijob_stop", "vidijob_remote")


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
    #: How many steps it holds.
    steps: int


async def beat(
    database: Database, worker: WorkerId, *, host: str, pid: int, executors: Sequence[str], slots: int
) -> None:
    """Enter a worker, or say that it is still there."""
    await database.rows("worker.beat", worker, host, pid, list(executors), slots)


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
            steps=row["steps"],
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


async def wake(database: Database, channel: Channel) -> None:
    """Wake whoever listens; never part of a transaction that writes (it would serialise all commits)."""
    await database.rows("worker.wake", channel)


async def is_led(database: Database, role: str) -> bool:
    """Tell whether somebody leads."""
    return bool(await database.value("worker.is_led", role))


async def alive(database: Database) -> None:
    """Raise ``Unavailable`` unless the database answers."""
    await database.value("worker.alive")
