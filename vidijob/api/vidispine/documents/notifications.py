"""Notifications (contract 3.10). What other actions and triggers than ours hold is not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vidijob.api.vidispine.documents.vocabulary import VidispineDocument
from vidijob.binding.fields import Attribute, Branch, Integer, Simple, Wire
from vidijob.jobs.notifications import Content

ContentName = Annotated[
    str, Simple("JobNotificationContentFilterType", values=tuple(content.value for content in Content))
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAction:
    """A call of a URL."""

    extradata: str | None = None
    retry: Integer | None = None
    content_type: str | None = None
    url: str
    method: str | None = None
    #: Seconds, or ``none``. Always printed; readers take a document without it.
    timeout: str | None = None
    #: Likewise.
    synchronous: Attribute[bool | None] = None
    group: Attribute[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherAction:
    """An action that is known by name only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do."""

    http: Annotated[HttpAction | None, Branch("action", "http")] = None
    ejb: Annotated[OtherAction | None, Branch("action", "ejb")] = None
    jms: Annotated[OtherAction | None, Branch("action", "jms")] = None
    javascript: Annotated[OtherAction | None, Branch("action", "javascript")] = None
    sqs: Annotated[OtherAction | None, Branch("action", "sqs")] = None
    #: From API 24 on.
    sns: Annotated[OtherAction | None, Branch("action", "sns")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFilters:
    """What the payload is limited to."""

    content_filter: tuple[ContentName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDataFilter:
    """A pair that must be among the job data."""

    key: Annotated[str | None, Branch("key", "key")] = None
    key_regex: Annotated[str | None, Wire("key-regex"), Branch("key", "key-regex")] = None
    value: Annotated[str | None, Branch("value", "value")] = None
    value_regex: Annotated[str | None, Wire("value-regex"), Branch("value", "value-regex")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEventFilter:
    """Which jobs and steps."""

    #: The servers' own schema has it once; they take several.
    type: tuple[str, ...] = ()
    step: int | None = None
    jobdata: JobDataFilter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTrigger:
    """What happens to a job; the five elements are empty."""

    type: str | None = None
    update: Annotated[str | None, Branch("event", "update")] = None
    stop: Annotated[str | None, Branch("event", "stop")] = None
    finished: Annotated[str | None, Branch("event", "finished")] = None
    fail: Annotated[str | None, Branch("event", "fail")] = None
    create: Annotated[str | None, Branch("event", "create")] = None
    placeholder: bool | None = None
    content_filters: ContentFilters | None = None
    filter: JobEventFilter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTrigger:
    """A trigger that is known by name only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What to wait for."""

    job: Annotated[JobTrigger | None, Branch("trigger", "job")] = None
    metadata: Annotated[OtherTrigger | None, Branch("trigger", "metadata")] = None
    item: Annotated[OtherTrigger | None, Branch("trigger", "item")] = None
    collection: Annotated[OtherTrigger | None, Branch("trigger", "collection")] = None
    storage: Annotated[OtherTrigger | None, Branch("trigger", "storage")] = None
    file: Annotated[OtherTrigger | None, Branch("trigger", "file")] = None
    group: Annotated[OtherTrigger | None, Branch("trigger", "group")] = None
    access: Annotated[OtherTrigger | None, Branch("trigger", "access")] = None
    shape: Annotated[OtherTrigger | None, Branch("trigger", "shape")] = None
    quota: Annotated[OtherTrigger | None, Branch("trigger", "quota")] = None
    document: Annotated[OtherTrigger | None, Branch("trigger", "document")] = None
    #: From API 24 on.
    deletion_lock: Annotated[OtherTrigger | None, Branch("trigger", "deletionLock")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationDocument(VidispineDocument):
    """Whom to tell of what."""

    action: Action
    trigger: Trigger
