"""What may be asked of the list of jobs: filters, orders, facets. Pure; it does not know how they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from vidijob.jobs.model import Job, Priority
from vidijob.jobs.states import JobState


@dataclass(frozen=True, slots=True)
class DataCondition:
    """A key of job data and a value that it must have; ``*`` in the value stands for any characters."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs: all of these must hold; ``None`` takes all."""

    owner: str | None = None
    types: Sequence[str] | None = None
    states: Sequence[JobState] | None = None
    priorities: Sequence[Priority] | None = None
    #: Owners, beside ``owner``, as a facet filter names them.
    owners: Sequence[str] | None = None
    data: Sequence[DataCondition] = ()
    #: Bounds of the two times, all inclusive.
    started_from: datetime | None = None
    started_to: datetime | None = None
    finished_from: datetime | None = None
    finished_to: datetime | None = None

    @property
    def by_kind(self) -> bool:
        """Whether it asks only for type, state, user and priority."""
        bounds = (self.started_from, self.started_to, self.finished_from, self.finished_to)
        return not self.data and all(bound is None for bound in bounds)


class SortField(Enum):
    """What a list can be sorted by, as the wire spells it (spec "List all jobs")."""

    ID = "jobId"
    TYPE = "type"
    STATE = "state"
    USER = "user"
    STARTED = "startTime"
    PRIORITY = "priority"
    #: Ours.
    FINISHED = "finishTime"


@dataclass(frozen=True, slots=True)
class Order:
    """One field to sort by."""

    field: SortField
    descending: bool = False

    @property
    def reversed(self) -> Order:
        """The same field in the other direction."""
        return Order(self.field, not self.descending)


def complete(order: Sequence[Order]) -> tuple[Order, ...]:
    """Return an order in which no two jobs are equal, so that pages never overlap: the id comes last, in the direction of
    the first field.
    """
    fields = [one.field for one in order]
    if SortField.ID in fields:
        return tuple(order[: fields.index(SortField.ID) + 1])
    return (*order, Order(SortField.ID, order[0].descending if order else False))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: an order, and what the last job has of each of its fields."""

    order: tuple[Order, ...]
    #: As in a ``Job``; only the time of the end may be ``None``.
    values: tuple[str | int | datetime | None, ...]

    @classmethod
    def of(cls, order: Sequence[Order], job: Job) -> Position:
        """Return the position just behind a job."""
        order = complete(order)
        return cls(order, tuple(_value(job, one.field) for one in order))


def _value(job: Job, field: SortField) -> str | int | datetime | None:
    match field:
        case SortField.ID:
            return int(job.id)
        case SortField.TYPE:
            return job.type
        case SortField.STATE:
            return job.state.value
        case SortField.USER:
            return job.user
        case SortField.STARTED:
            return job.started
        case SortField.PRIORITY:
            return job.priority.value
        case SortField.FINISHED:
            return job.finished


class FacetField(Enum):
    """What can be counted (spec "Search and count jobs")."""

    TYPE = "type"
    STATE = "state"
    USER = "user"


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """A facet that is asked for."""

    field: FacetField
    name: str | None = None
    #: ``None``: values that do not occur are left out; 0 lists them too.
    least: int | None = None
    most: int | None = None
    #: At most so many values, those that occur most.
    results: int | None = None


@dataclass(frozen=True, slots=True)
class FacetResult:
    """The counts of one field."""

    request: FacetRequest
    counts: Sequence[tuple[str, int]]
    #: The values that can occur, in their order, as far as that was asked.
    known: Sequence[str] = ()


def facet(request: FacetRequest, counted: Mapping[str, int], known: Sequence[str]) -> FacetResult:
    """Make a facet of how many jobs there are of each value: the most frequent first, then in the order of ``known``, then
    by name.

    ``known`` are the values that can occur; with a least count of 0 those that do not are listed as well.
    """
    counts = {value: 0 for value in known} if request.least is not None and request.least <= 0 else {}
    counts |= counted
    place = {value: place for place, value in enumerate(known)}
    kept = [
        (value, count)
        for value, count in counts.items()
        if count >= (request.least or 0) and (request.most is None or count <= request.most)
    ]
    kept.sort(key=lambda one: (-one[1], place.get(one[0], len(place)), one[0]))
    return FacetResult(request, kept if request.results is None else kept[: request.results], known)
