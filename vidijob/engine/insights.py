"""What may be asked about jobs: the one reading service of every face. It knows no document and no HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from vidijob.engine.batch import Batch
from vidijob.errors import NotFound, TookTooLong, Unavailable
from vidijob.jobs.history import StandingStep
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import Event, Job, JobId, Origin, Priority, Waiting
from vidijob.jobs.search import FacetField, FacetRequest, FacetResult, Filter, Order, Position, facet
from vidijob.jobs.states import JobState
from vidijob.jobs.task_groups import data_keys, group_of, in_order
from vidijob.store import (
    collation,
    configuration,
    events,
    history,
    jobs,
    jobtypes,
    origins,
    places,
    search,
    slots,
    task_groups,
    users,
    workers,
)
from vidijob.store.database import Database, Session, until_available
from vidijob.store.places import Places
from vidijob.store.search import Version

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

#: A page of more jobs than this is read and written in parts.
LONG = 500
#: So many jobs are read at once for a long page: few, since others wait while they are rendered.
_PART = 50
#: Of the parts of all long pages, so many are read at a time, that they hold up no short question.
_READERS = 1
#: So many single jobs are read together, of those that are asked for at the same moment, and whether so many have ended.
_TOGETHER = 20
_ENDED_TOGETHER = 200
#: A question that hangs holds up no others.
_LANES = 3
#: A part may be waited for so long, in seconds, while the database is away.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Listing:
    """What part of the jobs that a filter finds is wanted, and in which order."""

    filter: Filter
    order: Sequence[Order]
    #: Counted from 1.
    first: int
    number: int
    #: With where each job is, and its log.
    steps: bool = False
    #: What follows this, in its order, instead of ``order`` and ``first``.
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class FacetFilter:
    """Narrows the jobs by one facet field; facets can be asked to leave it out of account."""

    field: FacetField
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class FacetQuestion:
    """A facet, and the filters that do not count for it."""

    request: FacetRequest
    excluded: frozenset[FacetField] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the jobs that a filter finds."""

    #: All that it finds, not only those of the page.
    hits: int
    jobs: Sequence[Job]
    facets: Sequence[FacetResult] = ()
    #: Where the next page begins; ``None``: nothing follows.
    end: Position | None = None
    #: Where there are too many to be read at once: which they are, and ``jobs`` is empty; see ``Insights.parts``.
    places: Places | None = None
    #: Where not all had to be read: which they are, and ``jobs`` is those that were read. ``end`` is missing then, if the
    #: last one was not read, although something ``follows``.
    versions: Sequence[Version] | None = None
    follows: bool = False


#: Told which jobs a page has and whether more follow: those that have to be read. The others are known.
Unknown = Callable[[Sequence[Version], bool], Collection[JobId]]


