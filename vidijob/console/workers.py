"""Who carries steps out: alive, draining, lost; what each runs, and what it offers."""

from __future__ import annotations

from aiohttp import web

from vidijob.access import ADMINISTRATOR
from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.engine.staff import Member
from vidijob.web.routing import Route

_READ = frozenset({ADMINISTRATOR, "_configuration_read"})


async def listing(visit: Visit) -> web.StreamResponse:
    """Show every worker."""
    members = await visit.services.staff.listing()
    return visit.page("workers.html", members=members, state=_state, present=[one for one in members if not one.lost])


async def drain(visit: Visit) -> web.StreamResponse:
    """Let a worker take no more."""
    await visit.services.staff.drain(visit.user, visit.path["id"])
    return visit.go("/workers", did="drained")


async def resume(visit: Visit) -> web.StreamResponse:
    """Let a worker take steps again."""
    await visit.services.staff.drain(visit.user, visit.path["id"], False)
    return visit.go("/workers", did="resumed")


def _state(member: Member) -> tuple[str, str, str]:
    """Return how a worker is: a tone, a shape, words."""
    if member.lost:
        return "bad", "lost", "Lost"
    if member.worker.drained:
        return ("warning", "pause", "Draining") if member.holdings else ("held", "pause", "Drained")
    return ("running", "play", "Working") if member.holdings else ("good", "check", "Idle")


_ROUTES: list[Route[View]] = [
    Route("GET", "/workers", listing, _READ),
    Route("POST", "/workers/{id}/drain", drain, ADMINISTRATOR),
    Route("POST", "/workers/{id}/resume", resume, ADMINISTRATOR),
]
ROOM = Room(_ROUTES, Entry("Workers", "/workers", "worker", _READ, "w"))
