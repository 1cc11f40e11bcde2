"""Remote calls in the database: the addresses that engines elsewhere call back, and what these tell. With ``steps.py`` and
``jobs.py`` the only writer of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from vidijob.jobs.model import JobId, LeaseNumber, Priority, Progress, StepNumber
from vidijob.jobs.remote import Message, Verdict
from vidijob.jobs.states import JobEvent, JobState, job_sources
from vidijob.store import jobs
from vidijob.store.database import Database, Session

#: Lines of one attempt that are kept; a worker does not take more.
_MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class News:
    """What a remote engine has told of one attempt."""

    digest: bytes
    #: Grows with everything that is told.
    version: int
    #: The last.
    progress: Progress | None
    #: All of them.
    lines: tuple[str, ...]
    #: How the step ended, once that was told.
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Status:
    """What has become of the attempt that an address belongs to."""

    #: A worker waits for its end.
    held: bool
    #: Its remote engine has told how it ended.
    ended: bool


async def open_(database: Database, digest: bytes, job: JobId, step: StepNumber, lease: LeaseNumber) -> bool:
    """Enter an address for a step that is held; tells whether it is."""
    return await database.value("remote_call.open", digest, job, step, lease) is not None


async def close(database: Database, digest: bytes) -> None:
    """Take an address out whose attempt ended without its remote engine."""
    await database.rows("remote_call.close", digest)


async def take_over(database: Database, calls: Mapping[bytes, JobId]) -> list[bytes]:
    """Tell that remote engines have taken steps over: their jobs are VIDINET_JOB now.

    Returns those that it was told of; the jobs of the others are locked by somebody just now.
    """
    async with database.transaction() as session:
        locked = await jobs.lock_free(session, list(calls.values()))
        told = [digest for digest, job in calls.items() if job in locked]
        sources = [state.value for state in job_sources(JobEvent.GO_REMOTE)]
        await session.rows("remote_call.take_over", told, sources)
    return told


async def come_back(session: Session, locked: Mapping[JobId, tuple[JobState, Priority]]) -> None:
    """Let those of locked jobs be STARTED again whose last remote step has just ended."""
    sources = job_sources(JobEvent.COME_BACK)
    away = [job for job, (state, _) in locked.items() if state in sources]
    if away:
        await session.rows("remote_call.come_back", away, [state.value for state in sources])


async def status(database: Database, digest: bytes) -> Status | None:
    """Return what has become of an attempt; ``None`` for an address that is not known."""
    row = await database.row("remote_call.status", digest)
    return Status(row["held"], row["ended"]) if row is not None else None


async def tell(database: Database, digest: bytes, message: Message) -> bool:
    """Keep what a remote engine tells; tells whether its step is held and was not ended before."""
    told = await database.value(
        "remote_call.tell",
        digest,
        _document(message.progress) if message.progress is not None else None,
        message.line,
        message.verdict.document() if message.verdict is not None else None,
        _MOST_LINES,
    )
    return told is not None


async def news(database: Database, known: Mapping[bytes, int]) -> list[News]:
    """Return what was told since the versions that are known."""
    return [
        News(
            digest=bytes(row["digest"]),
            version=row["version"],
            progress=Progress(**row["progress"]) if row["progress"] is not None else None,
            lines=tuple(row["lines"]),
            verdict=Verdict.of(row["verdict"]) if row["verdict"] is not None else None,
        )
        for row in await database.rows("remote_call.news", list(known), list(known.values()))
    ]


async def forget(database: Database, silent: timedelta) -> None:
    """Take out the addresses of attempts that are over, when nothing came for so long."""
    await database.rows("remote_call.forget", silent.total_seconds())


def _document(progress: Progress) -> dict[str, object]:
    return {"value": progress.value, "total": progress.total, "unit": progress.unit}
