"""Why jobs wait: each problem with its data and its jobs, and what an operator decides about it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.errors import NotFound, TransitionRefused
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Problem
from vidijob.store.problems import WaitingJob
from vidijob.web.routing import Route

_READ, _WRITE = "_job_read", "_job_write"
#: Of each problem, so many jobs are listed, and so many are aborted by one click.
_LISTED = 25
_MOST_ABORTED = 1000
#: Aborts at a time.
_AT_ONCE = 4

#: What each type asks of whom.
NEEDS: Mapping[str, str] = {
    "OUT_OF_STORAGE": "Make room. It is over when 5 % of the file system is free, or 1 GiB if that is less.",
    "SOURCE_UNAVAILABLE": "Bring the file, or mount the storage.",
    "SOURCE_GROWING": "Wait until whoever writes the file has finished; see that it has not died.",
    "REMOTE_UNAVAILABLE": "Start the host; look at the network, and at name and password.",
    "NO_WORKER": "Start a worker that has what is missing: the executor, or the resources and labels.",
    "SCRIPT_WAIT": "A script of a task definition waits: its reason says for what.",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A problem with those who wait longest for it."""

    problem: Problem
    needs: str
    waiting: Sequence[WaitingJob]


async def listing(visit: Visit) -> web.StreamResponse:
    """Show every problem."""
    problems = visit.services.problems
    found = [
        Shown(one, NEEDS.get(one.type, ""), await problems.waiting(one, _LISTED)) for one in await problems.listing()
    ]
    return visit.page(
        "problems.html", problems=found, listed=_LISTED, waiting=sum(len(one.problem.jobs) for one in found)
    )


async def retry(visit: Visit) -> web.StreamResponse:
    """Let the jobs of a problem try again at once."""
    await visit.services.problems.retry(visit.user, visit.path["id"])
    return visit.go("/problems", did="problem-retried")


async def fail(visit: Visit) -> web.StreamResponse:
    """Let the jobs of a problem fail."""
    await visit.services.problems.fail(visit.user, visit.path["id"])
    return visit.go("/problems", did="problem-failed")


async def abort(visit: Visit) -> web.StreamResponse:
    """Abort the jobs of a problem, those that have not gone on meanwhile."""
    problem = await visit.services.problems.one(visit.path["id"])
    reason = (await visit.form()).text("reason")
    gate = asyncio.Semaphore(_AT_ONCE)

    async def give_up(job: str) -> None:
        # One that has ended by itself meanwhile needs no abort.
        with contextlib.suppress(NotFound, TransitionRefused):
            async with gate:
                await visit.services.commands.abort(visit.user, job, reason=reason, cleanup=True)

    await asyncio.gather(*(give_up(job_name(visit.site, job)) for job in problem.jobs[:_MOST_ABORTED]))
    return visit.go("/problems", did="problem-aborted")


_ROUTES: list[Route[View]] = [
    Route("GET", "/problems", listing, _READ),
    Route("POST", "/problems/{id}/retry", retry, _WRITE),
    Route("POST", "/problems/{id}/fail", fail, _WRITE),
    Route("POST", "/problems/{id}/abort", abort, _WRITE),
]
ROOM = Room(_ROUTES, Entry("Problems", "/problems", "problem", _READ, "p"))
