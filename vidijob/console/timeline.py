"""When each step of a job ran: lanes of bars along one axis, all places in percent of it. Pure numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vidijob.console import words
from vidijob.jobs.history import Span
from vidijob.jobs.model import Event, Job
from vidijob.jobs.states import JobState

if TYPE_CHECKING:
    from vidijob.console.job import Stage

#: In percent: what is shorter could not be seen.
_LEAST = 0.4
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
_MOST_TICKS = 6
_STATES = frozenset(state.value for state in JobState)
#: In these a job has its turn still to come.
_QUEUED = {JobState.READY: "queued", JobState.HOLD: "held", JobState.WAITING: "waiting"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time."""

    start: float
    width: float
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What happened to the job itself, or to one step."""

    label: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A job from its submission to its end, or to now."""

    lanes: Sequence[Lane]
    #: Place and words.
    ticks: Sequence[tuple[float, str]]
    whole: timedelta


def timeline(job: Job, stages: Sequence[Stage], history: Sequence[Event], tried: Sequence[Span]) -> Timeline:
    """Return when what happened."""
    begin, now = job.started, words.now()
    moments = [entry.at for entry in history]
    end = max([job.finished or now, *(moments if job.finished else ())])
    whole = max(end - begin, timedelta(milliseconds=1))
    lanes = [Lane("Queue", _waits(history, begin, whole, end))]
    for stage in stages:
        bars = [
            _bar(span.began, span.ended or end, begin, whole, words.look(span.state).tone, words.look(span.state).words)
            for span in tried
            if span.step == stage.number
        ]
        if bars:
            lanes.append(Lane(stage.description, bars))
    return Timeline([lane for lane in lanes if lane.bars], _ticks(whole), whole)


def _waits(history: Sequence[Event], begin: datetime, whole: timedelta, end: datetime) -> list[Bar]:
    bars = []
    own = [entry for entry in history if entry.step is None and entry.new in _STATES]
    for entry, following in zip(own, [*own[1:], None], strict=True):
        tone = _QUEUED.get(JobState(entry.new))
        if tone is not None:
            look = words.look(JobState(entry.new))
            bars.append(_bar(entry.at, following.at if following else end, begin, whole, tone, look.words))
    return bars


def _bar(start: datetime, end: datetime, begin: datetime, whole: timedelta, tone: str, what: str) -> Bar:
    place = min(max((start - begin) / whole * 100, 0.0), 100 - _LEAST)
    width = min(max((end - start) / whole * 100, _LEAST), 100 - place)
    return Bar(round(place, 2), round(width, 2), tone, f"{what}, {words.lasting(end - start)}")


def _ticks(whole: timedelta) -> list[tuple[float, str]]:
    seconds = whole.total_seconds()
    step = next((one for one in _STEPS if seconds / one <= _MOST_TICKS), None)
    step = step if step is not None else 86_400 * (int(seconds / 86_400 / _MOST_TICKS) + 1)
    places = [number * step for number in range(int(seconds / step) + 1)]
    return [(round(place / seconds * 100, 2), words.brief(place)) for place in places if place / seconds < 0.97]
