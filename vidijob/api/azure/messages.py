"""What is told of jobs to notification end points: as messages in a queue, or as calls of an address, signed as Microsoft's own
receiver checks it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from vidijob.api.azure.orders import FACE
from vidijob.api.azure.translate import FINAL, JOB_STATES, NAMES, entity_id
from vidijob.engine.letters import Called, Letter, Queued
from vidijob.engine.watcher import Record, Told, Watched
from vidijob.errors import Invalid
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import JobId, Origin
from vidijob.jobs.states import JobState

FORM = "azure"
ENDPOINT = "endpoint"
ACCOUNT = "vidijob"
ACCOUNT_ID = "a3a2d5f0-6f0c-4e53-9a44-0d3f6a5f1c11"
QUEUE, WEBHOOK = 1, 3
_EVENT_TYPES = {"JobStateChange": 1, "NotificationEndPointRegistration": 2, "NotificationEndPointUnregistration": 3}
#: Only what is final, or all: the two words of a subscription.
ONLY_FINAL, ALL = 1, 2
#: How far a state is, in the order of the numbers.
_RANK = (0, 1, 2, 4, 4, 4, 3)
_PROCESSING = 2
_NO_JOB = JobId(0)


def signing_key(text: str | None) -> bytes | None:
    """Return the key that calls of an end point are signed with; raises ``Invalid`` for what is none."""
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("EncryptedEndPointCredential", "The signing key is base64, not encrypted here.") from None


class Teller:
    """Says of each state of a job what its subscriptions want."""

    face = FACE
    kind = ENDPOINT

    def __init__(self, uuids: Uuids) -> None:
        self._uuids = uuids

    def receivers(self, origin: Origin) -> list[UUID]:
        """Return the end points that a job names."""
        return [id for id, _ in _subscriptions(origin)]

    def tell(self, watched: Watched, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Return what is said of each new state: one that does not go back."""
        state = NAMES.index(watched.told) if watched.told in NAMES else 0
        letters: list[Letter] = []
        for event in watched.events:
            following = _following(state, event.step is None, event.new)
            if _RANK[following] <= _RANK[state]:
                continue
            about = {
                "JobId": entity_id("jid", self._uuids.of_job(watched.job)),
                "JobName": origin.document.get("Name", ""),
                "NewState": NAMES[following],
                "OldState": NAMES[state],
                "AccountName": ACCOUNT,
            }
            for id, target in _subscriptions(origin):
                if id in receivers and (target == ALL or following in FINAL):
                    letters += letter(receivers[id], "JobStateChange", event.at, about, event.id, watched.job)
            state = following
        gone = any(event.step is None and event.new == "DELETED" for event in watched.events)
        return Told(NAMES[state], state in FINAL or gone, letters)


def _subscriptions(origin: Origin) -> list[tuple[UUID, int]]:
    given = origin.document.get("JobNotificationSubscriptions") or ()
    return [(UUID(one["NotificationEndPointId"][-36:]), one["TargetJobState"]) for one in given]


def _following(state: int, of_job: bool, new: str) -> int:
    if not of_job:
        return _PROCESSING if new.startswith("STARTED") else state
    if new not in JobState.__members__:
        return state
    stage = min(state, 2) if new != "STARTED" else max(min(state, 2), 1)
    return JOB_STATES[JobState(new), stage]


def letter(
    receiver: Record, kind: str, at: datetime, about: Mapping[str, Any], event: int, job: JobId = _NO_JOB
) -> list[Letter]:
    """Return what is sent to an end point of something that happened."""
    kept = receiver.document
    tag = hashlib.sha256(f"{receiver.id}\n{event}\n{kind}\n{about.get('NewState')}".encode()).hexdigest()
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if kept["EndPointType"] == QUEUE:
        message = {
            "MessageVersion": "1.0",
            "EventType": kind,
            "ETag": tag,
            "TimeStamp": stamp,
            "Properties": dict(about),
        }
        return [Queued(kept["EndPointAddress"], json.dumps(message, ensure_ascii=False))]
    properties = {**about, "AccountId": ACCOUNT_ID, "AccountName": ACCOUNT}
    properties.setdefault("NotificationEndPointId", entity_id("nepid", receiver.id))
    body = json.dumps(
        {
            "MessageVersion": "1.1",
            "ETag": tag,
            "EventType": _EVENT_TYPES[kind],
            "TimeStamp": stamp,
            "Properties": properties,
        },
        ensure_ascii=False,
    )
    key = signing_key(kept.get("EncryptedEndPointCredential"))
    signed = () if key is None else (("signature", sign(key, body.encode())),)
    return [Called(kept["EndPointAddress"], FORM, (("body", body), *signed), receiver.place, event, job)]


def registration(receiver: Record, kind: str, state: str) -> list[Letter]:
    """Return what is sent to an end point when it is registered, or is so no longer."""
    created = receiver.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    about = {
        "NotificationEndPointId": entity_id("nepid", receiver.id),
        "State": state,
        "Name": receiver.name,
        "Created": created,
    }
    return letter(receiver, kind, receiver.changed, about, 0 if state == "Registered" else -1)


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
