"""Which trace a job belongs to, in the database."""

from __future__ import annotations

from collections.abc import Mapping

from vidijob.jobs.model import JobId
from vidijob.store.database import Database, Session


async def put(session: Session, traces: Mapping[JobId, str]) -> None:
    """Keep the ``traceparent`` of what submitted new jobs."""
    if traces:
        await session.rows("trace.put", [{"job_id": job, "traceparent": text} for job, text in traces.items()])


async def of(database: Database, job: JobId) -> str | None:
    """Return the ``traceparent`` of what submitted a job, if it is known."""
    text = await database.value("trace.of", job)
    return None if text is None else str(text)
