"""New jobs on their way into the database: single ones share a commit with whoever submits at the same moment, those of one
list are stored together, all or none; one that is alone may start with it. What may be submitted is checked before, in
``commands.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from vidijob.engine.arrivals import Arrivals
from vidijob.engine.batch import Batch
from vidijob.engine.bell import Bell
from vidijob.errors import Conflict, Unavailable
from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Job, JobData, JobId, Origin, Priority, Watch
from vidijob.jobs.notifications import NOTHING_ASKED, NotificationRequest
from vidijob.observability import metrics, tracing
from vidijob.store import jobs, origins, records, traces, watches
from vidijob.store.database import Database, Session
from vidijob.store.jobs import NewJob
from vidijob.store.records import NewRecord

#: Between the key of a list and the place of a job in it. Nobody's key has one: only printable characters are taken.
_SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class Order:
    """One job of several that are submitted together."""

    type: str
    priority: Priority
    data: JobData
    asked: NotificationRequest = NOTHING_ASKED
    hold: bool = False
    origin: Origin | None = None
    #: Its steps, where they are not those of its type.
    steps: Sequence[PlannedStep] | None = None
    #: What another face tells of it.
    watch: Watch = Watch.NONE
    #: What is kept with it, all or nothing.
    records: Sequence[NewRecord] = ()


class Submissions:
    """The way in, for one site. A job whose key is known already is answered as it is now, and not stored again. It rings for
    those that wait to be admitted.
    """

    def __init__(self, database: Database, bell: Bell, site: str, arrivals: Arrivals | None = None) -> None:
        """Single jobs that nobody shares a commit with may go the short way, ``arrivals``."""
        self._database = database
        self._bell = bell
        self._site = site
        self._arrivals = arrivals
        self._batch = Batch(self._store)

    async def add(self, new: NewJob) -> Job:
        """Store a job, in one statement with others that come now."""
        new = replace(new, trace=tracing.current())
        stored = await self._batch.add(new)
        _count([new], [stored])
        return _job(new, *stored) if stored is not None else (await self._known(self._database, [new]))[new.key or ""]

    async def add_all(self, news: Sequence[NewJob], key: str | None) -> list[Job]:
        """Store jobs in one transaction of their own, which holds up nobody else's; returns them in this order.

        The key stands for the list as a whole: each job is entered under it and its place, with all that was ordered.
        """
        if key is not None:
            ordered = sha256(b"".join(new.digest for new in news)).digest()
            news = [replace(new, key=_place(key, place), among=ordered) for place, new in enumerate(news)]
        news = [replace(new, trace=tracing.current()) for new in news]
        with self._bell.ringing("vidijob_job"):
            async with self._database.transaction() as session:
                stored = await jobs.submit(session, news)
                await origins.put(
                    session,
                    {
                        one[0]: new.origin
                        for new, one in zip(news, stored, strict=True)
                        if one is not None and new.origin
                    },
                )
                await records.add(
                    session,
                    [kept for new, one in zip(news, stored, strict=True) if one is not None for kept in new.records],
                )
                await traces.put(session, _traces(news, stored))
                both = [(one[0], new.watch) for new, one in zip(news, stored, strict=True) if one is not None]
                await watches.begin(session, {job: watch for job, watch in both if watch is not Watch.NONE})
                # Refused in here, or a list that is longer than the first one of its key would be stored in part.
                known = await self._known(session, [new for new, one in zip(news, stored, strict=True) if one is None])
        _count(news, stored)
        return [
            _job(new, *one) if one is not None else known[new.key or ""] for new, one in zip(news, stored, strict=True)
        ]

    async def _known(self, session: Database | Session, news: Sequence[NewJob]) -> dict[str, Job]:
        """Return the jobs that were submitted before under the keys of new ones, by these."""
        if not news:
            return {}
        found = await jobs.submitted(session, news[0].owner, [new.key or "" for new in news])
        for new in news:
            key, _, _ = (new.key or "").partition(_SEPARATOR)
            if new.key not in found:
                raise Unavailable("The job of this Idempotency-Key", "it was deleted a moment ago")
            job, digest = found[new.key]
            if digest != new.digest:
                name = job_name(self._site, job.id)
                raise Conflict("Idempotency-Key", key, f"The key was used for another order, that of the job {name}.")
        return {key: job for key, (job, _) in found.items()}

    async def _store(self, new: list[NewJob]) -> list[tuple[JobId, datetime] | None]:
        # Those that come together are admitted together as well, which costs less than each by itself.
        if self._arrivals is not None and len(new) == 1:
            started = await self._arrivals.start(new[0])
            if started is not None:
                return [started]
        with self._bell.ringing("vidijob_job"):
            return await self._share(new)

    async def _share(self, new: list[NewJob]) -> list[tuple[JobId, datetime] | None]:
        if all(one.trace is None for one in new):
            return await jobs.submit(self._database, new)
        async with self._database.transaction() as session:
            stored = await jobs.submit(session, new)
            await traces.put(session, _traces(new, stored))
        return stored


def _traces(news: Sequence[NewJob], stored: Sequence[tuple[JobId, datetime] | None]) -> dict[JobId, str]:
    """Return the traces of the jobs that were stored."""
    both = zip(news, stored, strict=True)
    return {one[0]: new.trace for new, one in both if one is not None and new.trace is not None}


def _count(news: Sequence[NewJob], stored: Sequence[tuple[JobId, datetime] | None]) -> None:
    for new, one in zip(news, stored, strict=True):
        if one is not None:
            metrics.SUBMITTED.add(new.type)


def _place(key: str, place: int) -> str:
    """Return the key of one job of a list; that of the first is the list's own, which no single job can have then."""
    return f"{key}{_SEPARATOR}{place}" if place else key


def _job(new: NewJob, id: JobId, started: datetime) -> Job:
    return Job(
        id=id,
        type=new.type,
        user=new.owner,
        state=new.state,
        priority=new.priority,
        started=started,
        finished=None,
        data=new.data,
        total_steps=sum(not step.task.cleanup for step in new.steps),
    )
