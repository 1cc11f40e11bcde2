"""Notifications ⇄ documents, both ways, pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from vidijob.api.vidispine import documents as wire
from vidijob.api.vidispine.documents import notifications as shapes
from vidijob.api.vidispine.translate.search import split_pair
from vidijob.errors import Invalid, NotImplementedHere
from vidijob.jobs.model import JobData, StepNumber
from vidijob.jobs.notifications import (
    Content,
    DataFilter,
    Definition,
    EventFilter,
    HttpAction,
    Pattern,
    Trigger,
    check_pattern,
    check_url,
)
from vidijob.web.negotiate import Form, sent

Word = TypeVar("Word", bound=Enum)

_METHODS = ("POST", "PUT")
_FORMS = (Form.XML, Form.JSON, Form.TEXT)
_SECONDS = re.compile(r"[0-9]{1,9}")
_LONGEST_TIMEOUT = 24 * 60 * 60
#: Where a document does not say, though the schema wants it to.
_TIMEOUT = timedelta(seconds=10)
_MOST_RETRIES = 1000
_LONGEST_TEXT = 1000
_MOST_TYPES = 1000


def definition(document: wire.NotificationDocument) -> Definition:
    """Return what a client wants to be told, and how.

    Raises ``Invalid``, and ``NotImplementedHere`` for actions and triggers that are not ours.
    """
    http, job = document.action.http, document.trigger.job
    if http is None:
        raise NotImplementedHere("Of the actions of notifications, this server knows http only.")
    if job is None:
        raise NotImplementedHere("Of the triggers of notifications, this server knows job only.")
    filters = job.content_filters
    named = [] if filters is None else filters.content_filter
    return Definition(
        action=_action(http),
        trigger=_trigger(job),
        placeholder=bool(job.placeholder),
        filter=_filter(job.filter) if job.filter is not None else EventFilter(),
        content=tuple(dict.fromkeys(_word("contentFilter", text, Content) for text in named)),
    )


def document(definition: Definition) -> wire.NotificationDocument:
    """Return a notification as its document, in the strict order and complete."""
    action = definition.action
    content = tuple(content.value for content in definition.content)
    event = definition.trigger
    return wire.NotificationDocument(
        action=shapes.Action(
            http=shapes.HttpAction(
                extradata=action.extra_data,
                retry=action.retry,
                content_type=action.content_type,
                url=action.url,
                method=action.method,
                timeout="none" if action.timeout is None else str(round(action.timeout.total_seconds())),
                synchronous=action.synchronous,
                group=action.group,
            )
        ),
        trigger=shapes.Trigger(
            job=shapes.JobTrigger(
                update="" if event is Trigger.UPDATE else None,
                stop="" if event is Trigger.STOP else None,
                finished="" if event is Trigger.FINISHED else None,
                fail="" if event is Trigger.FAIL else None,
                create="" if event is Trigger.CREATE else None,
                placeholder=definition.placeholder or None,
                content_filters=shapes.ContentFilters(content_filter=content) if content else None,
                filter=_filter_document(definition.filter),
            )
        ),
    )


def additions(pairs: Sequence[str]) -> JobData:
    """Read the ``notificationData`` parameters: what the payloads about a job are to hold besides."""
    given: dict[str, list[str]] = {}
    for pair in pairs:
        key, value = split_pair(pair, "notificationData")
        given.setdefault(key, []).append(value)
    return given


def _action(http: shapes.HttpAction) -> HttpAction:
    content_type = _text("contentType", http.content_type)
    if content_type is not None and sent(content_type) not in _FORMS:
        raise Invalid(
            "contentType", "A payload is application/xml, application/json or text/plain.", value=content_type
        )
    method = (_text("method", http.method) or "").upper() or None
    if method is not None and method not in _METHODS:
        raise Invalid("method", "A notification is sent by POST or PUT.", value=method)
    if http.retry is not None and not 0 <= http.retry <= _MOST_RETRIES:
        raise Invalid("retry", f"A call is tried again 0 to {_MOST_RETRIES} times.", value=str(http.retry))
    return HttpAction(
        url=check_url(http.url.strip()),
        method=method,
        content_type=content_type,
        timeout=_timeout(http.timeout),
        retry=http.retry,
        synchronous=bool(http.synchronous),
        group=_text("group", http.group),
        extra_data=http.extradata or None,
    )


def _timeout(text: str | None) -> timedelta | None:
    given = (text or "").strip().lower()
    if given == "none":
        return None
    if not given:
        return _TIMEOUT
    seconds = int(given) if _SECONDS.fullmatch(given) else -1
    if not 0 <= seconds <= _LONGEST_TIMEOUT:
        raise Invalid(
            "timeout",
            f"A timeout is a whole number of seconds, at most {_LONGEST_TIMEOUT}; 0 and none: no limit.",
            value=given[:100],
        )
    return timedelta(seconds=seconds)


def _trigger(job: shapes.JobTrigger) -> Trigger:
    # The reader has seen to it that exactly one is there.
    given = {
        Trigger.UPDATE: job.update,
        Trigger.STOP: job.stop,
        Trigger.FINISHED: job.finished,
        Trigger.FAIL: job.fail,
        Trigger.CREATE: job.create,
    }
    return next(trigger for trigger, text in given.items() if text is not None)


def _filter(given: shapes.JobEventFilter) -> EventFilter:
    types = tuple(dict.fromkeys(type for text in given.type if (type := _text("type", text)) is not None))
    if len(types) > _MOST_TYPES:
        raise Invalid("type", f"A filter names at most {_MOST_TYPES} job types.")
    if given.step is not None and given.step < 0:
        raise Invalid("step", "A step is a whole number from 0.", value=str(given.step))
    return EventFilter(
        types=types,
        step=None if given.step is None else StepNumber(given.step),
        data=None if given.jobdata is None else _data_filter(given.jobdata),
    )


def _data_filter(given: shapes.JobDataFilter) -> DataFilter | None:
    key = _pattern("key", given.key, given.key_regex)
    value = _pattern("value", given.value, given.value_regex)
    # A form whose fields were left empty.
    return DataFilter(key, value) if key.text or value.text else None


def _pattern(name: str, text: str | None, regex: str | None) -> Pattern:
    if regex is not None:
        return Pattern(check_pattern(f"{name}-regex", regex), regex=True)
    return Pattern(text or "")


def _filter_document(only: EventFilter) -> shapes.JobEventFilter | None:
    if only == EventFilter():
        return None
    data = None
    if only.data is not None:
        key, value = only.data.key, only.data.value
        data = shapes.JobDataFilter(
            key=None if key.regex else key.text,
            key_regex=key.text if key.regex else None,
            value=None if value.regex else value.text,
            value_regex=value.text if value.regex else None,
        )
    return shapes.JobEventFilter(type=only.types, step=only.step, jobdata=data)


def _text(name: str, text: str | None) -> str | None:
    """Return a text without what forms and indented XML put around it; nothing: it was left out."""
    stripped = (text or "").strip()
    if len(stripped) > _LONGEST_TEXT:
        raise Invalid(name, f"The element {name} has at most {_LONGEST_TEXT} characters.")
    return stripped or None


def _word(name: str, text: str, words: type[Word]) -> Word:
    for word in words:
        if word.value == text.strip():
            return word
    raise Invalid(name, f"A {name} is one of {', '.join(word.value for word in words)}.", value=text[:100])
