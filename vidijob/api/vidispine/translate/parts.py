"""A part of a list of jobs, as a front asks each site for it (ours): what each job is sorted by, and the job as the merged list
is to show it. Both ends of that wire are here; the rooms are ``api/vidispine/search.py`` and ``front``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from vidijob.jobs.search import FacetField, FacetRequest, FacetResult, Order, Position, SortField, complete

#: Asks for a part: ``whole`` with hits and facets, ``more`` without facets.
HEADER = "Vidijob-Part"
WHOLE, MORE = "whole", "more"
MEDIA = "application/vnd.vidijob.part+json"

#: What a job has of each field that is sorted by: times as text of one length, which is in their order.
Values = Sequence[str | int | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """One facet of one site: all counts, whatever limits the question has, and the values that can occur, in their order."""

    request: FacetRequest
    counts: Sequence[tuple[str, int]]
    known: Sequence[str]


@dataclass(frozen=True, slots=True)
class Part:
    """Jobs that follow each other in the list of one site."""

    site: str
    hits: int
    #: No two jobs of a site are equal in it.
    order: tuple[Order, ...]
    #: Of each job what it is sorted by, and how it reads.
    jobs: Sequence[tuple[Values, str]]
    facets: Sequence[Counted]
    #: Whether the list goes on.
    follows: bool


def by_time(order: Sequence[Order]) -> tuple[Order, ...]:
    """Return the order of a list of several sites where none was asked for: numbers of two sites say nothing of each other."""
    return (Order(SortField.STARTED, order[0].descending),)


def values(position: Position) -> Values:
    """Return what a job is sorted by, as it is sent."""
    return [one.isoformat(timespec="microseconds") if isinstance(one, datetime) else one for one in position.values]


def position(order: tuple[Order, ...], sent: Values) -> Position:
    """Return where a job stands."""
    times = (SortField.STARTED, SortField.FINISHED)
    return Position(
        order,
        tuple(
            datetime.fromisoformat(value) if one.field in times and isinstance(value, str) else value
            for one, value in zip(order, sent, strict=True)
        ),
    )


def unlimited(request: FacetRequest) -> FacetRequest:
    """Return the question whose answer can be added to that of other sites."""
    lists_all = request.least is not None and request.least <= 0
    return FacetRequest(request.field, request.name, least=0 if lists_all else None)


def write(
    site: str,
    hits: int,
    order: Sequence[Order],
    jobs: Sequence[tuple[Position, str]],
    facets: Sequence[tuple[FacetRequest, FacetResult]],
    *,
    follows: bool,
) -> bytes:
    """Return a part as it is sent; ``facets`` are what was asked for, and what was found without its limits."""
    return orjson.dumps(
        {
            "site": site,
            "hits": hits,
            "order": [[one.field.value, one.descending] for one in complete(order)],
            "jobs": [[values(place), shown] for place, shown in jobs],
            "facets": [
                {
                    "field": asked.field.value,
                    "name": asked.name,
                    "limits": [asked.least, asked.most, asked.results],
                    "counts": found.counts,
                    "known": found.known,
                }
                for asked, found in facets
            ],
            "follows": follows,
        }
    )


def read(body: bytes) -> Part:
    """Read a part; raises ``ValueError`` for what is none."""
    try:
        sent = orjson.loads(body)
        return Part(
            str(sent["site"]),
            int(sent["hits"]),
            tuple(Order(SortField(name), bool(down)) for name, down in sent["order"]),
            sent["jobs"],
            [_counted(one) for one in sent["facets"]],
            bool(sent["follows"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("this is no part of a list") from error


def _counted(sent: Any) -> Counted:
    least, most, results = sent["limits"]
    request = FacetRequest(FacetField(sent["field"]), sent["name"], least, most, results)
    return Counted(request, [(value, count) for value, count in sent["counts"]], sent["known"])
