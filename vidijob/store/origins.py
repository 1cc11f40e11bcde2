"""What jobs were submitted as, in the database. It does not know what the documents mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vidijob.jobs.model import JobId, Origin
from vidijob.store.database import Database, Session


async def put(session: Session, origins: Mapping[JobId, Origin]) -> None:
    """Keep what new jobs were submitted as."""
    if origins:
        rows = [
            {"job_id": job, "face": one.face, "document": one.document, "priority": one.priority, "weight": one.weight}
            for job, one in origins.items()
        ]
        await session.rows("origin.put", rows)


async def of(source: Database | Session, jobs: Collection[JobId]) -> dict[JobId, Origin]:
    """Return what jobs were submitted as, of those of which it is known."""
    if not jobs:
        return {}
    return {
        JobId(row["job_id"]): Origin(row["face"], row["document"], row["priority"], row["weight"])
        for row in await source.rows("origin.of", list(jobs))
    }


async def amend(
    database: Database, job: JobId, face: str, document: Mapping[str, Any], number: tuple[int, int] | None
) -> bool:
    """Add to what a job was submitted as through a face, and give it another number with its weight unless ``None``; tells whether
    it was.
    """
    priority, weight = number or (None, None)
    return await database.value("origin.amend", job, face, dict(document), priority, weight) is not None


async def subscribe(session: Session, job: JobId, subscriptions: Sequence[Mapping[str, Any]]) -> None:
    """Add to whom a locked job's states are told."""
    await session.rows("origin.subscribe", job, list(subscriptions))
