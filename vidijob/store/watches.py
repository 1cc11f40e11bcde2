"""Jobs of which another face tells each state, in the database. It does not know what is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidijob.jobs.model import Event, JobId
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


async def begin(session: Session, jobs: Sequence[JobId]) -> None:
    """Begin to watch jobs that are made in this transaction."""
    if jobs:
        await session.rows("watch.begin", list(jobs))


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


async def told(session: Session, watched: Watched, until: str, state: str | None, *, over: bool) -> None:
    """Note how far a job was looked at and what was told of it last; where it is ``over``, it is watched no longer."""
    if over:
        await session.rows("watch.end", watched.job)
    else:
        await session.rows("watch.told", watched.job, until, state)


async def begin_later(session: Session, job: JobId, told: str) -> None:
    """Begin to watch a locked job that is there already; ``told`` is its state, in the words of the face."""
    await session.rows("watch.begin_later", job, told)


async def untold(session: Session, jobs: Sequence[JobId]) -> bool:
    """Tell whether something of jobs that have ended is still to be told."""
    return bool(await session.value("watch.untold", list(jobs)))
