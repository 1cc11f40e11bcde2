"""The documents of the Vidispine face, nothing but shapes: fields in the order of the schema, names as on the wire.

Sources: the job reference (VC 21.3.1) and, for what it leaves out, the servers' own schema of the 4.9 era with what newer
ones added. ``schemas/vidispine.xsd`` says the same, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from vidijob.binding.fields import (
    Always,
    Attribute,
    Branch,
    Document,
    Integer,
    Long,
    Simple,
    Text,
    Uri,
    Vocabulary,
)
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState, StepState

VOCABULARY = Vocabulary("http://xml.vidispine.com/schema/vidispine", "vidispine.xsd")

SiteId = Annotated[str, Simple("SiteIdType")]
JobStateName = Annotated[str, Simple("JobStateType", values=tuple(state.value for state in JobState))]
StepStateName = Annotated[str, Simple("StepStateType", values=tuple(state.value for state in StepState))]
PriorityName = Annotated[str, Simple("JobPriorityType", values=tuple(priority.value for priority in Priority))]
ProgressUnit = Annotated[str, Simple("ProgressUnitType", values=("bytes", "percent"))]
IntegerOrEmpty = Annotated[int, Simple("IntegerOrEmptyType", -(2**63), 2**63 - 1)]


class VidispineDocument(Document):
    """A root document of this face."""

    __slots__ = ()
    vocabulary: ClassVar[Vocabulary] = VOCABULARY


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyValue:
    """A pair of strings: job data, a metadata field. ``key`` first, one client relies on it."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a job in WAITING waits for."""

    resource_id: SiteId | None = None
    resource_type: str | None = None
    requirement: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentStep:
    """The step that a job is at."""

    description: str
    #: Counted from 1; not the number in the job type.
    number: int
    status: StepStateName


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a task is."""

    value: Text[float]
    total: Attribute[Long | None] = None
    unit: Attribute[ProgressUnit | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubStep:
    """A line in the log of a task."""

    timestamp: datetime
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """One attempt of a step."""

    #: The number in the job type: 100, 200, …
    step: int
    #: How many tries there were before.
    attempts: int
    status: StepStateName
    timestamp: datetime
    description: str | None = None
    progress: Progress | None = None
    sub_step: tuple[SubStep, ...] = ()
    error_message: str | None = None
    total_sub_tasks: int | None = None
    sub_task: Always[tuple[JobTask, ...]] = ()
    id: Attribute[int | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log of a job, printed even when it is empty."""

    task: Always[tuple[JobTask, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDocument(VidispineDocument):
    """A job (JobType)."""

    job_id: SiteId
    user: str | None = None
    #: When it was created: real servers print it while the job is READY.
    started: datetime | None = None
    #: From API 5 on.
    finished: datetime | None = None
    status: JobStateName
    type: str
    sub_job: tuple[JobDocument, ...] = ()
    priority: PriorityName
    waiting: Waiting | None = None
    current_step: CurrentStep | None = None
    data: tuple[KeyValue, ...] = ()
    total_steps: int | None = None
    log: Log | None = None


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
class NotFoundEntry:
    """An entity that was asked for and is not there (from API 24 on)."""

    type: str | None = None
    id: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobListDocument(VidispineDocument):
    """A page of jobs."""

    #: All matches, not those of the page.
    hits: Integer | None = None
    job: tuple[JobDocument, ...] = ()
    #: From API 5.2 on.
    facet: tuple[Facet, ...] = ()
    not_found: tuple[NotFoundEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFacet:
    """A facet that is asked for: ``type``, ``state`` or ``user``."""

    field: str
    count: Attribute[bool | None] = None
    min_count: Attribute[int | None] = None
    max_count: Attribute[int | None] = None
    max_results: Attribute[int | None] = None
    name: Attribute[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSearchDocument(VidispineDocument):
    """What to count in PUT /job/search (from API 5.2 on)."""

    facet: tuple[SearchFacet, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class URIListDocument(VidispineDocument):
    """A list of URIs, or of bare names where the resource says so (GET /jobtype)."""

    hits: Integer | None = None
    uri: tuple[Uri, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleMetadataDocument(VidispineDocument):
    """Keys and values; a key may stand more than once."""

    field: tuple[KeyValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of the server and its version."""

    name: str
    site_id: str | None = None
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDocument(VidispineDocument):
    """Which server this is."""

    component: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """Nothing has that id."""

    type: Always[str | None] = None
    id: Always[str | None] = None
    context: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalServer:
    """The server is wrong."""

    message: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """A role is missing."""

    context: Always[str | None] = None
    id: Always[str | None] = None
    explanation: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYetImplemented:
    """The server cannot do that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The thing is not in a state that allows this."""

    context: Always[str | None] = None
    id: Always[str | None] = None
    explanation: Always[str | None] = None
    value: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidInput:
    """A value that cannot be taken."""

    context: Always[str | None] = None
    id: Always[str | None] = None
    explanation: Always[str | None] = None
    value: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseFault:
    """The licence does not allow this."""

    message: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAlreadyExists:
    """A file of that path is there already."""

    storage_id: Always[str | None] = None
    file_id: Always[str | None] = None
    path: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAuthorized:
    """No login, or a wrong one."""

    message: Always[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionDocument(VidispineDocument):
    """An error: exactly one of the nine. JSON prints all keys (recorded from a real server)."""

    not_found: Annotated[Always[NotFound | None], Branch("fault", "notFound")] = None
    internal_server: Annotated[Always[InternalServer | None], Branch("fault", "internalServer")] = None
    forbidden: Annotated[Always[Forbidden | None], Branch("fault", "forbidden")] = None
    not_yet_implemented: Annotated[Always[NotYetImplemented | None], Branch("fault", "notYetImplemented")] = None
    conflict: Annotated[Always[Conflict | None], Branch("fault", "conflict")] = None
    invalid_input: Annotated[Always[InvalidInput | None], Branch("fault", "invalidInput")] = None
    license_fault: Annotated[Always[LicenseFault | None], Branch("fault", "licenseFault")] = None
    file_already_exists: Annotated[Always[FileAlreadyExists | None], Branch("fault", "fileAlreadyExists")] = None
    not_authorized: Annotated[Always[NotAuthorized | None], Branch("fault", "notAuthorized")] = None
