"""Imports over HTTP. What comes in the body is not read here, but handed on as it comes."""

from __future__ import annotations

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.jobs import asked_of_notifications
from vidijob.api.vidispine.translate import jobs as translate
from vidijob.jobs.model import Job, JobData, Priority

_TYPE = "RAW_IMPORT"


async def raw(call: Call) -> Answer:
    """POST /import/raw: import the file that is the body (spec "Job types")."""
    given, services = call.parameters, call.services
    priority = given.choice("priority", Priority) or await services.configuration.default_priority(_TYPE)
    name = given.text("filename") or given.text("originalFilename")
    tags = given.list("tag")
    data = {**translate.job_data(given.all("jobmetadata"), None), **({"tag": tags} if tags else {})}
    asked = await asked_of_notifications(call)
    hold, key = given.flag("holdJob", False), call.idempotency_key
    # Before anything is read: it may be long.
    await services.commands.check(call.user, _TYPE, priority, data, asked, key)

    async def submit(upload: JobData) -> Job:
        return await services.commands.submit(call.user, _TYPE, priority, {**data, **upload}, asked, hold=hold, key=key)

    job = await services.uploads.take(call.pieces(), call.announced, name, submit)
    return Answer(lambda: translate.created(call.site, job))
