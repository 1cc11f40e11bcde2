"""The table of jobs: a page of what a search finds, with facets that are links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import web

from vidijob.console import search
from vidijob.console.search import FACETS, Query
from vidijob.console.visit import Entry, Room, Visit
from vidijob.engine.insights import FacetFilter, FacetQuestion, Listing, Page
from vidijob.errors import Invalid
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Attempt, Job, Priority
from vidijob.jobs.search import FacetRequest
from vidijob.jobs.states import HELD, JobState
from vidijob.web.routing import Route

_READ, _SEARCH = "_job_read", "_job_search"
_MOST_VALUES = 12
#: In the order of a job's life.
_STATES = list(JobState)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a facet."""

    name: str
    #: ``None``: it is not counted.
    count: int | None
    chosen: bool
    #: To the search with it, or without it.
    address: str


@dataclass(frozen=True, slots=True)
class Row:
    """A job, as the table shows it."""

    name: str
    job: Job
    #: What it is about: the name of its first source, or its title.
    subject: str
    #: What runs in it.
    running: Attempt | None


async def listing(visit: Visit) -> web.StreamResponse:
    """Show a page of jobs; an id in the field leads to the job itself."""
    query, refused = Query(), ""
    page = Page(0, ())
    try:
        query = search.read(visit.query)
        name = search.job_named(query.text, visit.site)
        if name is not None:
            return visit.go(f"/jobs/{name}")
        page = await _find(visit, query)
    except Invalid as error:
        refused = str(error)
    return visit.page(
        "jobs.html",
        status=400 if refused else 200,
        query=query,
        refused=refused,
        hits=page.hits,
        rows=[row(visit.site, job) for job in page.jobs],
        facets=_facets(visit, query, page),
        pages=max(-(-page.hits // query.size), 1),
        sizes=search.SIZES,
        states=_STATES,
    )


async def _find(visit: Visit, query: Query) -> Page:
    chosen = [FacetFilter(field, frozenset(query.chosen(name))) for name, field in FACETS.items() if query.chosen(name)]
    # A facet counts what it would be without its own values, so that another can be chosen.
    questions = [FacetQuestion(FacetRequest(field, least=1), frozenset({field})) for field in FACETS.values()]
    wanted = Listing(search.filter_of(query), [query.order], query.first, query.size, steps=True)
    return await visit.services.insights.search(wanted, chosen, questions if visit.may(_SEARCH) else ())


def _facets(visit: Visit, query: Query, page: Page) -> dict[str, Sequence[Value]]:
    counted = {result.request.field: dict(result.counts) for result in page.facets}
    facets: dict[str, Sequence[Value]] = {}
    for name, field in FACETS.items():
        counts = counted.get(field, {})
        known = [state.value for state in _STATES] if name == "state" else sorted(counts, key=lambda one: -counts[one])
        chosen = query.chosen(name)
        values = known if name == "state" else [*dict.fromkeys([*chosen, *known[:_MOST_VALUES]])]
        facets[name] = [
            Value(
                value,
                counts.get(value, 0) if field in counted else None,
                value in chosen,
                visit.url(query.toggled(name, value).address()),
            )
            for value in values
        ]
    facets["priority"] = [
        Value(one.value, None, one.value in query.priorities, visit.url(query.toggled("priority", one.value).address()))
        for one in reversed(Priority)
    ]
    return facets


def row(site: str, job: Job) -> Row:
    """Return a job as a table shows it."""
    held = [attempt for attempt in job.log or () if attempt.state in HELD]
    return Row(job_name(site, job.id), job, subject(job), held[-1] if held else None)


def subject(job: Job) -> str:
    """Return what a job is about, as far as its data say."""
    for key in ("title", "originalFilename", "sourceUri", "itemId"):
        values = job.data.get(key)
        if values and values[0]:
            more = f" +{len(values) - 1}" if len(values) > 1 else ""
            return (unquote(values[0].rstrip("/").rpartition("/")[2]) if key == "sourceUri" else values[0]) + more
    return ""


ROOM = Room([Route("GET", "/jobs", listing, _READ)], Entry("Jobs", "/jobs", "jobs", _READ, "j"))
