"""Jobs that start as they arrive: stored and admitted by one statement. With ``jobs.py`` and its neighbours the only writer of
a state; whether there is reason to try is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vidijob.jobs.model import JobId, Lease
from vidijob.store import jobs, steps
from vidijob.store.database import Session
from vidijob.store.direct import NO_OFFER, Offer
from vidijob.store.jobs import NewJob
from vidijob.store.slots import Row


@dataclass(frozen=True, slots=True)
class Opening:
    """What a job is admitted by that comes now."""

    #: The leading scheduler, and its term.
    holder: UUID
    term: int
    #: The version of the rules that it was found by; ``None``: whichever.
    rules: int | None
    #: None for IMMEDIATE.
    slot: int | None
    #: Behind this one it is looked whether another waits: an older one would be known.
    behind: JobId
    #: Where the slot lies, if that is known.
    tid: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """What has become of a job: it is stored in any case."""

    job: JobId
    #: When it was submitted.
    at: datetime
    #: Whether it was started; otherwise it is queued.
    started: bool
    #: Steps that the worker got at once which offered to take some.
    leases: list[Lease]
    #: Whether other steps were queued.
    queued: bool
    #: The slot that was filled, by its number, and where it lies now.
    filled: dict[int, Row]


async def start(session: Session, new: NewJob, opening: Opening, offer: Offer = NO_OFFER) -> Arrived:
    """Store a job that is READY and has no key, and start it with its first steps as far as the opening still holds.

    It is only queued where the holder does not lead any more, the rules have changed, the slot is taken, or another job
    waits already and this one is not IMMEDIATE.
    """
    rows = await session.rows(
        "arrival.start",
        jobs.document(new) | ({"trace": new.trace} if new.trace is not None else {}),
        opening.holder,
        opening.term,
        opening.rules,
        opening.slot,
        offer.worker,
        list(offer.executors),
        offer.room,
        offer.duration.total_seconds(),
        list(offer.short),
        opening.behind,
        opening.tid,
    )
    first = rows[0]
    leases = [steps.lease(row) for row in rows if row["number"] is not None]
    job = JobId(first["job_id"])
    filled = {first["slot"]: Row(first["tid"], job)} if first["slot"] is not None else {}
    return Arrived(job, first["submitted"], first["started"], leases, first["queued"], filled)
