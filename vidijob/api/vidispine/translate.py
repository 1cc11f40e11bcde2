"""Documents ⇄ domain, both ways, pure: the words of the wire end here."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aiohttp import web

from vidijob import errors
from vidijob.api.vidispine import documents as wire
from vidijob.binding import text
from vidijob.engine.insights import Page
from vidijob.errors import Invalid
from vidijob.jobs.identity import MalformedId, job_name
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


def exception_document(error: BaseException, path: str) -> wire.ExceptionDocument:
    """Return what the body of an answer says about an error (contract 3.8)."""
    match error:
        case MalformedId(id=id):
            return wire.ExceptionDocument(
                not_found=wire.NotFound(type="Job", id=id, context=f"{id} is no id of a job; they look like VX-80")
            )
        case errors.NotFound(kind=kind, id=id):
            return wire.ExceptionDocument(not_found=wire.NotFound(type=kind, id=id))
        case errors.Invalid(context=context, explanation=explanation, value=value, id=id):
            return wire.ExceptionDocument(
                invalid_input=wire.InvalidInput(context=context, id=id, explanation=explanation, value=value)
            )
        case errors.Refused(context=context, id=id, explanation=explanation):
            return wire.ExceptionDocument(
                invalid_input=wire.InvalidInput(context=context, id=id, explanation=explanation)
            )
        case errors.NotAuthenticated(message=message):
            return wire.ExceptionDocument(not_authorized=wire.NotAuthorized(message=message))
        case errors.RoleMissing(user=user, role=role):
            return wire.ExceptionDocument(
                forbidden=wire.Forbidden(context="role", id=role, explanation=f"The user {user} lacks the role {role}.")
            )
        case errors.Unavailable(what=what):
            return wire.ExceptionDocument(
                internal_server=wire.InternalServer(message=f"{what} is not available; try again in a moment.")
            )
        case web.HTTPNotFound():
            return wire.ExceptionDocument(not_found=wire.NotFound(type="resource", id=path))
        case web.HTTPException(reason=reason):
            return wire.ExceptionDocument(invalid_input=wire.InvalidInput(context="request", explanation=reason))
        case _:
            return wire.ExceptionDocument(
                internal_server=wire.InternalServer(message="The server has a fault; its log says more.")
            )


def exception_text(status: int, document: wire.ExceptionDocument) -> str:
    """Return an error as plain text, as real servers write it (contract 4.3)."""
    heads = {
        400: "An invalid parameter was entered",
        401: "A login is needed",
        403: "A role is missing",
        404: "A resource could not be found",
        503: "The server is not available",
    }
    lines = [f"{status} {heads.get(status, 'The request could not be answered')}"]
    fault = document.not_found or document.invalid_input or document.forbidden
    if fault is not None:
        named = (
            ("Type", "type"),
            ("Context", "context"),
            ("ID", "id"),
            ("Value", "value"),
            ("Reason", "explanation"),
        )
        lines += [f"{head}: {value}" for head, name in named if (value := getattr(fault, name, None)) is not None]
    other = document.not_authorized or document.internal_server
    if other is not None and other.message is not None:
        lines.append(f"Reason: {other.message}")
    return text.lines([line.replace("\r", " ").replace("\n", " ") for line in lines])


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
