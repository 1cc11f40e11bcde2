"""How much is going on, as plots show it. What is looked at is bounded, however many jobs there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vidijob.jobs.model import Priority
from vidijob.store.database import Session


@dataclass(frozen=True, slots=True)
class Ended:
    """How many jobs ended in a stretch of time."""

    at: datetime
    finished: int
    failed: int
    aborted: int


@dataclass(frozen=True, slots=True)
class Waited:
    """How long the jobs that were submitted in a stretch of time waited to be admitted; ``None``: there were none."""

    at: datetime
    #: Half of them no longer than this.
    half: timedelta | None
    #: 95 of a hundred no longer than this.
    nearly_all: timedelta | None


@dataclass(frozen=True, slots=True)
class Queued:
    """The queue of one priority."""

    priority: Priority
    jobs: int
    #: Since when the first of them waits.
    since: datetime | None


async def ended(session: Session, stretch: timedelta, number: int, most: int) -> Sequence[Ended]:
    """Return what ended in each of so many stretches up to now, the oldest first; of each at most so many jobs count."""
    return [
        Ended(row["at"], row["finished"], row["failed"], row["aborted"])
        for row in await session.rows("traffic.ended", stretch.total_seconds(), number, most)
    ]


async def waits(session: Session, stretch: timedelta, number: int, most: int) -> Sequence[Waited]:
    """Return how long jobs waited, by when they were submitted, likewise."""
    return [
        Waited(row["at"], _time(row["half"]), _time(row["nearly_all"]))
        for row in await session.rows("traffic.waits", stretch.total_seconds(), number, most)
    ]


async def queued(session: Session) -> Sequence[Queued]:
    """Return the queue of each priority, the highest first."""
    return [
        Queued(Priority(row["priority"]), row["jobs"], row["since"]) for row in await session.rows("traffic.queued")
    ]


async def taken(session: Session) -> int:
    """Return how many slots are taken."""
    return int(await session.value("traffic.taken"))


def _time(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
