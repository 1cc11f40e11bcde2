"""Notifications: who is to be told of what happens to jobs, and whether one event concerns them (contract 1.5).

Pure: how they are stored, sent and delivered is not known here. Patterns are matched by an engine whose time grows with
the text only, since whoever may define a notification must not be able to stop the server with one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import NewType

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema
from yarl import URL

from vidijob.errors import Invalid, NotFound
from vidijob.jobs.model import Job, JobData, JobId, StepNumber
from vidijob.jobs.states import ENDED, JobState

#: The number of a notification inside its site: 12 of ``VX-12``.
NotificationId = NewType("NotificationId", int)

_ID = re.compile(r"(?P<site>[A-Za-z_][A-Za-z0-9_]*)-(?P<number>[0-9]{1,32})")
_LARGEST = 2**63 - 1
_LONGEST_URL = 4000
_LONGEST_PATTERN = 1000
#: In literal characters: forty classes, which take a few megabytes when compiled and a tenth of a second for that.
_LARGEST_PATTERN = 1000
_UNICODE_CLASS, _CLASS = 25, 5
_TOKEN = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\.|\[(?:\\.|[^\]\\])*\]|\{\s*(?P<count>[0-9]{1,9})\s*(?:,\s*(?P<most>[0-9]{0,9})\s*)?\}|.",
    re.DOTALL,
)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


class Trigger(Enum):
    """What a notification waits for, in the wire's words."""

    #: Anything that changes after the submission, in the job or in one of its steps.
    UPDATE = "update"
    #: The end, however it comes.
    STOP = "stop"
    #: The end with success, also with a warning.
    FINISHED = "finished"
    #: The end with a failure; an abort is none.
    FAIL = "fail"
    #: The submission.
    CREATE = "create"


class Content(Enum):
    """What a payload may be limited to, in the wire's words."""

    JOB_ID = "jobId"
    JOB_STATE = "jobState"
    USER = "user"
    START_TIME = "startTime"
    JOB_TYPE = "jobType"
    JOB_DATA = "jobData"
    ERROR_MESSAGE = "errorMessage"
    ITEM_ID = "itemId"
    TOTAL_STEPS = "totalSteps"
    CURRENT_STEP = "currentStep"


class Scope(Enum):
    """Which jobs a notification can be about, by the resource that it was defined at."""

    #: Any job.
    JOBS = "jobs"
    #: One job.
    JOB = "job"
    #: The jobs that name it.
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True, slots=True)
class Place:
    """A resource that notifications are defined at."""

    scope: Scope
    #: The one job, where the scope says so.
    job: JobId | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text, or an expression that the whole of a text must fit."""

    text: str
    regex: bool = False

    def fits(self, text: str) -> bool:
        """Tell whether a text is the one, or fits the expression."""
        if not self.regex:
            return text == self.text
        try:
            _expression(self.text).validate_python(text)
        except ValidationError:
            return False
        return True


@lru_cache(maxsize=100)
def _expression(pattern: str) -> SchemaValidator:
    # Alone first: "a)|(?:b" must not become an expression by what stands around it.
    _compiled(pattern)
    return _compiled(rf"\A(?:{pattern})\z")


def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _size(pattern: str) -> int:
    """Estimate how large an expression gets when it is compiled, in literal characters.

    A class of characters takes as much as dozens of them, and ``{n}`` makes n copies of what stands before it: three
    characters more, megabytes more.
    """
    whole = last = 0
    outside: list[int] = []
    for token in _TOKEN.finditer(pattern):
        text, count = token[0], token["count"]
        if text == "(":
            outside.append(whole)
            whole = last = 0
        elif text == ")" and outside:
            whole, last = outside.pop() + whole, whole
        elif count is not None:
            times = int(token["most"] or count)
            whole, last = whole + last * (times - 1), last * times
        else:
            last = _UNICODE_CLASS if "\\" in text else _CLASS if text[0] in "[." else 1
            whole += last
    return whole + sum(outside)


def check_pattern(name: str, pattern: str) -> str:
    """Return an expression that can be taken, or raise ``Invalid`` under the name of its element."""
    if len(pattern) > _LONGEST_PATTERN:
        raise Invalid(name, f"A regular expression has at most {_LONGEST_PATTERN} characters.")
    if _size(pattern) > _LARGEST_PATTERN:
        raise Invalid(name, "The regular expression repeats too much; write + or * for {…}.", value=pattern[:100])
    try:
        _expression(pattern)
    except SchemaError as error:
        reason = " ".join(str(error).split())[-200:]
        raise Invalid(
            name,
            "The regular expression cannot be taken; look-around and back-references are not known here: " + reason,
            value=pattern[:100],
        ) from None
    return pattern


@dataclass(frozen=True, slots=True)
class DataFilter:
    """Some pair of job data must fit."""

    key: Pattern
    value: Pattern

    def passes(self, data: JobData) -> bool:
        """Tell whether there is such a pair."""
        return any(self.key.fits(key) and any(map(self.value.fits, values)) for key, values in data.items())


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which jobs and steps; what is not said takes all."""

    #: One of these job types.
    types: tuple[str, ...] = ()
    #: This step changed, or the job was at this step when it changed itself.
    step: StepNumber | None = None
    data: DataFilter | None = None


