"""What administrators configure while the server runs, and what the server finds when it looks at itself."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from vidijob.access import ADMINISTRATOR
from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.web.routing import Route

_READ = frozenset({ADMINISTRATOR, "_configuration_read"})
_OLDEST = 36_500
#: What the properties that mean something here are.
MEANINGS: Mapping[str, str] = {
    "concurrentJobs": "How many jobs run at once, IMMEDIATE ones aside.",
    "pauseJobs": "true: no job is admitted.",
    "userTokenDefaultInterval": "For how many seconds a token lasts that says nothing.",
    "userTokenMaxInterval": "For how many seconds a token may last that no administrator asks for.",
}


async def show(visit: Visit) -> web.StreamResponse:
    """Show the configuration."""
    configuration = visit.services.configuration
    properties = {one.key: one for one in await configuration.properties()}
    return visit.page(
        "configured.html",
        properties=properties,
        meanings=MEANINGS,
        keep=await configuration.keep_jobs(),
        cors=await configuration.cors(),
        priorities=await configuration.type_priorities(),
        findings=await visit.services.health.look(),
        secret=await visit.services.webhook_secret.get() if visit.may(ADMINISTRATOR) else None,
        oldest=_OLDEST,
    )


async def set_property(visit: Visit) -> web.StreamResponse:
    """Give a property a value."""
    form = await visit.form()
    await visit.services.configuration.set_properties({form.text("key") or "": form.text("value") or ""})
    return visit.go("/configuration", did="property-set")


async def delete_property(visit: Visit) -> web.StreamResponse:
    """Take the value from a property."""
    await visit.services.configuration.delete_property((await visit.form()).text("key") or "")
    return visit.go("/configuration", did="property-deleted")


async def keep(visit: Visit) -> web.StreamResponse:
    """Say for how many days ended jobs are kept."""
    days = (await visit.form()).number("days", 0, most=_OLDEST)
    await visit.services.configuration.set_keep_jobs(days or None)
    return visit.go("/configuration", did="kept-set")


_ROUTES: list[Route[View]] = [
    Route("GET", "/configuration", show, _READ),
    Route("POST", "/configuration/property", set_property, ADMINISTRATOR),
    Route("POST", "/configuration/property/delete", delete_property, ADMINISTRATOR),
    Route("POST", "/configuration/keep", keep, ADMINISTRATOR),
]
ROOM = Room(_ROUTES, Entry("Configuration", "/configuration", "gear", _READ, "c"))