class Insights:
    """The questions, for one site."""

    def __init__(self, database: Database, site: str, reading: Callable[[], Database] | None = None) -> None:
        """``reading`` tells where lists and searches are read, which may be a little old; of one job nothing ever is."""
        self._database = database
        self._site = site
        self._reading = reading or (lambda: database)
        self._readers = asyncio.Semaphore(_READERS)
        self._by_code_point: bool | None = None
        self._singles = Batch(self._read, most=_TOGETHER, lanes=_LANES)
        self._ends = Batch(self._ended, most=_ENDED_TOGETHER, lanes=_LANES)

    async def job(self, text: str) -> Job:
        """Return one job with its log; raises ``NotFound``."""
        job = await self._singles.add(parse_job(self._site, text))
        if job is None:
            raise NotFound("Job", text)
        return replace(job, waiting=await self._held_back(job)) if job.state is JobState.READY else job

    async def origins(self, found: Sequence[Job]) -> dict[JobId, Origin]:
        """Return what jobs were submitted as, of those that came through another face than Vidispine's."""
        return await origins.of(self._database, [job.id for job in found])

    async def ended(self, text: str) -> datetime | None:
        """Return when a job ended; ``None`` for one that has not, or is not there."""
        return await self._ends.add(parse_job(self._site, text))

    async def _read(self, wanted: Sequence[JobId]) -> list[Job | None]:
        found = await jobs.read(self._database, set(wanted))
        return [found.get(id) for id in wanted]

    async def _ended(self, wanted: Sequence[JobId]) -> list[datetime | None]:
        found = await jobs.ended(self._database, set(wanted))
        return [found.get(id) for id in wanted]

    async def course(self, text: str, most: int) -> tuple[list[StandingStep], list[Event]]:
        """Return the steps of a job as they stand, and what happened to it, the last ``most`` lines of that."""
        job = parse_job(self._site, text)
        async with self._database.snapshot() as session:
            return await history.steps(session, job), await events.history(session, job, most)

    async def _held_back(self, job: Job) -> Waiting | None:
        """Return why a queued job is not admitted, where that is not only because others are before it."""
        if await configuration.paused(self._database):
            return Waiting("configuration", "No job is admitted while the property pauseJobs is true.")
        groups = await task_groups.listing(self._database)
        if not any(group.limited for group in groups):
            return None
        behind = (await task_groups.weight(self._database, job.id) or 0, JobId(job.id - 1))
        queued = await task_groups.candidates(self._database, job.priority, behind, 1, data_keys(groups))
        group = group_of(queued[0], in_order(groups)) if queued and queued[0].job == job.id else None
        if group is None:
            return None
        if group.paused:
            return Waiting("task-group", f"The task group {group.name} is paused.")
        taken = len((await slots.places(self._database)).get(group.name, ()))
        if group.max_concurrency is None or taken < group.max_concurrency or job.priority is Priority.IMMEDIATE:
            return None
        return Waiting("task-group", f"The task group {group.name} runs at most {group.max_concurrency} jobs at once.")

    async def page(self, wanted: Listing, unknown: Unknown | None = None) -> Page:
        """Return a page of jobs and how many there are, both of the same moment, which may be a little ago; only what is
        ``unknown`` may be read.
        """
        return await self._ask(lambda session: self._page(session, wanted, unknown=unknown))

    async def search(
        self,
        wanted: Listing,
        filters: Sequence[FacetFilter],
        questions: Sequence[FacetQuestion],
        unknown: Unknown | None = None,
    ) -> Page:
        """Return a page of jobs with facets, which count all that is found, not the page (spec "Search and count")."""
        narrowed = replace(wanted, filter=_narrowed(wanted.filter, filters))
        asked: list[tuple[FacetField | None, Filter]] = [
            (one.request.field, _narrowed(Filter(), [each for each in filters if each.field not in one.excluded]))
            for one in questions
        ]
        if not questions:
            return await self.page(narrowed, unknown)
        whole: tuple[FacetField | None, Filter] = (None, _narrowed(Filter(), filters))

        async def count(session: Session) -> tuple[Page, Sequence[Mapping[str, int]]]:
            total, *counted = await search.tallies(session, wanted.filter, [whole, *asked])
            return await self._page(session, narrowed, total.get("", 0), unknown), counted

        page, counted = await self._ask(count)
        facets = [
            facet(one.request, counts, await self._known_values(one.request))
            for one, counts in zip(questions, counted, strict=True)
        ]
        return replace(page, facets=facets)

    async def _ask(self, ask: Callable[[Session], Awaitable[Answer]]) -> Answer:
        """Ask in a snapshot of the database that is to be read; the primary answers where a standby goes away."""
        database = self._reading()
        if database is not self._database:
            try:
                async with database.snapshot() as session:
                    return await ask(session)
            except TookTooLong:
                raise
            except Unavailable as error:
                _log.info("the primary is asked, since the standby did not answer: %s", error)
        async with self._database.snapshot() as session:
            return await ask(session)

    async def parts(self, listed: Places, *, steps: bool) -> AsyncIterator[Sequence[Job]]:
        """Yield the jobs of a long page, some at a time, each as it is when its part is read.

        No connection is held while nobody asks for more. Those that were deleted meanwhile are left out.
        """
        for start in range(0, len(listed), _PART):
            ids = listed.part(start, _PART)

            async def attempt(ids: Sequence[JobId] = ids) -> list[Job]:
                async with self._reading().session() as session:
                    return await places.read(session, ids, steps=steps)

            async with self._readers:
                found = await until_available(attempt, seconds=_PATIENCE)
            yield found

    async def _page(
        self, session: Session, wanted: Listing, hits: int | None = None, unknown: Unknown | None = None
    ) -> Page:
        hits = await search.hits(session, wanted.filter) if hits is None else hits
        if not wanted.number or not hits or (wanted.after is None and wanted.first > hits):
            return Page(hits, ())
        if min(wanted.number, hits - wanted.first + 1) > LONG:
            page = await self._long(session, wanted, hits)
            if page is not None:
                return page
        if unknown is not None and wanted.after is None and not wanted.steps:
            return await self._known(session, wanted, hits, unknown)
        if wanted.after is None:
            found = await search.page(
                session, wanted.filter, wanted.order, first=wanted.first, number=wanted.number, hits=hits
            )
            more = wanted.first - 1 + len(found) < hits
        else:
            found = await search.page_after(session, wanted.filter, wanted.after, number=wanted.number + 1)
            more = len(found) > wanted.number
            found = found[: wanted.number]
        order = wanted.order if wanted.after is None else wanted.after.order
        end = Position.of(order, found[-1]) if more and found else None
        return Page(hits, await jobs.with_steps(session, found) if wanted.steps else found, end=end)

    async def _known(self, session: Session, wanted: Listing, hits: int, unknown: Unknown) -> Page:
        """Return which jobs a page has, and those of them that are not known."""
        versions = await search.versions(
            session, wanted.filter, wanted.order, first=wanted.first, number=wanted.number, hits=hits
        )
        follows = bool(versions) and wanted.first - 1 + len(versions) < hits
        read = await jobs.some(session, unknown(versions, follows))
        last = read.get(versions[-1][0]) if follows else None
        end = None if last is None else Position.of(wanted.order, last)
        return Page(hits, list(read.values()), end=end, versions=versions, follows=follows)

    async def _long(self, session: Session, wanted: Listing, hits: int) -> Page | None:
        """Return which jobs a page has; ``None``: it is not long after all, since its cursor is near the end."""
        order = wanted.order if wanted.after is None else wanted.after.order
        if wanted.after is None:
            found = await places.find(session, wanted.filter, order, first=wanted.first, number=wanted.number)
            more = wanted.first - 1 + len(found) < hits
        else:
            found = await places.find_after(session, wanted.filter, wanted.after, number=wanted.number + 1)
            more = len(found) > wanted.number
            found = found.until(wanted.number)
        if len(found) <= LONG:
            return None
        last = await places.read(session, found.part(len(found) - 1, 1), steps=False) if more else ()
        return Page(hits, (), end=Position.of(order, last[0]) if last else None, places=found)

    async def _known_values(self, request: FacetRequest) -> Sequence[str]:
        match request.field:
            case FacetField.TYPE:
                return [kind.name for kind in await jobtypes.types(self._database)]
            case FacetField.STATE:
                return sorted(JobState)
            case FacetField.USER:
                # Only needed where users without jobs are to be listed.
                return [one.name for one in await users.listing(self._database)] if request.least == 0 else ()

    async def sorts_by_code_point(self) -> bool:
        """Tell whether lists are sorted by text as another program would sort it."""
        if self._by_code_point is None:
            self._by_code_point = await collation.is_by_code_point(self._database)
        return self._by_code_point

    async def alive(self) -> None:
        """Raise ``Unavailable`` unless the database answers."""
        await workers.alive(self._database)


def _narrowed(wanted: Filter, filters: Sequence[FacetFilter]) -> Filter:
    for one in filters:
        match one.field:
            case FacetField.TYPE:
                wanted = replace(wanted, types=_both(wanted.types, one.values))
            case FacetField.STATE:
                states = _both(None if wanted.states is None else [state.value for state in wanted.states], one.values)
                wanted = replace(wanted, states=[state for state in JobState if state.value in states])
            case FacetField.USER:
                wanted = replace(wanted, owners=_both(wanted.owners, one.values))
    return wanted


def _both(before: Sequence[str] | None, values: frozenset[str]) -> list[str]:
    return sorted(values if before is None else values & set(before))
