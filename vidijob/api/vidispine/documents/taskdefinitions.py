"""Task definitions: the steps of job types (contract 3.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from vidijob.api.vidispine.documents.vocabulary import KeyValue, VidispineDocument
from vidijob.binding.fields import Attribute, Branch, Integer


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDependency:
    """After which steps one may start."""

    #: After the step of this number; 0 is none.
    step: Integer | None = None
    previous: bool | None = None
    all_previous: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMetadata:
    """Keys and values (from API 5 on)."""

    field: tuple[KeyValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinitionDocument(VidispineDocument):
    """A step of a job type: a method of a bean, or a script."""

    description: str | None = None
    extradata: str | None = None
    flags: Integer | None = None
    bean: Annotated[str | None, Branch("form", "bean", blank=False)] = None
    method: Annotated[str | None, Branch("form", "bean", blank=False)] = None
    plugin: Annotated[bool | None, Branch("form", "bean", needed=False, opens=False)] = None
    script: Annotated[str | None, Branch("form", "script", blank=False)] = None
    step: Integer | None = None
    dependency: TaskDependency | None = None
    parallel_dependency: TaskDependency | None = None
    job_type: str | None = None
    cleanup: bool | None = None
    critical: bool | None = None
    #: From API 5 on.
    metadata: TaskMetadata | None = None
    id: Attribute[Integer | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinitionListDocument(VidispineDocument):
    """Task definitions, of one type or of several."""

    # Examples in the field wrap tasks in the root of a single one.
    also_named: ClassVar[tuple[str, ...]] = ("TaskDefinitionDocument",)

    task: tuple[TaskDefinitionDocument, ...] = ()
    #: From API 5 on.
    metadata: TaskMetadata | None = None