@dataclass(frozen=True, slots=True)
class HttpAction:
    """A call of somebody's URL."""

    #: May hold a user and a password: not to be shown in any log.
    url: str = field(repr=False)
    #: POST or PUT; ``None``: POST.
    method: str | None = None
    #: ``None``: XML.
    content_type: str | None = None
    #: For one call; ``None`` or zero: no limit.
    timeout: timedelta | None = None
    #: Calls after the first that failed; ``None``: as many as the server likes.
    retry: int | None = None
    #: Whether its calls have an order of their own, which waits for no other notification and goes before those.
    synchronous: bool = False
    #: Asynchronous calls of one group are made one after the other, as are those of one URL without a group.
    group: str | None = None
    #: Opaque; given back as it came.
    extra_data: str | None = None
    #: In the words of which face it is told.
    form: str = "vidispine"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a client says of a notification."""

    action: HttpAction
    trigger: Trigger
    #: Only for jobs that name it.
    placeholder: bool = False
    filter: EventFilter = EventFilter()
    #: Nothing: the payload is not limited.
    content: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """A definition that is kept."""

    id: NotificationId
    place: Place
    definition: Definition
    #: Who defined it.
    owner: str
    #: How its maker reached this server: ``http://host:8080/API/``.
    base_uri: str
    #: What happened before is not told.
    created: datetime

    @property
    def must_be_named(self) -> bool:
        """Tell whether it is only about jobs that name it."""
        return self.place.scope is Scope.PLACEHOLDER or self.definition.placeholder


@dataclass(frozen=True, slots=True)
class NotificationRequest:
    """What a job asks for when it is submitted."""

    #: A notification that must be named.
    notification: NotificationId | None = None
    #: What every payload about the job holds besides.
    data: JobData = field(default_factory=dict)


NOTHING_ASKED = NotificationRequest()


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the event log, as notifications see it."""

    #: The step that changed; ``None``: the job itself.
    step: StepNumber | None
    #: ``None``: it was submitted.
    old: str | None
    #: The new state of the step or the job.
    new: str
    #: The step that the job was at, where the job itself changed.
    at_step: StepNumber | None = None


def triggers(change: Change) -> frozenset[Trigger]:
    """Return what a change sets off.

    A submission sets off CREATE alone; an end also UPDATE, as every change does. A deletion sets off nothing: there is no
    job left to tell of.
    """
    if change.step is not None:
        return frozenset({Trigger.UPDATE})
    if change.new not in _JOB_STATES:
        return frozenset()
    if change.old is None:
        return frozenset({Trigger.CREATE})
    found = {Trigger.UPDATE}
    if change.old != change.new:
        found |= _AT_END.get(JobState(change.new), set())
    return frozenset(found)


_JOB_STATES = frozenset(state.value for state in JobState)
_AT_END: Mapping[JobState, set[Trigger]] = {
    state: {Trigger.STOP}
    | ({Trigger.FINISHED} if state in (JobState.FINISHED, JobState.FINISHED_WARNING) else set())
    | ({Trigger.FAIL} if state is JobState.FAILED_TOTAL else set())
    for state in ENDED
}


def matches(notification: Notification, change: Change, job: Job, request: NotificationRequest = NOTHING_ASKED) -> bool:
    """Tell whether a change of a job is to be told to whoever defined a notification."""
    wanted = notification.definition
    if wanted.trigger not in triggers(change):
        return False
    if notification.place.job not in (None, job.id):
        return False
    if notification.must_be_named and request.notification != notification.id:
        return False
    only = wanted.filter
    step = change.at_step if change.step is None else change.step
    return (
        (not only.types or job.type in only.types)
        and only.step in (None, step)
        and (only.data is None or only.data.passes(job.data))
    )


def notification_name(site: str, notification: NotificationId) -> str:
    """Return the id as users know it."""
    return f"{site}-{notification}"


def parse_notification(site: str, text: str) -> NotificationId | None:
    """Read a notification's id; ``None``: it has not the form of one. Raises ``NotFound`` for one that cannot be here."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    number = int(match["number"])
    if match["site"] != site or not 0 < number <= _LARGEST:
        raise NotFound("Notification", text)
    return NotificationId(number)


def check_url(text: str) -> str:
    """Return a URL that can be called, or raise ``Invalid``, whose sentence does not repeat it: it may hold a password.

    Which addresses may be reached is decided when it is called: names may point elsewhere by then.
    """
    refused = Invalid("url", "The url is an absolute one of http or https, without spaces.")
    if len(text) > _LONGEST_URL:
        raise Invalid("url", f"A url has at most {_LONGEST_URL} characters.")
    if _UNPRINTABLE.search(text):
        raise refused
    try:
        url = URL(text)
        # Some faults are found only when a part is asked for.
        parts = url.scheme, url.raw_host, url.port, url.user, url.password, url.raw_path_qs
    except (ValueError, UnicodeError):
        raise refused from None
    scheme, host, port, *_ = parts
    if scheme not in ("http", "https") or not host or not port:
        raise refused
    return text
