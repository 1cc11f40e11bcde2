"""What is queued and what comes out: plots, limits, pools, task groups, and pausing."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from vidijob.access import ADMINISTRATOR
from vidijob.console import plots
from vidijob.console.plots import Series
from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.engine.configuration import PAUSE_JOBS
from vidijob.engine.traffic import MOST_ENDED, Span, Traffic
from vidijob.errors import NotFound
from vidijob.jobs.model import Priority
from vidijob.jobs.pools import Pool
from vidijob.web.routing import Route

_READ = "_job_read"
_CONFIGURED = frozenset({ADMINISTRATOR, "_configuration_read"})
_MOST = 10_000


async def show(visit: Visit) -> web.StreamResponse:
    """Show the queue."""
    span = visit.query.choice("span", Span) or Span.HOUR
    traffic = await visit.services.traffic.look(span)
    configuration = visit.services.configuration
    seen = visit.may(_CONFIGURED)
    pools = await configuration.job_pools()
    return visit.page(
        "queue.html",
        span=span,
        spans=list(Span),
        traffic=traffic,
        ended=_ended(traffic, span),
        waited=_waited(traffic, span),
        capped=any(one.finished + one.failed + one.aborted >= MOST_ENDED for one in traffic.ended),
        pools=pools,
        kept={pool.threshold: pool.size for pool in pools.pools},
        paused=await _is_paused(visit),
        groups=await visit.services.task_groups.listing() if seen else [],
        configured=seen,
        priorities=[one for one in reversed(Priority) if one is not Priority.IMMEDIATE],
    )


async def pause(visit: Visit) -> web.StreamResponse:
    """Admit no job any more, or go on."""
    paused = (await visit.form()).flag("paused", True)
    await visit.services.configuration.set_properties({PAUSE_JOBS: "true" if paused else "false"})
    return visit.go("/queue", did="paused" if paused else "unpaused")


async def set_limits(visit: Visit) -> web.StreamResponse:
    """Say how many jobs run at once, and how many places are kept for which priorities."""
    form = await visit.form()
    limit = form.number("concurrent", 0, least=1, most=_MOST)
    sizes = {one: form.number(f"pool-{one.value}", 0, most=_MOST) for one in Priority if one is not Priority.IMMEDIATE}
    pools = [Pool(priority, size) for priority, size in sizes.items() if size]
    await visit.services.configuration.set_job_pools(limit, pools, replace=True)
    return visit.go("/queue", did="limits-set")


async def pause_group(visit: Visit) -> web.StreamResponse:
    """Let a task group admit no job any more, or let it go on."""
    form = await visit.form()
    paused = form.flag("paused", True)
    await visit.services.task_groups.pause(form.text("group") or "", paused)
    return visit.go("/queue", did="group-paused" if paused else "group-resumed")


async def _is_paused(visit: Visit) -> bool:
    try:
        return (await visit.services.configuration.property(PAUSE_JOBS)).value == "true"
    except NotFound:
        return False


def _ended(traffic: Traffic, span: Span) -> str:
    seen = traffic.ended
    series = [
        Series("finished", "good", [one.finished for one in seen]),
        Series("aborted", "ended", [one.aborted for one in seen]),
        Series("failed", "bad", [one.failed for one in seen]),
    ]
    sums = {one.name: sum(value or 0 for value in one.values) for one in series}
    label = f"Jobs that ended in the last {span.value}: " + ", ".join(f"{sums[name]:g} {name}" for name in sums)
    return plots.bars([one.at for one in seen], span.stretch, series, label)


def _waited(traffic: Traffic, span: Span) -> str:
    seen = traffic.waited
    series = [
        Series("95 of a hundred", "warning", [_seconds(one.nearly_all) for one in seen]),
        Series("half of them", "running", [_seconds(one.half) for one in seen]),
    ]
    label = f"How long jobs that were submitted in the last {span.value} waited to be admitted"
    return plots.lines([one.at for one in seen], span.stretch, series, label)


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


_ROUTES: list[Route[View]] = [
    Route("GET", "/queue", show, _READ),
    Route("POST", "/queue/pause", pause, ADMINISTRATOR),
    Route("POST", "/queue/limits", set_limits, ADMINISTRATOR),
    Route("POST", "/queue/group", pause_group, ADMINISTRATOR),
]
ROOM = Room(_ROUTES, Entry("Queue", "/queue", "queue", _READ, "q"))
