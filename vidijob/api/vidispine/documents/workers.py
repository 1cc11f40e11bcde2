"""Workers: who carries out steps (ours)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vidijob.api.vidispine.documents.vocabulary import KeyValue, SiteId, VidispineDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTask:
    """A step that a worker carries out."""

    job_id: SiteId
    #: The number in the job type: 100, 200, …
    step: int
    description: str | None = None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProcess:
    """A worker."""

    id: str
    host: str
    pid: int
    started: datetime
    #: When it last said that it is there.
    seen: datetime
    #: Whether it takes no more steps.
    drained: bool
    #: How many steps it runs at once.
    slots: int
    bean: tuple[str, ...] = ()
    resource: tuple[KeyValue, ...] = ()
    label: tuple[str, ...] = ()
    task: tuple[WorkerTask, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerListDocument(VidispineDocument):
    """The workers (an extension)."""

    worker: tuple[WorkerProcess, ...] = ()
