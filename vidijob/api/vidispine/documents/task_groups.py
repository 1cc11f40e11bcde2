"""Task groups: which jobs share a limit (contract 1.6)."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.api.vidispine.documents.general import SimpleMetadataDocument
from vidijob.api.vidispine.documents.vocabulary import VidispineDocument
from vidijob.binding.fields import Uri


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroupData:
    """Job data that a job must have; without value the key alone."""

    key: str
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroupJob:
    """A condition on jobs: one of the values that are given must fit."""

    type: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    data: tuple[TaskGroupData, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroupTranscoder:
    """A transcoder that the group may use."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroupDocument(VidispineDocument):
    """A task group: jobs that meet all its conditions."""

    loc: Uri | None = None
    name: str
    job: tuple[TaskGroupJob, ...] = ()
    transcoder: tuple[TaskGroupTranscoder, ...] = ()
    metadata: SimpleMetadataDocument | None = None
    priority: str | None = None
    #: From API 22.4 on.
    max_concurrency: int | None = None
    #: Ours: none of its jobs is admitted.
    paused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroupListDocument(VidispineDocument):
    """All task groups."""

    group: tuple[TaskGroupDocument, ...] = ()
