"""Jobs over HTTP: read the call, ask the engine, answer. No SQL and no XML here."""

from __future__ import annotations

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import SimpleMetadataDocument
from vidijob.api.vidispine.translate import jobs as translate
from vidijob.binding import text
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Filter, Priority
from vidijob.jobs.states import JobState

_PAGE = 100
_ALL = 2**31 - 1


async def create(call: Call) -> Answer:
    """POST /job: start a job (spec "Start a job with custom type")."""
    given = call.parameters
    type = given.text("type")
    if type is None:
        raise Invalid("type", "The parameter type names the job type; it is missing. GET /jobtype lists them.")
    placeholder = given.text("notification")
    if placeholder is not None:
        # There is no operation yet that makes one, so none of that name can be there.
        raise NotFound("Notification", placeholder)
    priority = given.choice("priority", Priority) or Priority.MEDIUM
    data = translate.job_data(given.all("jobmetadata"), await call.document(SimpleMetadataDocument))
    job = await call.services.commands.submit(call.user, type, priority, data)
    return Answer(lambda: translate.created(call.site, job))


async def listing(call: Call) -> Answer:
    """GET /job: a page of jobs (spec "List all jobs")."""
    given = call.parameters
    wanted = Filter(
        owner=call.user.name if given.flag("user", True) else None,
        types=given.list("type"),
        states=given.choices("state", JobState),
        priorities=given.choices("priority", Priority),
    )
    metadata, id_only = given.flag("metadata", False), given.flag("idonly", False)
    fields = given.list("field")
    default = _ALL if call.as_text else _PAGE
    page = await call.services.insights.page(
        wanted,
        newest_first=_newest_first(given.text("sort"), given.text("sort-order")),
        first=max(given.number("first", 1), 1),
        number=given.number("number", default, most=_ALL),
    )
    return Answer(
        lambda: translate.job_list(call.site, page, metadata=metadata, fields=fields, id_only=id_only),
        lambda: text.lines([job_name(call.site, job.id) for job in page.jobs]),
    )


async def get(call: Call) -> Answer:
    """GET /job/{id}: one job; as text only its state (spec "Retrieve a job")."""
    metadata, fields = call.parameters.flag("metadata", False), call.parameters.list("field")
    job = await call.services.insights.job(call.path["id"])
    return Answer(
        lambda: translate.job_document(call.site, job, metadata=metadata, fields=fields), lambda: job.state.value
    )


async def change(call: Call) -> Answer:
    """PUT /job/{id}: another priority (spec "Modify a job")."""
    priority = call.parameters.choice("priority", Priority) or Priority.MEDIUM
    await call.services.commands.prioritise(call.user, call.path["id"], priority)
    return Answer()


async def abort(call: Call) -> Answer:
    """DELETE /job/{id}: abort, not delete (spec "Abort a job")."""
    await call.services.commands.abort(
        call.user,
        call.path["id"],
        reason=call.parameters.text("reason"),
        cleanup=call.parameters.flag("cleanup", True),
    )
    return Answer()


async def rerun(call: Call) -> Answer:
    """POST /job/{id}/re-run: a copy of a job (spec "Create a duplicate job")."""
    job = await call.services.commands.rerun(call.user, call.path["id"], call.parameters.choice("priority", Priority))
    return Answer(lambda: translate.created(call.site, job))


async def delete(call: Call) -> Answer:
    """DELETE /job?id=…: delete jobs that have ended, all or none (spec "Delete one or several jobs")."""
    await call.services.commands.delete(call.user, call.parameters.list("id") or ())
    return Answer()


def _newest_first(sort: str | None, order: str | None) -> bool:
    """Tell the direction of a sort by id, the only one so far."""
    if sort is None:
        return order != "asc"
    field, _, direction = sort.strip().partition(" ")
    if field.lower() != "jobid":
        raise Invalid("sort", "So far jobs can be sorted by jobId only: 'jobId asc' or 'jobId desc'.", value=sort)
    direction = (direction.strip() or order or "asc").lower()
    if direction not in ("asc", "desc"):
        raise Invalid("sort", "The direction of a sort is asc or desc.", value=sort)
    return direction == "desc"
