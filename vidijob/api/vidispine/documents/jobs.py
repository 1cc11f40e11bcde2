"""Jobs: one, and a list of them (contract 3.2, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from vidijob.api.vidispine.documents.search import Facet
from vidijob.api.vidispine.documents.vocabulary import (
    JobStateName,
    KeyValue,
    PriorityName,
    SiteId,
    StepStateName,
    VidispineDocument,
)
from vidijob.binding.fields import Always, Attribute, Integer, Long, Simple, Text

ProgressUnit = Annotated[str, Simple("ProgressUnitType", values=("bytes", "percent"))]


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
class JobOrder:
    """What is to be one job: the words of POST /job, with data as jobs show it."""

    type: str
    priority: PriorityName | None = None
    hold_job: bool | None = None
    #: A placeholder notification, by its id, an external one or its URL.
    notification: str | None = None
    data: tuple[KeyValue, ...] = ()
    notification_data: tuple[KeyValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrderListDocument(VidispineDocument):
    """Ours: jobs to be submitted, all or none."""

    job: tuple[JobOrder, ...] = ()
