"""Jobs ⇄ documents, both ways, pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from vidijob.api.vidispine import documents as wire
from vidijob.api.vidispine.translate.search import facet_document, split_pair
from vidijob.engine.insights import Page
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Attempt, Job, JobData, Progress, SubTask

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
    wanted = None if metadata and fields is None else _ALWAYS_SHOWN | set(fields or ())
    return _document(site, job, _pairs(job.data, wanted))


def created(site: str, job: Job) -> wire.JobDocument:
    """Return a job as POST answers it: without data and log (contract 2.9)."""
    return listed(site, job, metadata=False)


def listed(site: str, job: Job, *, metadata: bool, fields: Collection[str] | None = None) -> wire.JobDocument:
    """Return a job as lists show it; with its steps where they were read."""
    return _document(site, job, _pairs(job.data, fields) if metadata or fields is not None else ())


def shown(site: str, job: Job, *, metadata: bool, fields: Collection[str] | None, id_only: bool) -> wire.JobDocument:
    """Return a job as a list shows it; where only ids are asked for, no more of it than the schema requires."""
    if not id_only:
        return listed(site, job, metadata=metadata, fields=fields)
    return wire.JobDocument(
        job_id=job_name(site, job.id), status=job.state.value, type=job.type, priority=job.priority.value
    )


def job_list(page: Page, jobs: Iterable[wire.JobDocument]) -> wire.JobListDocument:
    """Return a page with some jobs, with the number of all hits, and the facets that were asked for."""
    return wire.JobListDocument(
        hits=page.hits, job=tuple(jobs), facet=tuple(facet_document(result) for result in page.facets)
    )


def job_data(pairs: Sequence[str], document: wire.SimpleMetadataDocument | None) -> JobData:
    """Join the ``jobmetadata`` parameters and the body; on equal keys the body wins (spec, POST /job)."""
    given: dict[str, list[str]] = {}
    for pair in pairs:
        key, value = split_pair(pair)
        given.setdefault(key, []).append(value)
    return given | joined(document.field if document is not None else ())


def joined(pairs: Sequence[wire.KeyValue]) -> dict[str, list[str]]:
    """Return pairs as job data: the values of a key that stands more than once in their order."""
    data: dict[str, list[str]] = {}
    for pair in pairs:
        data.setdefault(pair.key, []).append(pair.value)
    return data


def created_together(site: str, jobs: Sequence[Job]) -> wire.JobListDocument:
    """Return jobs as the POST of a list answers them."""
    return wire.JobListDocument(hits=len(jobs), job=tuple(created(site, job) for job in jobs))


def _document(site: str, job: Job, data: tuple[wire.KeyValue, ...]) -> wire.JobDocument:
    current = job.current_step
    return wire.JobDocument(
        job_id=job_name(site, job.id),
        user=job.user,
        started=job.started,
        finished=job.finished,
        status=job.state.value,
        type=job.type,
        priority=job.priority.value,
        waiting=wire.Waiting(resource_type=job.waiting.type, requirement=job.waiting.reason)
        if job.waiting is not None
        else None,
        current_step=wire.CurrentStep(
            description=current.description, number=current.number, status=current.state.value
        )
        if current is not None
        else None,
        data=data,
        # Real servers leave it out until the first step has begun.
        total_steps=job.total_steps if current is not None else None,
        log=wire.Log(task=tuple(_task(attempt) for attempt in job.log)) if job.log is not None else None,
    )


def _pairs(data: JobData, wanted: Collection[str] | None) -> tuple[wire.KeyValue, ...]:
    # The item is not stored: it is what itemId names (spec "List all jobs").
    shown = {"item": data["itemId"], **data} if "itemId" in data and "item" not in data else data
    return tuple(
        wire.KeyValue(key=key, value=value)
        for key, values in shown.items()
        if wanted is None or key in wanted
        for value in values
    )


def _task(attempt: Attempt) -> wire.JobTask:
    return wire.JobTask(
        step=attempt.step,
        attempts=attempt.attempts,
        status=attempt.state.value,
        timestamp=attempt.at,
        description=attempt.description,
        progress=_progress(attempt.progress),
        sub_step=tuple(wire.SubStep(timestamp=note.at, description=note.text) for note in attempt.notes),
        error_message=attempt.error,
        total_sub_tasks=attempt.total_sub_tasks,
        sub_task=tuple(_sub_task(attempt, sub_task) for sub_task in attempt.sub_tasks),
        id=attempt.id,
    )


def _sub_task(attempt: Attempt, sub_task: SubTask) -> wire.JobTask:
    return wire.JobTask(
        step=attempt.step,
        attempts=attempt.attempts,
        status=sub_task.state.value,
        timestamp=sub_task.at,
        description=sub_task.description,
        progress=_progress(sub_task.progress),
        error_message=sub_task.error,
    )


def _progress(told: Progress | None) -> wire.Progress | None:
    return None if told is None else wire.Progress(value=told.value, total=round(told.total), unit=told.unit)
