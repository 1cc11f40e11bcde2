"""What is told of one event of a job: the fields of a SimpleMetadataDocument, and its bytes (contract 1.5). Pure.

========================================================== ==================================================
keys, in this order                                        content filter
========================================================== ==================================================
``jobId``                                                  jobId
``type``                                                   jobType
``user``, ``username``                                     user
``action``: the trigger in capitals                        always
``status``                                                 jobState
``started``: in the XML way, in every form                 startTime
``currentStepNumber``, ``currentStepStatus``               currentStep; left out until a step has begun
``totalSteps``                                             totalSteps
``item``, ``itemId``: of the job data                      itemId; or jobData
``sequenceNumber``, ``baseUri``                            always
all other job data                                         jobData; ``errorMessage…`` also by errorMessage
what the job asked to be added                             always
========================================================== ==================================================

Without a content filter all are there. A key of job data or of what was added never stands beside one of the server's own
of the same name, so that nobody can make a receiver believe another status.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vidijob.api.vidispine import documents as wire
from vidijob.binding import json, text, xml
from vidijob.binding.values import xml_time
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Job
from vidijob.jobs.notifications import NOTHING_ASKED, Change, Content, Definition, Notification, NotificationRequest
from vidijob.web.negotiate import Form, sent

#: The keys that are the server's own: each stands at most once.
RESERVED = frozenset(
    {
        "jobId",
        "type",
        "user",
        "username",
        "action",
        "status",
        "started",
        "currentStepNumber",
        "currentStepStatus",
        "totalSteps",
        "sequenceNumber",
        "baseUri",
    }
)
_ITEM = frozenset({"item", "itemId"})


def payload(
    site: str,
    definition: Definition,
    change: Change,
    job: Job,
    request: NotificationRequest = NOTHING_ASKED,
    *,
    base_uri: str,
    sequence: int = 0,
) -> wire.SimpleMetadataDocument:
    """Return what is told of a change of a job, which is as it was right after it."""
    wanted = frozenset(definition.content or Content)
    fields = [
        *_own(site, definition, change, job, wanted, base_uri, sequence),
        *_data(job, wanted),
        *((key, value) for key, values in request.data.items() if key not in RESERVED for value in values),
    ]
    return wire.SimpleMetadataDocument(field=tuple(wire.KeyValue(key=key, value=value) for key, value in fields))


class Composer:
    """Makes payloads for whoever fills the outbox, and their bytes for whoever delivers."""

    def __init__(self, site: str) -> None:
        self._site = site

    def compose(
        self, notification: Notification, change: Change, job: Job, request: NotificationRequest, sequence: int
    ) -> list[tuple[str, str]]:
        """Return what is told of a change of a job, pair by pair."""
        told = payload(
            self._site,
            notification.definition,
            change,
            job,
            request,
            base_uri=notification.base_uri,
            sequence=sequence,
        )
        return [(field.key, field.value) for field in told.field]

    def write(self, fields: Sequence[tuple[str, str]], content_type: str | None) -> tuple[bytes, str]:
        """Return the bytes of such pairs, and their Content-Type."""
        pairs = tuple(wire.KeyValue(key=key, value=value) for key, value in fields)
        return body(wire.SimpleMetadataDocument(field=pairs), content_type)


def body(document: wire.SimpleMetadataDocument, content_type: str | None) -> tuple[bytes, str]:
    """Return a payload in the form that a notification asks for, and its Content-Type; as text, a key, TAB, value per line."""
    match sent(content_type) if content_type is not None else Form.XML:
        case Form.JSON:
            return json.write(document), Form.JSON.value
        case Form.TEXT:
            written = text.lines([(field.key, field.value) for field in document.field])
            return written.encode(errors="replace"), f"{Form.TEXT.value}; charset=utf-8"
        case _:
            return xml.write(document), Form.XML.value


def _own(
    site: str,
    definition: Definition,
    change: Change,
    job: Job,
    wanted: frozenset[Content],
    base_uri: str,
    sequence: int,
) -> Iterator[tuple[str, str]]:
    if Content.JOB_ID in wanted:
        yield "jobId", job_name(site, job.id)
    if Content.JOB_TYPE in wanted:
        yield "type", job.type
    if Content.USER in wanted:
        yield "user", job.user
        yield "username", job.user
    yield "action", definition.trigger.name
    if Content.JOB_STATE in wanted:
        # The job may have moved on since.
        yield "status", job.state.value if change.step is not None else change.new
    if Content.START_TIME in wanted:
        yield "started", xml_time(job.started)
    if Content.CURRENT_STEP in wanted and job.current_step is not None:
        yield "currentStepNumber", str(job.current_step.number)
        yield "currentStepStatus", job.current_step.state.value
    if Content.TOTAL_STEPS in wanted:
        yield "totalSteps", str(job.total_steps)
    if wanted & {Content.ITEM_ID, Content.JOB_DATA}:
        items = job.data.get("itemId") or job.data.get("item") or ()
        yield from (("item", item) for item in items)
        yield from (("itemId", item) for item in items)
    yield "sequenceNumber", str(sequence)
    yield "baseUri", base_uri


def _data(job: Job, wanted: frozenset[Content]) -> Iterator[tuple[str, str]]:
    for key, values in job.data.items():
        if key in RESERVED or key in _ITEM:
            continue
        error = key == "errorMessage" or key.startswith("errorMessage-")
        if Content.JOB_DATA in wanted or (error and Content.ERROR_MESSAGE in wanted):
            yield from ((key, value) for value in values)
