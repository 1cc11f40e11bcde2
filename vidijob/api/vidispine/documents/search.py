"""Searching and counting jobs (spec "Search and count jobs", contract 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vidijob.api.vidispine.documents.vocabulary import VidispineDocument
from vidijob.binding.fields import Attribute, Long, Simple, Text

IntegerOrEmpty = Annotated[int, Simple("IntegerOrEmptyType", -(2**63), 2**63 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCount:
    """How often a value occurs."""

    value: Text[Long]
    field_value: Attribute[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetRange:
    """How many values lie in a range."""

    value: Text[IntegerOrEmpty | None] = None
    start: Attribute[str]
    end: Attribute[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """The counts of one field."""

    field: str
    count: tuple[FacetCount, ...] = ()
    range: tuple[FacetRange, ...] = ()
    name: Attribute[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetFilterRange:
    """A range to narrow by."""

    start: Attribute[str]
    end: Attribute[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFacetFilter:
    """Narrows the jobs by a facet field (from API 24 on)."""

    field: str
    range: FacetFilterRange | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFacet:
    """A facet that is asked for: ``type``, ``state`` or ``user``."""

    field: str
    #: Fields whose filters do not count for this facet (from API 24 on).
    exclude: tuple[str, ...] = ()
    count: Attribute[bool | None] = None
    min_count: Attribute[int | None] = None
    max_count: Attribute[int | None] = None
    max_results: Attribute[int | None] = None
    name: Attribute[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSearchDocument(VidispineDocument):
    """What to count in PUT /job/search (from API 5.2 on)."""

    facet_filter: tuple[SearchFacetFilter, ...] = ()
    facet: tuple[SearchFacet, ...] = ()
