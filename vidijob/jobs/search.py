"""What may be asked of the list of jobs: filters, orders, facets. Pure; it does not know how they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from vidijob.jobs.model import Priority
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


class FacetField(Enum):
    """What can be counted (spec "Search and count jobs")."""

    TYPE = "type"
    STATE = "state"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Cell:
    """How many jobs there are of one type, state and owner."""

    type: str
    state: JobState
    owner: str
    jobs: int


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


def facet(request: FacetRequest, cells: Sequence[Cell], known: Sequence[str]) -> FacetResult:
    """Fold cells into the counts of one field: the most frequent first, then in the order of ``known``, then by name.

    ``known`` are the values that can occur; with a least count of 0 those that do not are listed as well.
    """
    counts: dict[str, int] = {value: 0 for value in known} if request.least is not None and request.least <= 0 else {}
    for cell in cells:
        value = value_of(cell, request.field)
        counts[value] = counts.get(value, 0) + cell.jobs
    place: Mapping[str, int] = {value: place for place, value in enumerate(known)}
    kept = [
        (value, count)
        for value, count in counts.items()
        if count >= (request.least or 0) and (request.most is None or count <= request.most)
    ]
    kept.sort(key=lambda one: (-one[1], place.get(one[0], len(place)), one[0]))
    return FacetResult(request, kept if request.results is None else kept[: request.results])


def value_of(cell: Cell, field: FacetField) -> str:
    """Return what a cell counts under a field."""
    match field:
        case FacetField.TYPE:
            return cell.type
        case FacetField.STATE:
            return cell.state.value
        case FacetField.USER:
            return cell.owner
