"""Jobs, their external ids, problems and notifications: what each handler takes and answers."""

from __future__ import annotations

from vidijob.api.vidispine import (
    events,
    external_ids,
    jobs,
    notifications,
    problems,
    search,
    waiting,
)
from vidijob.api.vidispine.documents import (
    DeliveryListDocument,
    ExternalIdentifierListDocument,
    JobDocument,
    JobListDocument,
    JobOrderListDocument,
    JobProblemListDocument,
    JobSearchDocument,
    NotificationDocument,
    SimpleMetadataDocument,
    URIListDocument,
)
from vidijob.api.vidispine.operations.shared import (
    HOLD,
    NOTHING,
    PAGE,
    PRIORITIES,
    SUBMITTED,
    URIS,
)
from vidijob.jobs.deliveries import DeliveryState
from vidijob.jobs.states import JobState
from vidijob.web.operations import Kind, Operation, Operations, Parameter

_STATES = tuple(state.value for state in JobState)
_DELIVERY_STATES = tuple(state.value for state in DeliveryState)
_SHOWN = (
    Parameter("metadata", Kind.FLAG, "Whether jobs are shown with their data.", False),
    Parameter("field", Kind.LIST, "The elements of a job that are shown; without it, all.", example="jobId"),
)
_WAIT = (
    Parameter(
        "wait",
        Kind.NUMBER,
        "For how many seconds the answer may wait until the job is not as `If-None-Match` knows it, or, without that header, as "
        "it was when this was asked (ours).",
        0,
        most=waiting.LONGEST,
    ),
    Parameter(
        "until",
        Kind.LIST,
        "With `wait`: the states that are waited for, separated by commas, instead of whatever is new; an end always counts.",
        values=("ended", *_STATES),
        example="ended",
    ),
)
_LISTED = (
    Parameter("user", Kind.FLAG, "Whether only jobs of the caller are wanted.", True),
    Parameter("type", Kind.LIST, "Jobs of these types.", example="TRANSCODE"),
    Parameter("state", Kind.CHOICES, "Jobs in these states.", values=(*_STATES, "all")),
    Parameter("priority", Kind.CHOICES, "Jobs of these priorities.", values=(*PRIORITIES, "all")),
    Parameter("jobmetadata", Kind.ALL, "Jobs with this data, `key=value`; `*` stands for any characters."),
    *(
        Parameter(f"{what}-{end}", Kind.TEXT, f"Jobs that {did} at this time or {side}; ISO 8601, without zone UTC.")
        for what, did in (("starttime", "were submitted"), ("finishtime", "ended"))
        for end, side in (("from", "later"), ("to", "earlier"))
    ),
    Parameter("sort", Kind.TEXT, "Fields to sort by, each with `asc` or `desc`.", example="priority desc, jobId"),
    Parameter("sort-order", Kind.TEXT, "The direction of fields without one.", "asc", values=("asc", "desc")),
    *PAGE,
    Parameter(
        "cursor", Kind.TEXT, "What follows the page whose header `Next-Cursor` said this, instead of `first` (ours)."
    ),
    Parameter("step", Kind.FLAG, "Whether jobs are shown with the step that they are at.", False),
    Parameter("idonly", Kind.FLAG, "Whether of jobs only their ids are shown.", False),
    *_SHOWN,
)
_CALL_AT_THE_END = {
    "action": {"http": {"url": "http://127.0.0.1:9/jobs", "method": "POST", "timeout": "5", "synchronous": False}},
    "trigger": {"job": {"stop": "", "filter": {"type": ["TRANSCODE"]}}},
}

