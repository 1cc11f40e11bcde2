"""The two state machines: every pair of a state and an event, against tables written here by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

import pytest

from vidijob.jobs import states
from vidijob.jobs.states import (
    ENDED,
    HELD,
    JobEvent,
    JobState,
    StepEvent,
    StepState,
    job_sources,
    step_sources,
)

JOBS = """
    HOLD             release    READY
    READY            admit      STARTED
    STARTED          go_remote  VIDINET_JOB
    VIDINET_JOB      come_back  STARTED
    STARTED          wait       WAITING
    VIDINET_JOB      wait       WAITING
    WAITING          resume     READY
    STARTED          finish     FINISHED
    VIDINET_JOB      finish     FINISHED
    STARTED          warn       FINISHED_WARNING
    VIDINET_JOB      warn       FINISHED_WARNING
    STARTED          fail       FAILED_TOTAL
    VIDINET_JOB      fail       FAILED_TOTAL
    READY            drop       ABORTED
    HOLD             drop       ABORTED
    READY            abort      ABORTED_PENDING
    HOLD             abort      ABORTED_PENDING
    WAITING          abort      ABORTED_PENDING
    STARTED          abort      ABORTED_PENDING
    VIDINET_JOB      abort      ABORTED_PENDING
    ABORTED_PENDING  aborted    ABORTED
"""

STEPS = """
    NONE                           unblock      READY
    READY                          start        STARTED_ASYNCHRONOUS
    FAILED_RETRY                   start        STARTED_ASYNCHRONOUS
    WAITING                        start        STARTED_ASYNCHRONOUS
    DISAPPEARED                    start        STARTED_ASYNCHRONOUS
    READY                          start_short  STARTED
    FAILED_RETRY                   start_short  STARTED
    WAITING                        start_short  STARTED
    DISAPPEARED                    start_short  STARTED
    READY                          strand       WAITING
    FAILED_RETRY                   strand       WAITING
    WAITING                        strand       WAITING
    DISAPPEARED                    strand       WAITING
    STARTED                        signal       STARTED_PARALLEL
    STARTED_ASYNCHRONOUS           signal       STARTED_PARALLEL_ASYNCHRONOUS
    STARTED_SUBTASKS               signal       STARTED_PARALLEL_ASYNCHRONOUS
    STARTED                        split        STARTED_SUBTASKS
    STARTED_ASYNCHRONOUS           split        STARTED_SUBTASKS
    STARTED                        finish       FINISHED
    STARTED_ASYNCHRONOUS           finish       FINISHED
    STARTED_PARALLEL               finish       FINISHED
    STARTED_PARALLEL_ASYNCHRONOUS  finish       FINISHED
    STARTED_SUBTASKS               finish       FINISHED
    STARTED                        retry        FAILED_RETRY
    STARTED_ASYNCHRONOUS           retry        FAILED_RETRY
    STARTED_PARALLEL               retry        FAILED_RETRY
    STARTED_PARALLEL_ASYNCHRONOUS  retry        FAILED_RETRY
    STARTED_SUBTASKS               retry        FAILED_RETRY
    STARTED                        fail         FAILED_FATAL
    STARTED_ASYNCHRONOUS           fail         FAILED_FATAL
    STARTED_PARALLEL               fail         FAILED_FATAL
    STARTED_PARALLEL_ASYNCHRONOUS  fail         FAILED_FATAL
    STARTED_SUBTASKS               fail         FAILED_FATAL
    STARTED                        wait         WAITING
    STARTED_ASYNCHRONOUS           wait         WAITING
    STARTED_PARALLEL               wait         WAITING
    STARTED_PARALLEL_ASYNCHRONOUS  wait         WAITING
    STARTED_SUBTASKS               wait         WAITING
    STARTED                        vanish       DISAPPEARED
    STARTED_ASYNCHRONOUS           vanish       DISAPPEARED
    STARTED_PARALLEL               vanish       DISAPPEARED
    STARTED_PARALLEL_ASYNCHRONOUS  vanish       DISAPPEARED
    STARTED_SUBTASKS               vanish       DISAPPEARED
