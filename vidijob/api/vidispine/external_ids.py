"""External ids of jobs over HTTP."""

from __future__ import annotations

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.translate.external_ids import external_ids
from vidijob.jobs.identity import job_name


async def listing(call: Call) -> Answer:
    """GET /job/{id}/external-id: the external ids of a job (contract 1.1)."""
    job = await call.services.external_ids.known_job(call.path["id"])
    names = await call.services.external_ids.listing("job", job)
    return Answer(lambda: external_ids("Job", job_name(call.site, job), names))


async def give(call: Call) -> Answer:
    """PUT /job/{id}/external-id/{ext}: a name that stands for the job's id in every path (contract 1.1)."""
    job = await call.services.external_ids.known_job(call.path["id"])
    await call.services.external_ids.give("job", job, call.path["ext"])
    return Answer()


async def take(call: Call) -> Answer:
    """DELETE /job/{id}/external-id/{ext}: take that name away (contract 1.1)."""
    job = await call.services.external_ids.known_job(call.path["id"])
    await call.services.external_ids.take("job", job, call.path["ext"])
    return Answer()


async def strip(call: Call) -> Answer:
    """DELETE /job/{id}/external-id: take all such names away (contract 1.1)."""
    await call.services.external_ids.strip("job", await call.services.external_ids.known_job(call.path["id"]))
    return Answer()
