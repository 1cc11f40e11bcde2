"""The table of jobs."""

from __future__ import annotations

from aiohttp import web

from vidijob.console.visit import Entry, Room, Visit
from vidijob.engine.insights import Listing
from vidijob.jobs.search import Filter, Order, SortField
from vidijob.web.routing import Route

_READ = "_job_read"


async def listing(visit: Visit) -> web.StreamResponse:
    """Show a page of the jobs that a filter finds."""
    page = await visit.services.insights.page(Listing(Filter(), [Order(SortField.ID, True)], 1, 50, steps=True))
    return visit.page("jobs.html", page=page)


ROOM = Room([Route("GET", "/jobs", listing, _READ)], Entry("Jobs", "/jobs", "jobs", _READ, "j"))
