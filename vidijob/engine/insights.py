"""What may be asked about jobs: the one reading service of every face. It knows no document and no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vidijob.errors import NotFound
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import Filter, Job, JobType
from vidijob.store import jobs, workers
from vidijob.store.database import Database
from vidijob.store.workers import Worker


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the jobs that a filter finds."""

    #: All that it finds, not only those of the page.
    hits: int
    jobs: Sequence[Job]


class Insights:
    """The questions, for one site."""

    def __init__(self, database: Database, catalogue: Sequence[JobType], site: str) -> None:
        self._database = database
        self._catalogue = catalogue
        self._site = site

    async def job(self, text: str) -> Job:
        """Return one job with its log; raises ``NotFound``."""
        id = parse_job(self._site, text)
        job = await jobs.get(self._database, id)
        if job is None:
            raise NotFound("Job", text)
        return replace(job, log=await jobs.log(self._database, id))

    async def page(self, wanted: Filter, *, newest_first: bool, first: int, number: int) -> Page:
        """Return a page of jobs, ordered by id; ``first`` counts from 1."""
        hits, found = await jobs.listing(self._database, wanted, newest_first=newest_first, first=first, number=number)
        return Page(hits, found)

    def job_types(self) -> Sequence[JobType]:
        """Return all job types, in the order of the spec."""
        return self._catalogue

    async def workers(self) -> list[Worker]:
        """Return the workers that are known."""
        return await workers.listing(self._database)

    async def alive(self) -> None:
        """Raise ``Unavailable`` unless the database answers."""
        await workers.alive(self._database)
