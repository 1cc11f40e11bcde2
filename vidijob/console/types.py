"""The job types, each with its graph, its data and its steps."""

from __future__ import annotations

from aiohttp import web
from markupsafe import Markup

from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.errors import NotFound
from vidijob.jobs.catalogue import PAGES, UNUSED
from vidijob.jobs.drawing import drawn
from vidijob.jobs.graph import plan
from vidijob.jobs.model import Dependency, TaskDefinition
from vidijob.web.routing import Route

_READ, _WRITE = "_taskdefinition_read", "_taskdefinition_write"


async def listing(visit: Visit) -> web.StreamResponse:
    """Show every type."""
    types = visit.services.job_types
    counts: dict[str, int] = {}
    for known in await types.tasks():
        counts[known.job_type] = counts.get(known.job_type, 0) + 1
    found = [
        (one, PAGES[one.name].summary if one.name in PAGES else "", counts.get(one.name, 0), one.name in UNUSED)
        for one in await types.listing()
    ]
    return visit.page("types.html", types=found)


async def show(visit: Visit) -> web.StreamResponse:
    """Show one type."""
    name = visit.path["name"]
    kind = await visit.services.job_types.kind(name)
    known = next((one for one in await visit.services.job_types.listing() if one.name == name), None)
    if known is None:
        raise NotFound("JobType", name)
    return visit.page(
        "one_type.html",
        kind=kind,
        known=known,
        page=PAGES.get(name),
        graph=Markup(drawn(plan(kind.tasks), {})),
        waits=_waits,
        unused=name in UNUSED,
    )


async def delete(visit: Visit) -> web.StreamResponse:
    """Delete a type that an administrator made."""
    await visit.services.job_types.drop(visit.user, visit.path["name"])
    return visit.go("/types", did="type-deleted")


def _waits(task: TaskDefinition) -> str:
    if task.cleanup:
        return "the end of the job"
    words = [*_dependency(task.dependency, ""), *_dependency(task.parallel_dependency, ", or its signal")]
    return " or ".join(words) or "nothing"


def _dependency(dependency: Dependency, how: str) -> list[str]:
    if dependency.all_previous:
        return [f"all before it{how}"]
    if dependency.previous:
        return [f"the one before it{how}"]
    return [f"step {dependency.step}{how}"] if dependency.step else []


_ROUTES: list[Route[View]] = [
    Route("GET", "/types", listing, _READ),
    Route("GET", "/types/{name}", show, _READ),
    Route("POST", "/types/{name}/delete", delete, _WRITE),
]
ROOM = Room(_ROUTES, Entry("Job types", "/types", "types", _READ, "t"))
