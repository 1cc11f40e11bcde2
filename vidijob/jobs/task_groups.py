"""Task groups: which jobs share a limit on how many run at once, and which place among these a job gets. Pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from vidijob.jobs.model import JobId, Priority
from vidijob.jobs.policy import Admission, Slot


@dataclass(frozen=True, slots=True)
class JobFilter:
    """A condition on jobs: one of its values fits. Without values every job fits."""

    types: tuple[str, ...] = ()
    priorities: tuple[Priority, ...] = ()
    users: tuple[str, ...] = ()
    #: Groups or roles of the job's owner.
    groups: tuple[str, ...] = ()
    #: A key of job data and its value; ``None``: whatever it is.
    data: tuple[tuple[str, str | None], ...] = ()

    def fits(self, job: Candidate) -> bool:
        """Tell whether a job meets it."""
        if not (self.types or self.priorities or self.users or self.groups or self.data):
            return True
        return (
            job.type in self.types
            or job.priority in self.priorities
            or job.owner in self.users
            or not job.groups.isdisjoint(self.groups)
            or any(key in job.data and (value is None or value in job.data[key]) for key, value in self.data)
        )


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Jobs that share a limit."""

    name: str
    #: ``None`` counts as MEDIUM.
    priority: Priority | None = None
    #: How many of its jobs run at once; ``None``: as many as there are slots.
    max_concurrency: int | None = None
    #: A job is of the group when it meets all of these.
    filters: tuple[JobFilter, ...] = ()
    transcoders: tuple[str, ...] = ()
    metadata: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Whether none of its jobs is admitted; ``None`` in a definition: as it was.
    paused: bool | None = None

    @property
    def limited(self) -> bool:
        """Tell whether a job of it may have to wait although there is a slot."""
        return bool(self.paused) or self.max_concurrency is not None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A queued job, as far as conditions can be about it."""

    job: JobId
    priority: Priority
    type: str
    owner: str
    groups: Set[str]
    data: Mapping[str, Sequence[str]]
    #: Seconds in the queue.
    waited: float = 0
    #: Among jobs of one priority the higher goes first.
    weight: int = 0


def in_order(groups: Sequence[TaskGroup]) -> list[TaskGroup]:
    """Return groups in the order in which they are tried: by priority, the highest first, then by name."""
    return sorted(groups, key=lambda group: (-(group.priority or Priority.MEDIUM).rank, group.name))


def group_of(job: Candidate, ordered: Sequence[TaskGroup]) -> TaskGroup | None:
    """Return the first group whose conditions a job meets."""
    return next((group for group in ordered if all(one.fits(job) for one in group.filters)), None)


def data_keys(groups: Sequence[TaskGroup]) -> list[str]:
    """Return the keys of job data that conditions are about."""
    return sorted({key for group in groups for one in group.filters for key, _ in one.data})


class Selection:
    """Chooses who is admitted, job by job in the order of the queue: a slot, and a place in the job's group."""

    def __init__(self, groups: Sequence[TaskGroup], free: Sequence[Slot], taken: Mapping[str, Set[int]]) -> None:
        self._groups = in_order(groups)
        self._left = sorted(free, key=lambda slot: slot.least_priority.rank, reverse=True)
        self._taken = {name: set(places) for name, places in taken.items()}
        self.chosen: list[Admission] = []

    def has_room(self, priority: Priority) -> bool:
        """Tell whether a job of this priority might still be admitted."""
        return priority is Priority.IMMEDIATE or self._slot(priority) is not None

    def offer(self, job: Candidate) -> None:
        """Admit a job if there is a slot and its group has a place; jobs behind it may go first where it has none."""
        group = group_of(job, self._groups)
        if group is not None and group.paused:
            return
        if job.priority is Priority.IMMEDIATE:
            self.chosen.append(Admission(job.job, None))
            return
        slot = self._slot(job.priority)
        limited = group is not None and group.max_concurrency is not None
        place = self._place(group) if group is not None and limited else None
        if slot is None or (limited and place is None):
            return
        self._left.remove(slot)
        if group is not None and place is not None:
            self._taken.setdefault(group.name, set()).add(place)
            self.chosen.append(Admission(job.job, slot.number, group.name, place))
        else:
            self.chosen.append(Admission(job.job, slot.number))

    def _slot(self, priority: Priority) -> Slot | None:
        return next((slot for slot in self._left if slot.least_priority.rank <= priority.rank), None)

    def _place(self, group: TaskGroup) -> int | None:
        taken = self._taken.get(group.name, set())
        if group.max_concurrency is None or len(taken) >= group.max_concurrency:
            return None
        return next(place for place in range(1, group.max_concurrency + 1) if place not in taken)
