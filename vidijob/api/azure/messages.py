"""What is told of jobs and tasks to notification end points: as messages in a queue, or as calls of an address, signed as
Microsoft's own receiver checks it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from vidijob.api.azure.orders import ACCOUNT, FACE
from vidijob.api.azure.translate import FINAL, JID, NAMES, TID, TOLD, step_number, task_uuid
from vidijob.engine.letters import Called, Letter, Queued
from vidijob.engine.watcher import Advanced, Record, Told, Watched
from vidijob.jobs.following import Place
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import JobId, Origin
from vidijob.odata.keys import Key

NEPID = Key("NotificationEndPoints", "nb:nepid:UUID:")
ENDPOINT = "endpoint"
#: Under which an end point keeps what calls are signed with, in base64; it is shown to nobody.
KEY = "SigningKey"
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


@dataclass(frozen=True, slots=True)
class _Task:
    """A task of which something is told."""

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
        tasks = [one for task in self._tasks(JobId(0), origin).values() for one in task.subscriptions]
        return [_receiver(one) for one in (*_of_job(origin), *tasks)]

    def tell(self, watched: Watched, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Return what is said of each new state: one that does not go back."""
        place, letters, job = Place.read(TOLD, watched.told), list[Letter](), watched.job
        tasks = self._tasks(job, origin)
        for change in place.go_on(watched.events, tasks):
            about = {"NewState": NAMES[change.new], "OldState": NAMES[change.old], "AccountName": ACCOUNT}
            if change.step is None:
                kind, about = "JobStateChange", self._about(job, origin) | about
                subscriptions, target = _of_job(origin), "TargetJobState"
            else:
                kind, about = "TaskStateChange", {**tasks[change.step].about, **about}
                subscriptions, target = tasks[change.step].subscriptions, "TargetTaskState"
            wanting = [one for one in subscriptions if one[target] == ALL or change.new in FINAL]
            said = _Event(kind, change.event.at, about, change.event.id, job)
            letters += self._letters(said, wanting, receivers)
        gone = any(event.step is None and event.new == "DELETED" for event in watched.events)
        return Told(str(place), place.job in FINAL or gone, letters)

    def advance(self, advanced: Advanced, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Return what is said of the progress of tasks."""
        place, letters = Place.read(TOLD, advanced.told), list[Letter]()
        tasks = self._tasks(advanced.job, origin)
        for step, percent in place.advance(advanced.percents, tasks):
            about = {**tasks[step].about, "LastComputedProgress": percent, "AccountName": ACCOUNT}
            said = _Event("TaskProgress", advanced.at, about, percent, advanced.job)
            letters += self._letters(
                said, [one for one in tasks[step].subscriptions if one.get("IncludeTaskProgress")], receivers
            )
        return Told(str(place), False, letters)

    def _about(self, job: JobId, origin: Origin) -> dict[str, Any]:
        return {"JobId": JID.of(self._uuids.of_job(job)), "JobName": origin.document.get("Name", "")}

    def _tasks(self, job: JobId, origin: Origin) -> dict[int, _Task]:
        """Return the tasks of which something is told, by their steps."""
        found = {}
        for place, task in enumerate(origin.document.get("Tasks") or ()):
            if task.get("TaskNotificationSubscriptions"):
                id = TID.of(task_uuid(self._uuids, job, step_number(place)))
                about = {**self._about(job, origin), "TaskId": id, "TaskName": task.get("Name") or ""}
                found[step_number(place)] = _Task(about, task["TaskNotificationSubscriptions"])
        return {int(step): task for step, task in found.items()}

    def _letters(
        self, said: _Event, wanting: Sequence[Mapping[str, Any]], receivers: Mapping[UUID, Record]
    ) -> list[Letter]:
        known = [receivers[_receiver(one)] for one in wanting if _receiver(one) in receivers]
        return [_letter(said, receiver, self._options) for receiver in known]


def registration(receiver: Record, options: Options, *, registered: bool) -> Letter:
    """Return what is sent to an end point when it is registered, or is so no longer."""
    about = {
        "NotificationEndPointId": NEPID.of(receiver.id),
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
    about.setdefault("NotificationEndPointId", NEPID.of(receiver.id))
    if options.camel:
        about |= {name[0].lower() + name[1:]: value for name, value in about.items()}
    call: dict[str, object] = {"MessageVersion": "1.1", "ETag": tag, "EventType": _TYPES[said.kind], "TimeStamp": stamp}
    body = json.dumps({**call, "Properties": about}, ensure_ascii=False)
    key = kept.get(KEY, kept.get("EncryptedEndPointCredential"))
    heads = {"ms-mediaservices-accountid": ACCOUNT_ID}
    if key:
        heads["ms-signature"] = sign(base64.b64decode(key), body.encode())
    # Several tasks may end with one event of the core; and its events have the numbers above zero.
    number = -2 - int(tag[:15], 16) if "TaskId" in about else said.number
    return Called(kept["EndPointAddress"], body, heads, receiver.place, number, said.job)


def _of_job(origin: Origin) -> Sequence[Mapping[str, Any]]:
    return origin.document.get("JobNotificationSubscriptions") or ()


def _receiver(subscription: Mapping[str, Any]) -> UUID:
    return UUID(subscription["NotificationEndPointId"][-36:])


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def sign(key: bytes, body: bytes) -> str:
    """Return the value of ``ms-signature``."""
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest().upper()}"