JOBS: Operations = {
    jobs.create: Operation(
        takes=(
            Parameter("type", Kind.TEXT, "The type of the job.", needed=True, example="TRANSCODE"),
            *SUBMITTED,
        ),
        repeatable=True,
        body=(SimpleMetadataDocument,),
        example={"field": [{"key": "sourceUri", "value": "file:///media/clip.mov"}]},
        answers=JobDocument,
        refuses={404},
    ),
    jobs.create_all: Operation(
        repeatable=True,
        body=(JobOrderListDocument,),
        needs_body=True,
        example={
            "job": [
                {"type": "TRANSCODE", "data": [{"key": "sourceUri", "value": "file:///media/clip.mov"}]},
                {"type": "COPY_FILE", "priority": "LOW", "holdJob": True},
            ]
        },
        answers=JobListDocument,
        refuses={404},
    ),
    search.listing: Operation(takes=_LISTED, tagged=True, answers=JobListDocument),
    search.search: Operation(
        takes=_LISTED,
        body=(JobSearchDocument,),
        example={"facet": [{"field": "state", "count": True}]},
        answers=JobListDocument,
        refuses={404},
    ),
    jobs.delete: Operation(
        takes=(Parameter("id", Kind.LIST, "The ids of jobs that have ended.", needed=True, example="VX-1"),),
        refuses={404},
    ),
    events.follow: Operation(
        takes=(
            Parameter("id", Kind.LIST, "Only what happens to these jobs, at most 100.", example="VX-1"),
            Parameter("type", Kind.LIST, "Only what happens to jobs of these types.", example="TRANSCODE"),
            Parameter("step", Kind.FLAG, "Whether what happens to steps is told as well.", False),
            Parameter(
                "after",
                Kind.TEXT,
                "What was the `id` of an event: what follows it is told; the header `Last-Event-ID` goes before. Without both, what "
                "happens from now on.",
            ),
        ),
        refuses={404},
    ),
    jobs.get: Operation(takes=(*_SHOWN, *_WAIT), tagged=True, answers=JobDocument),
    jobs.change: Operation(
        takes=(Parameter("priority", Kind.CHOICE, "Another priority.", "MEDIUM", values=PRIORITIES),)
    ),
    jobs.abort: Operation(
        takes=(
            Parameter("reason", Kind.TEXT, "Why, for the log."),
            Parameter("cleanup", Kind.FLAG, "Whether its clean-up steps run.", True),
        )
    ),
    jobs.rerun: Operation(
        takes=(Parameter("priority", Kind.CHOICE, "Another priority than the first job's.", values=PRIORITIES), HOLD),
        repeatable=True,
        answers=JobDocument,
    ),
    jobs.release: NOTHING,
    external_ids.listing: Operation(answers=ExternalIdentifierListDocument),
    external_ids.strip: NOTHING,
    external_ids.give: Operation(refuses={409}),
    external_ids.take: NOTHING,
    problems.listing: Operation(answers=JobProblemListDocument),
    problems.of_job: Operation(answers=JobProblemListDocument),
    problems.retry: NOTHING,
    problems.fail: NOTHING,
    notifications.listing: URIS,
    notifications.define: Operation(
        body=(NotificationDocument,),
        needs_body=True,
        example=_CALL_AT_THE_END,
        answers=URIListDocument,
        refuses={501},
    ),
    notifications.forget_all: NOTHING,
    notifications.get: Operation(answers=NotificationDocument),
    notifications.change: Operation(
        body=(NotificationDocument,), needs_body=True, example=_CALL_AT_THE_END, refuses={501}
    ),
    notifications.forget: NOTHING,
    notifications.external_ids: Operation(answers=ExternalIdentifierListDocument),
    notifications.give_external_id: Operation(refuses={409}),
    notifications.take_external_id: NOTHING,
    notifications.strip_external_ids: NOTHING,
    notifications.deliveries: Operation(
        takes=(
            Parameter("state", Kind.CHOICES, "Deliveries in these states.", values=(*_DELIVERY_STATES, "all")),
            Parameter("number", Kind.NUMBER, "How many at most, the newest first.", 100, most=10_000),
        ),
        answers=DeliveryListDocument,
    ),
    notifications.resend: NOTHING,
    notifications.webhook_secret: NOTHING,
}
