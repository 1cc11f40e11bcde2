"""Jobs over HTTP: read the call, ask the engine, answer. No SQL and no XML here."""

from __future__ import annotations

from vidijob.api.vidispine import waiting
from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import JobOrderListDocument, SimpleMetadataDocument
from vidijob.api.vidispine.translate import jobs as translate
from vidijob.api.vidispine.translate.notifications import additions
from vidijob.engine.submissions import Order
from vidijob.errors import Invalid
from vidijob.jobs.model import Job, Priority
from vidijob.jobs.notifications import NotificationId, NotificationRequest
from vidijob.web.parameters import one_of


async def create(call: Call) -> Answer:
    """POST /job: start a job (spec "Start a job with custom type")."""
    given = call.parameters
    type = given.text("type")
    if type is None:
        raise Invalid("type", "The parameter type names the job type; it is missing. GET /jobtype lists them.")
    priority = given.choice("priority", Priority) or await call.services.configuration.default_priority(type)
    data = translate.job_data(given.all("jobmetadata"), await call.document(SimpleMetadataDocument))
    asked = await asked_of_notifications(call)
    job = await call.services.commands.submit(
        call.user, type, priority, data, asked, hold=given.flag("holdJob", False), key=call.idempotency_key
    )
    return Answer(lambda: translate.created(call.site, job))


async def create_all(call: Call) -> Answer:
    """POST /job/bulk: start several jobs, all or none (ours)."""
    given = await call.document(JobOrderListDocument)
    notifications: dict[str | None, NotificationId | None] = {None: None}
    orders = []
    for place, wanted in enumerate(given.job if given is not None else ()):
        named = wanted.notification or None
        if named not in notifications and named is not None:
            notifications[named] = await call.services.notifications.named(named)
        orders.append(
            Order(
                wanted.type,
                one_of(f"job[{place}].priority", wanted.priority, Priority)
                if wanted.priority
                else await call.services.configuration.default_priority(wanted.type),
                translate.joined(wanted.data),
                NotificationRequest(notifications[named], translate.joined(wanted.notification_data)),
                bool(wanted.hold_job),
            )
        )
    made = await call.services.commands.submit_all(call.user, orders, key=call.idempotency_key)
    return Answer(lambda: translate.created_together(call.site, made))


async def asked_of_notifications(call: Call) -> NotificationRequest:
    """Read what a new job asks of notifications."""
    given = call.parameters
    named = given.text("notification")
    return NotificationRequest(
        await call.services.notifications.named(named) if named is not None else None,
        additions(given.all("notificationData")),
    )


async def get(call: Call) -> Answer:
    """GET /job/{id}: one job; as text only its state (spec "Retrieve a job"); with ``wait`` when there is news (ours)."""
    given = call.parameters
    metadata, fields = given.flag("metadata", False), given.list("field")
    seconds, states = given.number("wait", 0, most=waiting.LONGEST), waiting.states(given)
    id, insights = call.path["id"], call.services.insights
    key = (id, call.form, metadata, None if fields is None else tuple(fields))
    # A job that has ended is never another; whether it is still there is asked.
    if call.kept.version(key) is not None:
        made = call.kept.get(key, await insights.ended(id))
        if made is not None:
            return Answer(made=made, tagged=True)

    async def show() -> tuple[Job, Answer]:
        job = await insights.job(id)
        return job, Answer(
            lambda: translate.job_document(call.site, job, metadata=metadata, fields=fields),
            lambda: job.state.value,
            tagged=True,
            keep=(key, job.finished) if job.finished is not None else None,
        )

    return await waiting.get(call, seconds, states, show) if seconds else (await show())[1]


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
    given = call.parameters
    job = await call.services.commands.rerun(
        call.user,
        call.path["id"],
        given.choice("priority", Priority),
        hold=given.flag("holdJob", False),
        key=call.idempotency_key,
    )
    return Answer(lambda: translate.created(call.site, job))


async def release(call: Call) -> Answer:
    """POST /job/{id}/release: a job in HOLD may be run (ours)."""
    await call.services.commands.release(call.user, call.path["id"])
    return Answer()


async def delete(call: Call) -> Answer:
    """DELETE /job?id=…: delete jobs that have ended, all or none (spec "Delete one or several jobs")."""
    await call.services.commands.delete(call.user, call.parameters.list("id") or ())
    return Answer()
