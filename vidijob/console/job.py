"""One job: what went wrong first, then how far it is, what it did when, and all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from aiohttp import web
from markupsafe import Markup

from vidijob.console import media, words
from vidijob.console.jobs import subject
from vidijob.console.selection import Deed, possible
from vidijob.console.timeline import timeline
from vidijob.console.visit import Room, View, Visit
from vidijob.engine import stills
from vidijob.errors import NotFound
from vidijob.jobs.catalogue import is_result
from vidijob.jobs.drawing import drawn
from vidijob.jobs.history import Span, StandingStep, spans
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Attempt, Event, Job, StepNumber
from vidijob.jobs.states import ENDED, HELD, StepState
from vidijob.web import keys
from vidijob.web.routing import Route

_READ = "_job_read"
#: Lines of the event log that are shown, the last ones.
_MOST_LINES = 500
_MOST_PICTURES = 12
#: In seconds.
_LONGEST_LEFT = 366 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A step, as the page shows it."""

    number: StepNumber
    description: str
    state: StepState
    critical: bool
    cleanup: bool
    #: The last try, where it is in the job's log.
    attempt: Attempt | None
    tries: int
    #: When the last try began.
    began: datetime | None
    #: How long the last try took, or has taken by now.
    took: timedelta | None
    #: Roughly how long it has still to go, where it tells how far it is.
    left: timedelta | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log."""

    at: datetime
    step: StepNumber | None
    #: The state that the job or the step got into; ``None``: something that the step said.
    state: str | None
    text: str
    actor: str


async def show(visit: Visit) -> web.StreamResponse:
    """Show a job."""
    id = await visit.services.external_ids.job(visit.path["id"])
    job = await visit.services.insights.job(id)
    standing, history = await visit.services.insights.course(id, _MOST_LINES)
    tried = spans(history)
    stages = _stages(job, standing, tried)
    name = job_name(visit.site, job.id)
    return visit.page(
        "one_job.html",
        job=job,
        name=name,
        subject=subject(job),
        stages=stages,
        graph=Markup(drawn([step.planned for step in standing], _marks(stages))),
        timeline=timeline(job, stages, history, tried),
        log=_log(job, history),
        orders=_data(job, results=False),
        results=_data(job, results=True),
        facts=media.facts(job.data),
        pictures=_pictures(visit, job),
        rerun_of=next(iter(job.data.get("rerunOf", ())), None),
        deeds=[deed for deed in Deed if visit.may("_job_write") and possible(deed, job.state)],
        ended=job.state in ENDED,
    )


async def picture(visit: Visit) -> web.StreamResponse:
    """Answer with one of the pictures that the job has made."""
    job = await visit.services.insights.job(await visit.services.external_ids.job(visit.path["id"]))
    place, named = visit.path["place"], stills.named(job.data)
    if not (place.isascii() and place.isdecimal() and len(place) < 6 and int(place) < len(named)):
        raise NotFound("Picture", place)
    found = await visit.services.stills.get(named[int(place)])
    headers = {"Cache-Control": "private, max-age=3600" if job.state in ENDED else "private, no-cache"}
    return web.Response(body=found.body, content_type=found.media_type, headers=headers)


def _pictures(visit: Visit, job: Job) -> list[tuple[str, str]]:
    """Return the addresses and the names of the first pictures that the job has made."""
    if not visit.services.stills.there:
        return []
    name = job_name(visit.site, job.id)
    return [
        (visit.url(f"/jobs/{name}/picture/{place}"), unquote(uri).rpartition("/")[2])
        for place, uri in enumerate(stills.named(job.data)[:_MOST_PICTURES])
    ]


async def raw(visit: Visit) -> web.StreamResponse:
    """Answer with the job as the API does, as XML or JSON."""
    form = visit.path["form"]
    if form not in ("xml", "json"):
        raise web.HTTPNotFound
    job = await visit.services.insights.job(await visit.services.external_ids.job(visit.path["id"]))
    body = visit.request.app[keys.WRITE_JOB](job, form == "xml")
    return web.Response(body=body, content_type=f"application/{form}", headers={"Cache-Control": "private, no-cache"})


def _stages(job: Job, standing: Sequence[StandingStep], tried: Sequence[Span]) -> list[Stage]:
    stages = []
    for step in standing:
        task = step.planned.task
        attempts = [attempt for attempt in job.log or () if attempt.step == task.step]
        mine = [span for span in tried if span.step == task.step]
        last, attempt = mine[-1] if mine else None, attempts[-1] if attempts else None
        took = (last.ended or words.now()) - last.began if last is not None else None
        stages.append(
            Stage(
                task.step,
                task.description,
                step.state,
                task.critical,
                task.cleanup,
                attempt,
                max(len(attempts), len(mine)),
                last.began if last is not None else None,
                took,
                _left(attempt, took) if step.state in HELD else None,
            )
        )
    return stages


def _left(attempt: Attempt | None, took: timedelta | None) -> timedelta | None:
    """Return how long a try has still to go if it goes on like this."""
    progress = attempt.progress if attempt is not None else None
    if progress is None or took is None or not 0 < progress.value < progress.total:
        return None
    left = (progress.total - progress.value) / progress.value
    # Beyond that it is no guess any more, and might not be a time.
    return took * left if abs(took.total_seconds() * left) < _LONGEST_LEFT else None


def _marks(stages: Sequence[Stage]) -> Mapping[StepNumber, tuple[str, str]]:
    return {
        stage.number: (f"{look.tone}{' now' if stage.state in HELD else ''}", look.words)
        for stage in stages
        for look in [words.look(stage.state)]
    }


def _log(job: Job, history: Sequence[Event]) -> list[Line]:
    lines = [Line(one.at, one.step, one.new, one.remark or "", _who(one.actor)) for one in history]
    for attempt in job.log or ():
        lines += [Line(note.at, attempt.step, None, note.text, "") for note in attempt.notes]
    return sorted(lines, key=lambda line: line.at)


def _who(actor: str) -> str:
    """Return who did something; of a worker's long id the beginning is enough."""
    return f"worker {actor[:8]}" if len(actor) == 36 and actor.count("-") == 4 else actor


def _data(job: Job, *, results: bool) -> list[tuple[str, Sequence[str]]]:
    return [
        (key, [*map(words.hidden, values)]) for key, values in sorted(job.data.items()) if is_result(key) is results
    ]


_ROUTES: list[Route[View]] = [
    Route("GET", "/jobs/{id}", show, _READ),
    Route("GET", "/jobs/{id}/raw/{form}", raw, _READ),
    Route("GET", "/jobs/{id}/picture/{place}", picture, _READ),
]
ROOM = Room(_ROUTES)
