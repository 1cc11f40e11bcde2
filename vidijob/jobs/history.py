"""What one job has gone through: its steps as they stand, and how long each try took, by what happened to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.model import Event, StepNumber
from vidijob.jobs.states import HELD, StepState

_STATES = frozenset(state.value for state in StepState)


@dataclass(frozen=True, slots=True)
class StandingStep:
    """A step of one job as it stands."""

    planned: PlannedStep
    state: StepState


@dataclass(frozen=True, slots=True)
class Span:
    """One try of a step."""

    step: StepNumber
    began: datetime
    #: ``None``: it runs.
    ended: datetime | None
    #: How it ended, or as what it runs.
    state: StepState


def spans(history: Sequence[Event]) -> list[Span]:
    """Return the tries of all steps in the order in which they began, of a history in the order of what happened."""
    found: list[Span] = []
    running: dict[StepNumber, int] = {}
    for event in history:
        if event.step is None or event.new not in _STATES:
            continue
        state = StepState(event.new)
        place = running.get(event.step)
        if state in HELD and place is None:
            running[event.step] = len(found)
            found.append(Span(event.step, event.at, None, state))
        elif place is not None:
            ended = None if state in HELD else event.at
            found[place] = Span(event.step, found[place].began, ended, state)
            if ended is not None:
                del running[event.step]
    return found
