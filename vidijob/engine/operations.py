"""Slow administrative calls that are answered before they are done: each is a job, which is about one thing. It does not know how
a face shows them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vidijob.access import User
from vidijob.engine.commands import Commands
from vidijob.engine.insights import Insights
from vidijob.engine.submissions import Order
from vidijob.errors import NotFound
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import JobId, Origin
from vidijob.jobs.states import ENDED, JobState

_TARGET = "TargetEntityId"


@dataclass(frozen=True, slots=True)
class Operation:
    """How far such a call is."""

    #: What it is about.
    target: str
    #: Whether it succeeded; ``None``: it is under way.
    succeeded: bool | None
    #: Why it failed.
    reason: str | None


class Operations:
    """The operations of one site."""

    def __init__(self, commands: Commands, insights: Insights, site: str) -> None:
        self._commands = commands
        self._insights = insights
        self._site = site

    async def start(self, user: User, order: Order, face: str, name: str, target: str) -> JobId:
        """Submit the job of an operation; returns it."""
        order = replace(order, origin=Origin(face, {"Name": name, _TARGET: target}))
        (job,) = await self._commands.submit_all(user, [order])
        return job.id

    async def of(self, number: JobId) -> Operation:
        """Return an operation; raises ``NotFound`` where there is none, or the job is none."""
        job = await self._insights.job(job_name(self._site, number))
        origin = (await self._insights.origins([job])).get(number)
        if origin is None or _TARGET not in origin.document:
            raise NotFound("Operation", job_name(self._site, number))
        if job.state not in ENDED:
            return Operation(origin.document[_TARGET], None, None)
        good = job.state in (JobState.FINISHED, JobState.FINISHED_WARNING)
        said = next(iter(job.data.get("errorMessage", ())), "The operation was canceled.")
        return Operation(origin.document[_TARGET], good, None if good else said)
