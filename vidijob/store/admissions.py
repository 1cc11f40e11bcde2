"""Admission in the database: who is next, and what starts. Who gets a slot is not decided here. With ``jobs.py`` and its
neighbours the only writer of a state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from vidijob.jobs.model import JobId, Lease, Priority
from vidijob.jobs.policy import Admission, Queued
from vidijob.jobs.states import JobEvent, job_sources
from vidijob.store import steps
from vidijob.store.database import Database
from vidijob.store.direct import NO_OFFER, Offer
from vidijob.store.slots import Row

if TYPE_CHECKING:
    from asyncpg import Record


async def head(database: Database, limit: int) -> list[Queued]:
    """Return the next jobs in the queue."""
    return [_queued(row) for row in await database.rows("job.head", limit)]


async def head_behind(database: Database, limit: int, behind: Mapping[Priority, int]) -> list[Queued]:
    """Return the next jobs in the queue of those that have a weight, or whose ids are higher than one, which may be another for
    each priority, but not by more than ten thousand.
    """
    rows = await database.rows("job.head_behind", limit, [behind.get(priority, 0) for priority in Priority])
    return [_queued(row) for row in rows]


async def heads(database: Database, limit: int) -> list[Queued]:
    """Return the next jobs of each priority."""
    return [_queued(row, row["waited"]) for row in await database.rows("job.heads", limit)]


def _queued(row: Record, waited: float = 0) -> Queued:
    return Queued(JobId(row["job_id"]), Priority(row["priority"]), waited, row["weight"])


@dataclass(frozen=True, slots=True)
class Admitted:
    """What has become of an attempt to start jobs."""

    started: list[JobId]
    #: Those that somebody else had locked just now, or that are not queued any more.
    busy: frozenset[JobId]
    #: Steps that the worker got at once which offered to take some.
    leases: list[Lease]
    #: Whether other steps were queued.
    queued: bool
    #: The slots that were filled: with which job, and where each lies now.
    filled: dict[int, Row]


async def admit(
    database: Database,
    holder: UUID,
    term: int,
    admissions: Sequence[Admission],
    offer: Offer = NO_OFFER,
    rules: int | None = None,
    tids: Mapping[int, str] | None = None,
) -> Admitted:
    """Start queued jobs, and their first steps as far as a worker offers to take them, if the caller still leads and the
    version of the rules that they were chosen by is that of now; ``None``: whichever. ``tids`` say where the slots lie, for
    those of which it is known: one that does not lie there any more is not filled.

    It waits for nobody who has locked some of them: one client that goes to sleep in a transaction must not keep all others'
    jobs from starting.
    """
    wanted = [admission.job for admission in admissions]
    rows = await database.rows(
        "job.admit",
        holder,
        term,
        wanted,
        [admission.slot for admission in admissions],
        [state.value for state in job_sources(JobEvent.ADMIT)],
        [admission.task_group for admission in admissions],
        [admission.place for admission in admissions],
        offer.worker,
        list(offer.executors),
        offer.room,
        offer.duration.total_seconds(),
        list(offer.short),
        rules,
        [(tids or {}).get(admission.slot or 0) for admission in admissions],
    )
    started = list({JobId(row["job_id"]): None for row in rows if row["started"]})
    free = {row["job_id"] for row in rows}
    leases = [steps.lease(row) for row in rows if row["number"] is not None]
    busy = frozenset(job for job in wanted if job not in free)
    filled = {row["slot"]: Row(row["tid"], JobId(row["job_id"])) for row in rows if row["slot"] is not None}
    return Admitted(started, busy, leases, any(row["queued"] for row in rows), filled)
