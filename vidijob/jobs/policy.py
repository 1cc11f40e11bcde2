"""Who may run, who goes first, when to try again: pure rules. What they need of the clock or of chance is an argument."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar

from vidijob.jobs.model import JobId, Priority, RetryPolicy

#: A step whose worker vanished this often fails: one that kills its worker must not go round for ever.
MOST_VANISHED = 5


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to run one job at a time."""

    number: int
    #: Only jobs of at least this priority may take it.
    least_priority: Priority


@dataclass(frozen=True, slots=True)
class Admission:
    """A queued job and the slot it gets; IMMEDIATE jobs need none."""

    job: JobId
    slot: int | None
    #: The task group that it counts against, where that has a limit, and its place there.
    task_group: str | None = None
    place: int | None = None


class Waiter(Protocol):
    """A queued job, as far as its place in the queue depends on it."""

    @property
    def job(self) -> JobId:
        """Which job; a lower one is older."""

    @property
    def priority(self) -> Priority:
        """What it was given."""

    @property
    def waited(self) -> float:
        """Seconds in the queue."""

    @property
    def weight(self) -> int:
        """Among jobs of one priority the higher goes first."""


W = TypeVar("W", bound=Waiter)


@dataclass(frozen=True, slots=True)
class Queued:
    """The least that is to be known of a queued job."""

    job: JobId
    priority: Priority
    waited: float = 0
    weight: int = 0


def aged(job: Waiter, ageing: timedelta | None) -> int:
    """Return the rank that a job has in the queue: one more for each ``ageing`` that it has waited, up to HIGHEST.

    It is the rank in the queue only: what is kept for higher priorities stays kept for these.
    """
    if ageing is None or job.priority is Priority.IMMEDIATE:
        return job.priority.rank
    return min(job.priority.rank + int(max(job.waited, 0) / ageing.total_seconds()), Priority.HIGHEST.rank)


def in_order(queue: Sequence[W], ageing: timedelta | None) -> list[W]:
    """Return queued jobs in the order of admission: by rank, the highest first, then by weight, then by age."""
    return sorted(queue, key=lambda job: (-aged(job, ageing), -job.weight, job.job))


def admissions(queue: Sequence[tuple[JobId, Priority]], free: Sequence[Slot]) -> list[Admission]:
    """Give the free slots to the jobs at the head of the queue, which is ordered by priority, then age.

    Each job takes the slot that the fewest others could take, so that slots kept for high priorities fill first. A job
    that finds none lets those behind it try only for slots it could not have taken: nobody is overtaken.
    """
    left: dict[int, list[Slot]] = {}
    for slot in free:
        left.setdefault(slot.least_priority.rank, []).append(slot)
    for slots in left.values():
        slots.reverse()
    ranks = sorted(left, reverse=True)
    admitted = []
    for job, priority in queue:
        if priority is Priority.IMMEDIATE:
            admitted.append(Admission(job, None))
            continue
        fitting = next((rank for rank in ranks if rank <= priority.rank and left[rank]), None)
        if fitting is not None:
            admitted.append(Admission(job, left[fitting].pop().number))
    return admitted


_USUAL = RetryPolicy()


def retry_policy(metadata: Mapping[str, str]) -> RetryPolicy:
    """Read how often and when a step is tried again from its definition's metadata.

    ``retries`` is a count; ``retryDelay`` and ``timeout`` are seconds. What cannot be read counts as not given.
    """
    default = _USUAL
    if not metadata:
        return default
    retries, delay, timeout = (_number(metadata.get(key)) for key in ("retries", "retryDelay", "timeout"))
    return RetryPolicy(
        retries=default.retries if retries is None else int(retries),
        delay=default.delay if delay is None else timedelta(seconds=delay),
        timeout=timedelta(seconds=timeout) if timeout else None,
    )


def retry_delay(policy: RetryPolicy, retries: int, chance: random.Random) -> timedelta:
    """Return how long to wait before the next try after so many retries: doubling, with half of it left to chance.

    It does not grow beyond the longest delay; a definition that asks for a longer one from the first gets that.
    """
    longest = max(policy.longest_delay, policy.delay)
    seconds = min(policy.delay.total_seconds() * 2.0 ** min(retries, 30), longest.total_seconds())
    return timedelta(seconds=seconds * chance.uniform(0.5, 1))


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None
