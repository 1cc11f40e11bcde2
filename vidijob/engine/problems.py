"""What operators may do with problems: look, let the jobs try again, let them fail. It knows no document and no HTTP."""

from __future__ import annotations

from contextlib import AbstractContextManager

from vidijob.access import User
from vidijob.engine.bell import Bell
from vidijob.errors import NotFound
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import Problem, ProblemId
from vidijob.store import jobs, problems
from vidijob.store.database import Database
from vidijob.store.problems import WaitingJob

_LARGEST = 2**63 - 1


class Problems:
    """The problems that hold jobs back, for one site."""

    def __init__(self, database: Database, bell: Bell, site: str) -> None:
        self._database = database
        self._bell = bell
        self._site = site

    async def listing(self) -> list[Problem]:
        """Return all problems that are not resolved, with the jobs that wait (spec "List all job problems")."""
        return await problems.listing(self._database)

    async def one(self, text: str) -> Problem:
        """Return one problem; raises ``NotFound``."""
        return await self._known(text, None)

    async def waiting(self, problem: Problem, number: int) -> list[WaitingJob]:
        """Return the jobs that wait for a problem, at most so many, those that have waited longest first."""
        return await problems.waiting(self._database, problem.id, number)

    async def of_job(self, text: str) -> list[Problem]:
        """Return the problems of one job (spec "List all problems for a job"); raises ``NotFound``."""
        job = parse_job(self._site, text)
        async with self._database.session() as session:
            if not await jobs.known(session, [job]):
                raise NotFound("Job", text)
        return await problems.listing(self._database, job)

    async def retry(self, user: User, text: str, job: str | None = None) -> None:
        """Let the jobs of a problem queue again at once, without waiting for the next check."""
        problem = await self._known(text, job)
        with self._ringing():
            await problems.resolve(
                self._database, problem.id, actor=user.name, remark=f"{user.name} retried {problem.type}"
            )

    async def fail(self, user: User, text: str, job: str | None = None) -> None:
        """Let the jobs of a problem fail: each queues again, and its step fails when its turn comes."""
        problem = await self._known(text, job)
        reason = f"{problem.reason} ({user.name} decided not to wait any longer.)"
        with self._ringing():
            await problems.resolve(
                self._database, problem.id, actor=user.name, remark=f"{user.name} failed {problem.type}", doom=reason
            )

    async def _known(self, text: str, job: str | None) -> Problem:
        found = await (self.listing() if job is None else self.of_job(job))
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
        for problem in found:
            if problem.id == ProblemId(min(number, _LARGEST)):
                return problem
        raise NotFound("Problem", text)

    def _ringing(self) -> AbstractContextManager[None]:
        return self._bell.ringing("vidijob_job", "vidijob_step")
