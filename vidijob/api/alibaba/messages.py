"""What is told at the end of a job, as the vendor's message service would: the words in both letter cases."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from vidijob.api.alibaba import translate
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import Job
from vidijob.jobs.notifications import Change, Notification, NotificationRequest
from vidijob.jobs.states import JobState

#: The form that such notifications have.
FORM = "mps"


class Messages:
    """Makes messages for whoever fills the outbox, and their bytes for whoever delivers."""

    def __init__(self, uuids: Uuids) -> None:
        self._uuids = uuids

    def compose(
        self, notification: Notification, change: Change, job: Job, request: NotificationRequest, sequence: int
    ) -> list[tuple[str, str]]:
        """Return what is told, pair by pair."""
        state = translate.STATES[JobState(change.new)][True]
        good = state == translate.SUCCESS
        words = {
            "jobId": translate.job_id(self._uuids, job.id),
            "requestId": (request.data.get("requestId") or [""])[0],
            "type": "Transcode",
            "state": "Success" if good else "Fail",
            "userData": (request.data.get("userData") or [""])[0],
        }
        reason = job.data.get("errorMessage") or job.data.get("abortReason") or [""]
        return [
            *(pair for key, value in words.items() for pair in ((key, value), (key[0].upper() + key[1:], value))),
            ("code", "" if good else state),
            ("msg", "" if good else reason[0]),
        ]

    def write(self, fields: Sequence[tuple[str, str]], content_type: str | None) -> tuple[bytes, str]:
        """Return a message as JSON, and its Content-Type."""
        return orjson.dumps(dict(fields)), "application/json"
