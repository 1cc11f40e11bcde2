"""Lists of jobs over HTTP: GET /job and PUT /job/search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vidijob.api.vidispine import long_lists
from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import JobSearchDocument
from vidijob.api.vidispine.known_jobs import KnownJobs, Shape
from vidijob.api.vidispine.translate import cursor, parts
from vidijob.api.vidispine.translate import jobs as translate
from vidijob.api.vidispine.translate import search as criteria
from vidijob.binding import json, text, xml
from vidijob.engine.insights import LONG, Listing, Page
from vidijob.errors import Invalid
from vidijob.jobs.identity import job_name
from vidijob.jobs.search import Order, Position, SortField, complete
from vidijob.web.negotiate import Form

_PAGE = 100
_ALL = 2**31 - 1
_NEWEST_FIRST = (Order(SortField.ID, descending=True),)
_OLDEST_FIRST = (Order(SortField.ID),)
#: What is sorted as the database sorts text.
_TEXTUAL = {SortField.TYPE, SortField.USER}


async def listing(call: Call) -> Answer:
    """GET /job: a page of jobs (spec "List all jobs"); the newest first, as text the oldest (contract 10.6)."""
    wanted = _wanted(call, _OLDEST_FIRST if call.as_text else _NEWEST_FIRST)
    if call.part:
        return await _part(call, wanted, JobSearchDocument())
    known = _known(call, wanted)
    page = await call.services.insights.page(wanted, known.unknown if known is not None else None)
    return replace(_answer(call, page, known), tagged=True)


async def search(call: Call) -> Answer:
    """PUT /job/search: a page of jobs, and facets of all that is found; the oldest first, as in the spec's example."""
    document = await call.document(JobSearchDocument) or JobSearchDocument()
    wanted = _wanted(call, _OLDEST_FIRST)
    if call.part:
        return await _part(call, wanted, document)
    known = _known(call, wanted)
    page = await call.services.insights.search(
        wanted,
        criteria.facet_filters(document),
        criteria.facet_questions(document),
        known.unknown if known is not None else None,
    )
    return _answer(call, page, known)


def _wanted(call: Call, default: Sequence[Order]) -> Listing:
    given = call.parameters
    order = criteria.order(given)
    # Counted from 1; many clients begin with 0 (contract 7).
    first = max(given.number("first", 1), 1)
    return Listing(
        filter=criteria.criteria(given, call.user),
        order=order or (parts.by_time(default) if call.part else default),
        first=first,
        number=given.number("number", _ALL if call.as_text else _PAGE, most=_ALL),
        steps=_steps(call),
        after=cursor.read(given.text("cursor"), order, first),
    )


async def _part(call: Call, wanted: Listing, document: JobSearchDocument) -> Answer:
    """Return a part of a list of several sites, for the front that merges them."""
    if wanted.number > LONG:
        raise Invalid("number", f"A part of a list has at most {LONG} jobs.", value=str(wanted.number))
    order = complete(wanted.order if wanted.after is None else wanted.after.order)
    insights, asked = call.services.insights, criteria.facet_questions(document)
    if _TEXTUAL & {one.field for one in order} and not await insights.sorts_by_code_point():
        raise Invalid(
            "sort",
            f"The database of the site {call.site} sorts text as a language does, so its list cannot be merged by "
            "type or user; one that was made with the locale C.UTF-8 can.",
        )
    questions = [replace(one, request=parts.unlimited(one.request)) for one in asked if call.part != parts.MORE]
    page = await insights.search(wanted, criteria.facet_filters(document), questions)
    show, codec = _shape(call).show, json if call.form is Form.JSON else xml
    jobs = [
        (
            Position.of(order, job),
            job_name(call.site, job.id) if call.as_text else codec.fragment(show(job), "job").decode(),
        )
        for job in page.jobs
    ]
    facets = [(one.request, found) for one, found in zip(asked, page.facets, strict=False)]
    made = parts.write(call.site, page.hits, order, jobs, facets, follows=page.end is not None)
    return Answer(made=made, headers={"Content-Type": parts.MEDIA})


def _known(call: Call, wanted: Listing) -> KnownJobs | None:
    """Return the jobs that are written already; ``None`` where none are kept."""
    return KnownJobs(call, _shape(call), wanted.order) if call.fragments.holds_any else None


def _shape(call: Call) -> Shape:
    given = call.parameters
    return Shape(call.site, given.flag("metadata", False), given.list("field"), given.flag("idonly", False))


def _answer(call: Call, page: Page, known: KnownJobs | None) -> Answer:
    show = _shape(call).show
    headers = {} if page.end is None else {cursor.HEADER: cursor.write(page.end)}
    if page.places is not None:
        empty = translate.job_list(page, ())
        return Answer(pieces=long_lists.pieces(call, empty, page.places, show, steps=_steps(call)), headers=headers)
    if known is not None and page.versions is not None:
        return known.answer(page, page.versions)
    return Answer(
        lambda: translate.job_list(page, map(show, page.jobs)),
        lambda: text.lines([job_name(call.site, job.id) for job in page.jobs]),
        headers=headers,
    )


def _steps(call: Call) -> bool:
    return call.parameters.flag("step", False) and not call.as_text
