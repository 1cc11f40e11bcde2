"""Steps that go on in one statement: their job has nothing else under way, and the worker that ended one offers to take the
next. What cannot be done so is left as it is, for ``steps.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from vidijob.jobs.model import JobId, Lease, WorkerId
from vidijob.jobs.states import StepState
from vidijob.store import steps, sub_tasks
from vidijob.store.database import Database
from vidijob.store.steps import End, Held


@dataclass(frozen=True, slots=True)
class Offer:
    """A worker's word that it takes steps at once, before they are queued."""

    worker: WorkerId
    executors: Sequence[str]
    #: So many at most; they need no more than an executor.
    room: int
    #: How long it holds them at first.
    duration: timedelta
    #: The methods that take moments, ``executor.method``.
    short: Sequence[str] = ()


#: Of nobody: every step is queued.
NO_OFFER = Offer(WorkerId(UUID(int=0)), (), 0, timedelta())


@dataclass(frozen=True, slots=True)
class Ended:
    """What has become of ends. What was not accepted is as it was, for whatever reason."""

    accepted: set[Held]
    #: Jobs that ended by it.
    over: list[JobId]
    #: The next steps, as far as they were taken.
    leases: list[Lease]
    #: Whether others were queued.
    queued: bool


def may_be(end: End) -> bool:
    """Tell whether an end is of a kind that can be stored so."""
    return end.state is StepState.FINISHED and end.total_sub_tasks is None and not end.sub_tasks


async def end(database: Database, ends: Sequence[End], offer: Offer) -> Ended:
    """Finish attempts, each of another job, and move their jobs on; ``offer`` is about the steps that come next."""
    held = {(end.held.job, end.held.step): end.held for end in ends}
    rows = await database.rows(
        "direct.end",
        [end.held.job for end in ends],
        [end.held.step for end in ends],
        [end.held.number for end in ends],
        [_told(end) for end in ends],
        offer.worker,
        list(offer.executors),
        offer.room,
        offer.duration.total_seconds(),
        list(offer.short),
    )
    accepted = [row for row in rows if row["number"] is None]
    return Ended(
        {held[row["job_id"], row["step"]] for row in accepted},
        [JobId(row["job_id"]) for row in accepted if row["over"]],
        [steps.lease(row) for row in rows if row["number"] is not None],
        any(row["queued"] for row in accepted),
    )


def _told(end: End) -> dict[str, Any] | None:
    if not end.data and not end.notes and end.progress is None:
        return None
    told = {"data": steps.data_of(end.data), "notes": steps.notes_of(end.notes)}
    return told | sub_tasks.progress(end.progress)
