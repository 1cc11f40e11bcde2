"""What administrators configure: properties, job pools, default priorities, CORS (contract 1.7, 3.11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vidijob.api.vidispine.documents.vocabulary import KeyValue, VidispineDocument
from vidijob.binding.fields import Attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationPropertyDocument(VidispineDocument):
    """One property."""

    key: str
    value: str | None = None
    last_change: Attribute[datetime | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationPropertyListDocument(VidispineDocument):
    """All properties."""

    property: tuple[ConfigurationPropertyDocument, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPool:
    """How many jobs can always run for which only those of a priority compete."""

    priority_threshold: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPoolListDocument(VidispineDocument):
    """How many jobs run at once, and how many of these places are kept for high priorities."""

    concurrent_jobs: int | None = None
    pool: tuple[JobPool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTypePriority:
    """The priority that jobs of a type have unless they say another; without value: none of its own."""

    type: str
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPriorityConfigurationDocument(VidispineDocument):
    """The default priorities of job types (from API 22 on)."""

    job: tuple[JobTypePriority, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CORSRequest:
    """Which requests an entry is for: of each kind that is given, one must fit."""

    method: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    origin_regex: tuple[str, ...] = ()
    path_regex: tuple[str, ...] = ()
    header_regex: tuple[KeyValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CORSResponse:
    """What is said to them."""

    allow_origin: str
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    #: For how many seconds a browser may remember it.
    allow_max_age: int | None = None
    allow_other_header: tuple[KeyValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CORSEntry:
    """Requests and what is said to them."""

    request: tuple[CORSRequest, ...] = ()
    response: CORSResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class CORSConfigurationDocument(VidispineDocument):
    """Which pages of other origins a browser lets use this server (from API 21 on); the first entry that fits counts."""

    entry: tuple[CORSEntry, ...] = ()
