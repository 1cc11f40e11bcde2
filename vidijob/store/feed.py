"""The event log and the progress of steps, as open pages read them. It does not know who reads."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Glance:
    """What can be seen of the log from a transaction on."""

    #: In the order of ids.
    events: Sequence[Event]
    #: Before this transaction, no event will still appear.
    horizon: str
    #: The ids of those that are beyond the horizon: they will be seen again from there.
    beyond: frozenset[int]


async def visible(database: Database, tx: str, limit: int) -> Glance:
    """Return what was written by a transaction and those after it, as far as it can be seen; at most ``limit`` events."""
    rows = await database.rows("feed.visible", tx, limit)
    found = [row for row in rows if row["id"] is not None]
    return Glance(
        [
            Event(
                row["id"],
                JobId(row["job_id"]),
                StepNumber(row["step"]) if row["step"] is not None else None,
                row["old_state"],
                row["new_state"],
            )
            for row in found
        ],
        rows[0]["horizon"],
        frozenset(row["id"] for row in found if row["beyond"]),
    )


async def progress(database: Database, limit: int) -> dict[tuple[JobId, StepNumber], Progress]:
    """Return how far the steps are that workers hold; at most ``limit`` of them."""
    return {
        (JobId(row["job_id"]), StepNumber(row["step"])): Progress(
            row["progress_value"], row["progress_total"], row["progress_unit"]
        )
        for row in await database.rows("feed.progress", limit)
    }
