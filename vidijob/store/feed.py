"""The event log and the progress of steps, as open pages read them. It does not know who reads."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.jobs.model import JobId, Progress, StepNumber
from vidijob.store.database import Database


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job, or to one of its steps."""

    id: int
    job: JobId
    #: ``None``: it happened to the job.
    step: StepNumber | None
    old: str | None
    #: ``DELETED`` for a job that is gone.
    new: str


async def snapshot(database: Database) -> str:
    """Return what can be seen by now, as a text that means something to this server only."""
    return str(await database.value("feed.snapshot"))


async def visible(database: Database, since: str, limit: int) -> tuple[list[Event], str]:
    """Return what can be seen now and could not be in a snapshot, in the order of ids and at most ``limit`` events, and the
    snapshot of now.
    """
    rows = await database.rows("feed.visible", since, limit)
    events = [
        Event(
            row["id"],
            JobId(row["job_id"]),
            StepNumber(row["step"]) if row["step"] is not None else None,
            row["old_state"],
            row["new_state"],
        )
        for row in rows
        if row["id"] is not None
    ]
    return events, rows[0]["snapshot"]


async def progress(database: Database, limit: int) -> dict[tuple[JobId, StepNumber], Progress]:
    """Return how far the steps are that workers hold; at most ``limit`` of them."""
    return {
        (JobId(row["job_id"]), StepNumber(row["step"])): Progress(
            row["progress_value"], row["progress_total"], row["progress_unit"]
        )
        for row in await database.rows("feed.progress", limit)
    }
