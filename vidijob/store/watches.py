"""Jobs of which another face tells each state, in the database. It does not know what is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vidijob.jobs.model import Event, JobId, Watch
from vidijob.store.database import Database, Session
from vidijob.store.events import from_row


@dataclass(frozen=True, slots=True)
class Watched:
    """A job of which something happened."""

    job: JobId
    #: What was told of it last; ``None``: nothing.
    told: str | None
    #: What happened, in order.
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Advanced:
    """A job with steps of which it is told how far they are."""

    job: JobId
    told: str | None
    at: datetime
    #: Step → percent.
    percents: Mapping[int, float]


async def begin(session: Session, jobs: Mapping[JobId, Watch]) -> None:
    """Begin to watch jobs that are made in this transaction."""
    if jobs:
        progress = [watch is Watch.PROGRESS for watch in jobs.values()]
        await session.rows("watch.begin", list(jobs), progress)


async def news(database: Database, tx: str, until: str) -> list[JobId]:
    """Return the watched jobs of which something happened in transactions from ``tx`` to before ``until``, all of them over."""
    return [JobId(row["job_id"]) for row in await database.rows("watch.news", tx, until)]


async def all_news(database: Database, until: str) -> list[JobId]:
    """Return the watched jobs of which something was not looked at; it takes as long as there are watched jobs."""
    return [JobId(row["job_id"]) for row in await database.rows("watch.all_news", until)]


async def due(session: Session, jobs: Sequence[JobId], until: str) -> list[Watched]:
    """Return those of some jobs of which something happened; nobody else goes on with them until the transaction ends."""
    found = []
    for row in await session.rows("watch.due", list(jobs), until):
        rows = await session.rows("watch.happened", row["job_id"], row["tx"], until)
        if rows:
            found.append(Watched(JobId(row["job_id"]), row["told"], [from_row(one) for one in rows]))
    return found


async def advanced(session: Session, limit: int) -> list[Advanced]:
    """Return some jobs with steps that are under way, where that is told; nobody else goes on with them until the transaction
    ends.
    """
    return [
        Advanced(
            JobId(row["job_id"]),
            row["told"],
            row["at"],
            {int(step): percent for step, percent in row["percents"].items()},
        )
        for row in await session.rows("watch.advanced", limit)
    ]


async def told(session: Session, job: JobId, until: str | None, state: str | None, *, over: bool) -> None:
    """Note up to which transaction a job was looked at, unless ``None``, and what was told of it last; where it is ``over``, it is
    watched no longer.
    """
    if over:
        await session.rows("watch.end", job)
    else:
        await session.rows("watch.told", job, until, state)


async def begin_later(session: Session, job: JobId, told: str) -> None:
    """Begin to watch a locked job that is there already; ``told`` is its state, in the words of the face."""
    await session.rows("watch.begin_later", job, told)


async def untold(session: Session, jobs: Sequence[JobId]) -> bool:
    """Tell whether something of jobs that have ended is still to be told."""
    return bool(await session.value("watch.untold", list(jobs)))
