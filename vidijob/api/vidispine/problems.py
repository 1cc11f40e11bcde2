"""Problems over HTTP: why jobs wait (spec "Job problem conditions"). Retry and fail are ours."""

from __future__ import annotations

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.translate.problems import problem_list


async def listing(call: Call) -> Answer:
    """GET /job/problem: what is not resolved, and the jobs that wait."""
    found = await call.services.problems.listing()
    return Answer(lambda: problem_list(call.site, found))


async def of_job(call: Call) -> Answer:
    """GET /job/{id}/problem: the same for one job."""
    found = await call.services.problems.of_job(call.path["id"])
    return Answer(lambda: problem_list(call.site, found))


async def retry(call: Call) -> Answer:
    """POST …/problem/{problem}/retry: the jobs try again at once (ours)."""
    await call.services.problems.retry(call.user, call.path["problem"], call.path.get("id"))
    return Answer()


async def fail(call: Call) -> Answer:
    """POST …/problem/{problem}/fail: the jobs fail (ours)."""
    await call.services.problems.fail(call.user, call.path["problem"], call.path.get("id"))
    return Answer()
