"""What one job has gone through: its steps as they stand, what happened to it, and from that how long each try took. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.model import StepNumber
from vidijob.jobs.states import HELD, StepState

_STATES = frozenset(state.value for state in StepState)


@dataclass(frozen=True, slots=True)
class StandingStep:
    """A step of one job as it stands."""

    planned: PlannedStep
    state: StepState


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the event log about a job."""

    at: datetime
    #: ``None``: it happened to the job.
    step: StepNumber | None
    old: str | None
    new: str
    #: The user, or the part of the server, that did it.
    actor: str
    remark: str | None


@dataclass(frozen=True, slots=True)
class Span:
    """One try of a step."""

    step: StepNumber
    began: datetime
    #: ``None``: it runs.
    ended: datetime | None
    #: How it ended, or as what it runs.
    state: StepState


def spans(history: Sequence[Entry]) -> list[Span]:
    """Return the tries of all steps in the order in which they began, of a history in the order of what happened."""
    found: list[Span] = []
    running: dict[StepNumber, int] = {}
    for entry in history:
        if entry.step is None or entry.new not in _STATES:
            continue
        state = StepState(entry.new)
        place = running.get(entry.step)
        if state in HELD and place is None:
            running[entry.step] = len(found)
            found.append(Span(entry.step, entry.at, None, state))
        elif place is not None:
            ended = None if state in HELD else entry.at
            found[place] = Span(entry.step, found[place].began, ended, state)
            if ended is not None:
                del running[entry.step]
    return found
