"""What is told of jobs and tasks to notification end points: as messages in a queue, or as calls of an address, signed as
Microsoft's own receiver checks it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from vidijob.api.azure.orders import ACCOUNT, FACE
from vidijob.api.azure.translate import (
    FINAL,
    JOB_STATES,
    NAMES,
    RUNNING,
    STEP_STATES,
    entity_id,
    step_number,
    task_state,
    task_uuid,
)
from vidijob.engine.letters import Called, Letter, Queued
from vidijob.engine.watcher import Advanced, Record, Told, Watched
from vidijob.errors import Invalid
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import JobId, Origin
from vidijob.jobs.states import JobState, StepState

FORM = "azure"
ENDPOINT = "endpoint"
ACCOUNT_ID = "a3a2d5f0-6f0c-4e53-9a44-0d3f6a5f1c11"
QUEUE, WEBHOOK = 1, 3
#: The number of each type of event, which is what calls have; messages have the name.
_TYPES = {
    name: number
    for number, name in enumerate(
        ("JobStateChange", "NotificationEndPointRegistration", "NotificationEndPointUnregistration", "TaskStateChange", "TaskProgress"), 1
    )
}  # fmt: skip
#: Only what is final, or all: the two words of a subscription.
ONLY_FINAL, ALL = 1, 2
#: How far a state is, in the order of the numbers.
_RANK = (0, 1, 2, 4, 4, 4, 3)
PROGRESS = "IncludeTaskProgress"


@dataclass(frozen=True, slots=True)
class Options:
    """How the face writes, where clients differ."""

    #: How many units of a duration a second has.
    unit: float = 1
    #: Whether what stands in a queue is base64.
    base64: bool = False
    #: Whether the properties of a call are there in camel case as well.
    camel: bool = False


PLAIN = Options()


def signing_key(text: str | None) -> bytes | None:
    """Return the key that calls of an end point are signed with; raises ``Invalid`` for what is none."""
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("EncryptedEndPointCredential", "The signing key is base64, not encrypted here.") from None


@dataclass(slots=True)
class _Where:
    """Where a job and its tasks are, as was told last; kept as a text: ``Processing 10=3 20=2/40``."""

    job: int
    tasks: dict[int, int]
    #: The progress of tasks, in percent.
    progress: dict[int, int]

    @classmethod
    def read(cls, text: str | None) -> _Where:
        name, *tasks = (text or NAMES[0]).split(" ")
        pairs = {int(step): rest.split("/") for step, _, rest in (task.partition("=") for task in tasks)}
        return cls(
            NAMES.index(name),
            {step: int(state) for step, (state, *_) in pairs.items()},
            {step: int(percent) for step, (_, *rest) in pairs.items() for percent in rest},
        )

    def __str__(self) -> str:
        percent = {step: f"/{value}" for step, value in self.progress.items()}
        return " ".join(
            [NAMES[self.job], *(f"{step}={state}{percent.get(step, '')}" for step, state in self.tasks.items())]
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """A task of which something is told."""

    step: int
    about: Mapping[str, Any]
    subscriptions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Event:
    """What is told."""

    kind: str
    at: datetime
    about: Mapping[str, Any]
    #: Of the event of the core; of progress, the percent.
    number: int
    job: JobId


class Teller:
    """Says of each state of a job and of its tasks what their subscriptions want."""

    face = FACE
    kind = ENDPOINT

    def __init__(self, uuids: Uuids, options: Options = PLAIN) -> None:
        self._uuids = uuids
        self._options = options

    def receivers(self, origin: Origin) -> list[UUID]:
        """Return the end points that a job and its tasks name."""
        tasks = [one for task in self._tasks(JobId(0), origin) for one in task.subscriptions]
        return [_receiver(one) for one in (*_of_job(origin), *tasks)]

    def tell(self, watched: Watched, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Return what is said of each new state: one that does not go back."""
        where, letters, job = _Where.read(watched.told), list[Letter](), watched.job
        about, tasks = self._about(job, origin), list(self._tasks(job, origin))
        for event in watched.events:
            following = _following(where.job, event.step is None, event.new)
            if _RANK[following] > _RANK[where.job]:
                said = _Event("JobStateChange", event.at, about | _change(where.job, following), event.id, job)
                wanting = [one for one in _of_job(origin) if one["TargetJobState"] == ALL or following in FINAL]
                letters += self._letters(said, wanting, receivers)
                where.job = following
            for task in tasks:
                old = where.tasks.get(task.step, 0)
                new = STEP_STATES[StepState(event.new)] if event.step == task.step else old
                new = task_state(new, where.job)
                if _RANK[new] > _RANK[old]:
                    said = _Event("TaskStateChange", event.at, {**task.about, **_change(old, new)}, event.id, job)
                    wanting = [one for one in task.subscriptions if one["TargetTaskState"] == ALL or new in FINAL]
                    letters += self._letters(said, wanting, receivers)
                    where.tasks[task.step] = new
        gone = any(event.step is None and event.new == "DELETED" for event in watched.events)
        return Told(str(where), where.job in FINAL or gone, letters)

    def advance(self, advanced: Advanced, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Return what is said of the progress of tasks: each percent once."""
        where, letters = _Where.read(advanced.told), list[Letter]()
        for task in self._tasks(advanced.job, origin):
            percent = int(advanced.percents.get(task.step, 0))
            if percent > where.progress.get(task.step, 0):
                where.progress[task.step] = percent
                where.tasks.setdefault(task.step, 0)
                about = {**task.about, "LastComputedProgress": percent, "AccountName": ACCOUNT}
                said = _Event("TaskProgress", advanced.at, about, percent, advanced.job)
                letters += self._letters(said, [one for one in task.subscriptions if one[PROGRESS]], receivers)
        return Told(str(where), False, letters)

    def _about(self, job: JobId, origin: Origin) -> dict[str, Any]:
        return {"JobId": entity_id("jid", self._uuids.of_job(job)), "JobName": origin.document.get("Name", "")}

    def _tasks(self, job: JobId, origin: Origin) -> Iterator[_Task]:
        for place, task in enumerate(origin.document.get("Tasks") or ()):
            if task.get("TaskNotificationSubscriptions"):
                id = entity_id("tid", task_uuid(self._uuids, job, step_number(place)))
                about = {**self._about(job, origin), "TaskId": id, "TaskName": task.get("Name") or ""}
                yield _Task(step_number(place), about, task["TaskNotificationSubscriptions"])

    def _letters(
        self, said: _Event, wanting: Sequence[Mapping[str, Any]], receivers: Mapping[UUID, Record]
    ) -> list[Letter]:
        known = [receivers[_receiver(one)] for one in wanting if _receiver(one) in receivers]
        return [_letter(said, receiver, self._options) for receiver in known]


def registration(receiver: Record, options: Options, *, registered: bool) -> Letter:
    """Return what is sent to an end point when it is registered, or is so no longer."""
    about = {
        "NotificationEndPointId": entity_id("nepid", receiver.id),
        "State": "Registered" if registered else "Unregistered",
        "Name": receiver.name,
        "Created": _stamp(receiver.created),
    }
    kind = "NotificationEndPointRegistration" if registered else "NotificationEndPointUnregistration"
    return _letter(_Event(kind, receiver.changed, about, 0 if registered else -1, JobId(0)), receiver, options)


def _letter(said: _Event, receiver: Record, options: Options) -> Letter:
    kept, about = receiver.document, dict(said.about)
    what = (receiver.id, said.number, said.kind, about.get("NewState"), about.get("TaskId"))
    tag = hashlib.sha256("\n".join(map(str, what)).encode()).hexdigest()
    stamp = _stamp(said.at)
    if kept["EndPointType"] == QUEUE:
        head = {"MessageVersion": "1.0", "EventType": said.kind, "ETag": tag, "TimeStamp": stamp}
        text = json.dumps({**head, "Properties": about}, ensure_ascii=False)
        return Queued(kept["EndPointAddress"], base64.b64encode(text.encode()).decode() if options.base64 else text)
    about |= {"AccountId": ACCOUNT_ID, "AccountName": ACCOUNT}
    about.setdefault("NotificationEndPointId", entity_id("nepid", receiver.id))
    if options.camel:
        about |= {name[0].lower() + name[1:]: value for name, value in about.items()}
    call: dict[str, object] = {"MessageVersion": "1.1", "ETag": tag, "EventType": _TYPES[said.kind], "TimeStamp": stamp}
    body = json.dumps({**call, "Properties": about}, ensure_ascii=False)
    key = signing_key(kept.get("EncryptedEndPointCredential"))
    signed = () if key is None else (("signature", sign(key, body.encode())),)
    # Several tasks may end with one event of the core; and its events have the numbers above zero.
    number = -2 - int(tag[:15], 16) if "TaskId" in about else said.number
    return Called(kept["EndPointAddress"], FORM, (("body", body), *signed), receiver.place, number, said.job)


def _of_job(origin: Origin) -> Sequence[Mapping[str, Any]]:
    return origin.document.get("JobNotificationSubscriptions") or ()


def _receiver(subscription: Mapping[str, Any]) -> UUID:
    return UUID(subscription["NotificationEndPointId"][-36:])


def _change(old: int, new: int) -> dict[str, Any]:
    return {"NewState": NAMES[new], "OldState": NAMES[old], "AccountName": ACCOUNT}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _following(state: int, of_job: bool, new: str) -> int:
    if not of_job:
        return RUNNING if new.startswith("STARTED") else state
    if new not in JobState.__members__:
        return state
    stage = min(state, 2) if new != "STARTED" else max(min(state, 2), 1)
    return JOB_STATES[JobState(new), stage]


def sign(key: bytes, body: bytes) -> str:
    """Return the value of ``ms-signature``."""
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest().upper()}"


def write(fields: Sequence[tuple[str, str]], content_type: str | None) -> tuple[bytes, str]:
    """Return the bytes of a call, as they were signed."""
    return dict(fields)["body"].encode(), content_type or "application/json"


def headers(fields: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return the headers of a call."""
    about = {"ms-mediaservices-accountid": ACCOUNT_ID}
    signature = dict(fields).get("signature")
    return about if signature is None else {**about, "ms-signature": signature}