"""


def table(text: str) -> dict[tuple[str, str], str]:
    """Read a table; none of its lines may be there twice."""
    lines = [line.split() for line in text.strip().splitlines()]
    read = {(state, event): new for state, event, new in lines}
    assert len(read) == len(lines)
    return read


State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)
EXPECTED_JOBS, EXPECTED_STEPS = table(JOBS), table(STEPS)


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("event", JobEvent)
def test_a_job_moves_as_designed_and_not_otherwise(state: JobState, event: JobEvent) -> None:
    assert states.JOB_TRANSITIONS.get((state, event)) == EXPECTED_JOBS.get((state.value, event.value))


@pytest.mark.parametrize("state", StepState)
@pytest.mark.parametrize("event", StepEvent)
def test_a_step_moves_as_designed_and_not_otherwise(state: StepState, event: StepEvent) -> None:
    assert states.STEP_TRANSITIONS.get((state, event)) == EXPECTED_STEPS.get((state.value, event.value))


def test_the_tables_know_every_word_and_no_other() -> None:
    assert {event for _, event in EXPECTED_JOBS} == {event.value for event in JobEvent}
    assert {event for _, event in EXPECTED_STEPS} == {event.value for event in StepEvent}
    assert {*EXPECTED_JOBS.values(), *(state for state, _ in EXPECTED_JOBS)} == set(JobState)
    assert {*EXPECTED_STEPS.values(), *(state for state, _ in EXPECTED_STEPS)} == set(StepState)


def test_a_guarded_write_allows_what_the_table_allows() -> None:
    for event in JobEvent:
        assert {state.value for state in job_sources(event)} == {
            state for state, possible in EXPECTED_JOBS if possible == event.value
        }
    for step_event in StepEvent:
        assert {state.value for state in step_sources(step_event)} == {
            state for state, possible in EXPECTED_STEPS if possible == step_event.value
        }


def test_ended_jobs_have_no_way_out_and_all_others_have_one() -> None:
    assert {"FINISHED", "FINISHED_WARNING", "FAILED_TOTAL", "ABORTED"} == ENDED
    assert {state for state, _ in states.JOB_TRANSITIONS} == set(JobState) - ENDED


def test_ended_steps_have_no_way_out_and_all_others_have_one() -> None:
    ways_out = {state for state, _ in states.STEP_TRANSITIONS}
    assert set(StepState) - ways_out == {StepState.FINISHED, StepState.FAILED_FATAL}


def test_a_held_step_is_one_that_can_vanish() -> None:
    assert set(step_sources(StepEvent.VANISH)) == HELD
    assert all(state.value.startswith("STARTED") for state in HELD)


def reachable(first: Iterable[State], moves: Mapping[tuple[State, Event], State]) -> set[State]:
    """Return every state that some events lead to."""
    found, open_ = set(first), list(first)
    while open_:
        state = open_.pop()
        for (old, _), new in moves.items():
            if old is state and new not in found:
                found.add(new)
                open_.append(new)
    return found


def test_every_state_is_reachable() -> None:
    first = [JobState.READY, JobState.HOLD]
    assert reachable(first, states.JOB_TRANSITIONS) == set(JobState)
    assert reachable([StepState.NONE], states.STEP_TRANSITIONS) == set(StepState)


@pytest.mark.parametrize("state", sorted(set(JobState) - ENDED))
def test_every_job_can_come_to_an_end(state: JobState) -> None:
    assert reachable([state], states.JOB_TRANSITIONS) & ENDED


def drawing() -> tuple[str, str]:
    """Return the picture of a job and that of a step."""
    jobs, separator, steps = (states.__doc__ or "").partition("A step::")
    assert separator
    return jobs, steps


@pytest.mark.parametrize("state", JobState)
def test_the_drawing_of_a_job_names_the_state(state: JobState) -> None:
    assert re.search(rf"\b{state.value}\b", drawing()[0])


@pytest.mark.parametrize("state", StepState)
def test_the_drawing_of_a_step_names_the_state(state: StepState) -> None:
    words = set(re.findall(r"[A-Z_]{4,}\*?", drawing()[1]))
    # Of the two stars of the drawing, one is spelt out below it.
    assert state.value in words or ("STARTED_PARALLEL*" in words and state.value.startswith("STARTED_PARALLEL"))
