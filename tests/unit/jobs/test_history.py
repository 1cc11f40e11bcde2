"""How long each try took, read off what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vidijob.jobs.history import Span, spans
from vidijob.jobs.model import Event, JobId, StepNumber
from vidijob.jobs.states import StepState

BEGIN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return a time."""
    return BEGIN + timedelta(seconds=seconds)


def entry(seconds: float, step: int | None, new: str) -> Event:
    """Return a line of the log."""
    return Event(1, at(seconds), JobId(1), None if step is None else StepNumber(step), None, new, "test", None)


def test_a_try_lasts_from_its_start_to_its_end_whatever_it_runs_as() -> None:
    history = [
        entry(0, None, "READY"),
        entry(1, 100, "READY"),
        entry(2, 100, "STARTED_ASYNCHRONOUS"),
        entry(3, 100, "STARTED_PARALLEL_ASYNCHRONOUS"),
        entry(3, 200, "STARTED"),
        entry(4, 100, "FAILED_RETRY"),
        entry(6, 100, "STARTED_ASYNCHRONOUS"),
        entry(7, 200, "FINISHED"),
        entry(8, None, "DELETED"),
    ]
    assert spans(history) == [
        Span(StepNumber(100), at(2), at(4), StepState.FAILED_RETRY),
        Span(StepNumber(200), at(3), at(7), StepState.FINISHED),
        Span(StepNumber(100), at(6), None, StepState.STARTED_ASYNCHRONOUS),
    ]


def test_what_began_before_the_history_begins_is_not_told() -> None:
    assert spans([entry(1, 100, "FINISHED")]) == []
