"""What is done to jobs, one or many: first a page that says what would be done to which, then what came of it, job by job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from aiohttp import web

from vidijob.access import User
from vidijob.console.jobs import Row, row
from vidijob.console.visit import Room, Visit
from vidijob.engine.commands import Commands
from vidijob.errors import CallerError, Invalid, NotFound, Unavailable
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Priority
from vidijob.jobs.states import ENDED, JobState
from vidijob.web.parameters import Parameters, one_of
from vidijob.web.routing import Route

_WRITE = "_job_write"
_IMMEDIATE = "_super_access_user"
_MOST = 200
_LONGEST_REASON = 1000


class Deed(Enum):
    """What can be done to jobs."""

    PRIORITY = "priority"
    RERUN = "rerun"
    RELEASE = "release"
    ABORT = "abort"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it for one job."""

    name: str
    #: ``None``: it was done.
    refused: str | None = None
    #: The job that was made, where one was.
    made: str | None = None


def possible(deed: Deed, state: JobState) -> bool:
    """Tell whether it makes sense for a job in a state; the engine decides."""
    match deed:
        case Deed.PRIORITY:
            return state not in ENDED
        case Deed.RERUN:
            return True
        case Deed.RELEASE:
            return state is JobState.HOLD
        case Deed.ABORT:
            return state not in ENDED and state is not JobState.ABORTED_PENDING
        case Deed.DELETE:
            return state in ENDED


def priorities(visit: Visit) -> list[Priority]:
    """Return the priorities that the user may give, the highest first."""
    return [one for one in reversed(Priority) if one is not Priority.IMMEDIATE or visit.may(_IMMEDIATE)]


async def act(visit: Visit) -> web.StreamResponse:
    """Ask whether it is meant, and when it is, do it."""
    form = await visit.form()
    deed = one_of("do", form.text("do") or "", Deed)
    names = list(dict.fromkeys(form.all("id")))
    if not names:
        raise Invalid("id", "No job is selected: tick some in the table first.")
    if len(names) > _MOST:
        raise Invalid("id", f"At most {_MOST} jobs can be changed at once.")
    back = _back(form)
    if form.text("sure") is None:
        return await _ask(visit, deed, names, back)
    results = await _carry_out(visit, deed, names, form)
    (only, *others) = results
    if not others and only.refused is None:
        done = {Deed.PRIORITY: "prioritised", Deed.RERUN: "rerun", Deed.RELEASE: "released", Deed.ABORT: "aborted"}
        if deed is Deed.DELETE:
            return visit.go("/jobs", did="deleted")
        return visit.go(f"/jobs/{only.made or only.name}", did=done[deed])
    return visit.page("results.html", deed=deed, results=results, back=back)


async def _ask(visit: Visit, deed: Deed, names: Sequence[str], back: str) -> web.StreamResponse:
    rows: list[Row] = []
    gone = []
    for name in names:
        try:
            rows.append(row(visit.site, await visit.services.insights.job(name)))
        except NotFound:
            gone.append(name)
    fit = [one for one in rows if possible(deed, one.job.state)]
    return visit.page(
        "sure.html",
        deed=deed,
        rows=fit,
        unfit=[one for one in rows if one not in fit],
        gone=gone,
        back=back,
        priorities=priorities(visit),
    )


async def _carry_out(visit: Visit, deed: Deed, names: Sequence[str], form: Parameters) -> list[Result]:
    do = _doing(visit.services.commands, visit.user, visit.site, deed, form)
    results: list[Result] = []
    away: Unavailable | None = None
    for name in names:
        # When the database is away for one, nobody waits for each of the others.
        if away is not None:
            results.append(Result(name, f"It was not tried. {away}"))
            continue
        try:
            results.append(Result(name, made=await do(name)))
        except CallerError as error:
            results.append(Result(name, str(error)))
        except Unavailable as error:
            away = error
            results.append(Result(name, str(error)))
    return results


def _doing(
    commands: Commands, user: User, site: str, deed: Deed, form: Parameters
) -> Callable[[str], Awaitable[str | None]]:
    """Return what is done to one job, by its name; it answers the name of a new job, where there is one."""
    chosen = form.choice("priority", Priority)
    match deed:
        case Deed.PRIORITY:
            if chosen is None:
                raise Invalid("priority", "Choose the priority that the jobs are to have.")
            priority = chosen

            async def prioritise(name: str) -> None:
                await commands.prioritise(user, name, priority)

            return prioritise
        case Deed.RERUN:
            hold = form.text("hold") is not None

            async def rerun(name: str) -> str:
                return job_name(site, (await commands.rerun(user, name, chosen, hold=hold)).id)

            return rerun
        case Deed.RELEASE:

            async def release(name: str) -> None:
                await commands.release(user, name)

            return release
        case Deed.ABORT:
            reason = (form.text("reason") or "").strip()
            if len(reason) > _LONGEST_REASON:
                raise Invalid("reason", f"A reason has at most {_LONGEST_REASON} characters.")
            cleanup = form.text("cleanup") is not None

            async def abort(name: str) -> None:
                await commands.abort(user, name, reason=reason or None, cleanup=cleanup)

            return abort
        case Deed.DELETE:

            async def delete(name: str) -> None:
                await commands.delete(user, [name])

            return delete


def _back(form: Parameters) -> str:
    """Return where to go back to: the table, as it was, or a job."""
    back = form.text("back") or "/jobs"
    return back if back.startswith("/jobs") and "\\" not in back and back.isprintable() else "/jobs"


ROOM = Room([Route("POST", "/jobs/selected", act, _WRITE)])
