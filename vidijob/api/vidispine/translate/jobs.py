"""Jobs ⇄ documents, both ways, pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vidijob.api.vidispine import documents as wire
from vidijob.engine.insights import Page
from vidijob.errors import Invalid
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Attempt, Job, JobData

#: Data that GET /job/{id} shows unasked (contract 2.8).
_ALWAYS_SHOWN = frozenset(
    {
        "item",
        "shapeIds",
        "transcodeDurations",
        "transcodeEstimatedTimeLeft",
        "transcodeMediaTimes",
        "transcodeProgress",
        "transcodeWallTime",
    }
)


def job_document(site: str, job: Job, *, metadata: bool, fields: Collection[str] | None = None) -> wire.JobDocument:
    """Return a job with its log; with all data, with some fields of it, or with what is always shown."""
    data = job.data if metadata or fields is not None else {}
    shown = {key: values for key, values in job.data.items() if key in _ALWAYS_SHOWN} | dict(data)
    current = job.current_step
    return wire.JobDocument(
        job_id=job_name(site, job.id),
        user=job.user,
        started=job.started,
        finished=job.finished,
        status=job.state.value,
        type=job.type,
        priority=job.priority.value,
        current_step=wire.CurrentStep(
            description=current.description, number=current.number, status=current.state.value
        )
        if current is not None
        else None,
        data=_pairs(shown, fields),
        # Real servers leave it out until the first step has begun.
        total_steps=job.total_steps if current is not None else None,
        log=wire.Log(task=tuple(_task(attempt) for attempt in job.log)) if job.log is not None else None,
    )


def created(site: str, job: Job) -> wire.JobDocument:
    """Return a job as POST answers it: without data and log (contract 2.9)."""
    return listed(site, job, metadata=False)


def listed(site: str, job: Job, *, metadata: bool, fields: Collection[str] | None = None) -> wire.JobDocument:
    """Return a job as lists show it."""
    return wire.JobDocument(
        job_id=job_name(site, job.id),
        user=job.user,
        started=job.started,
        finished=job.finished,
        status=job.state.value,
        type=job.type,
        priority=job.priority.value,
        data=_pairs(job.data, fields) if metadata or fields is not None else (),
    )


def named(site: str, job: Job) -> wire.JobDocument:
    """Return no more of a job than the schema requires: what ``idonly`` asks for."""
    return wire.JobDocument(
        job_id=job_name(site, job.id), status=job.state.value, type=job.type, priority=job.priority.value
    )


def job_list(
    site: str, page: Page, *, metadata: bool, fields: Collection[str] | None, id_only: bool
) -> wire.JobListDocument:
    """Return a page of jobs, with the number of all hits."""
    return wire.JobListDocument(
        hits=page.hits,
        job=tuple(
            named(site, job) if id_only else listed(site, job, metadata=metadata, fields=fields) for job in page.jobs
        ),
    )


def job_data(pairs: Sequence[str], document: wire.SimpleMetadataDocument | None) -> JobData:
    """Join the ``jobmetadata`` parameters and the body; on equal keys the body wins (spec, POST /job)."""
    given: dict[str, list[str]] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            # A client that encoded twice (contract 7, row 24).
            key, separator, value = pair.replace("%3D", "%3d").partition("%3d")
        if not separator or not key:
            raise Invalid(
                "jobmetadata", "The parameter jobmetadata is key=value, with the = encoded as %3d.", value=pair
            )
        given.setdefault(key, []).append(value)
    body: dict[str, list[str]] = {}
    for field in document.field if document is not None else ():
        body.setdefault(field.key, []).append(field.value)
    return given | body


def _pairs(data: JobData, fields: Collection[str] | None) -> tuple[wire.KeyValue, ...]:
    return tuple(
        wire.KeyValue(key=key, value=value)
        for key, values in data.items()
        if fields is None or key in fields or key in _ALWAYS_SHOWN
        for value in values
    )


def _task(attempt: Attempt) -> wire.JobTask:
    progress = attempt.progress
    return wire.JobTask(
        step=attempt.step,
        attempts=attempt.attempts,
        status=attempt.state.value,
        timestamp=attempt.at,
        description=attempt.description,
        progress=wire.Progress(value=progress.value, total=round(progress.total), unit=progress.unit)
        if progress is not None
        else None,
        sub_step=tuple(wire.SubStep(timestamp=note.at, description=note.text) for note in attempt.notes),
        error_message=attempt.error,
        id=attempt.id,
    )
