"""The words of the MPS face and those of the domain: the maps are total, and lead back to where they came from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.api.alibaba import translate
from vidijob.api.alibaba.faults import TABLE, Fault
from vidijob.api.alibaba.translate import (
    CANCELLED,
    FAIL,
    PRIORITIES,
    STATES,
    SUBMITTED,
    SUCCESS,
    TRANSCODING,
    UNCANCELLABLE,
)
from vidijob.executors.buckets import Buckets
from vidijob.jobs.model import CurrentStep, Job, JobId, Priority
from vidijob.jobs.states import ENDED, JobState, StepState

STEP = CurrentStep("Transcoding", 3, StepState.STARTED)
NAMES = {SUBMITTED, TRANSCODING, SUCCESS, FAIL, CANCELLED}


def job(state: JobState, begun: bool, priority: Priority = Priority.MEDIUM) -> Job:
    now = datetime.now(UTC)
    return Job(JobId(1), "TRANSCODE", "ann", state, priority, now, None, {}, 5, STEP if begun else None)


@given(state=st.sampled_from(JobState), begun=st.booleans())
def test_every_state_has_a_name_and_is_found_by_it(state: JobState, begun: bool) -> None:
    shown = translate.shown_state(job(state, begun))
    assert shown in NAMES
    assert state in translate.core_states(shown)
    # What has ended looks ended, whatever it did before; what has not, does not look as if it had done well or badly.
    if state in ENDED:
        assert STATES[state][0] == STATES[state][1] and shown in (SUCCESS, FAIL, CANCELLED)
    else:
        assert shown in (SUBMITTED, TRANSCODING, CANCELLED)
    # A job never goes back to Submitted once it has begun; HOLD is before the beginning of all.
    assert not begun or shown != SUBMITTED or state is JobState.HOLD
    assert (shown in UNCANCELLABLE) == (shown not in (SUBMITTED, CANCELLED))


def test_the_states_are_all_there_and_nothing_else() -> None:
    assert set(STATES) == set(JobState)
    assert {name for names in STATES.values() for name in names} == NAMES
    assert set(UNCANCELLABLE.values()) <= set(TABLE)
    with pytest.raises(Fault, match="State"):
        translate.core_states("READY")


@given(number=st.integers(-5, 15))
def test_every_number_has_a_priority_and_no_other(number: int) -> None:
    if 1 <= number <= 10:
        assert number in PRIORITIES[translate.core_priority(number)]
    else:
        with pytest.raises(Fault) as refused:
            translate.core_priority(number)
        assert refused.value.code == "InvalidParameter.OutOfRange"


def test_priorities_lead_back_and_keep_their_order() -> None:
    assert set(PRIORITIES) == set(Priority)
    for priority, numbers in PRIORITIES.items():
        if priority is not Priority.IMMEDIATE:
            assert translate.core_priority(numbers[0]) is priority
    ranks = [translate.core_priority(number).rank for number in range(1, 11)]
    assert ranks == sorted(ranks) and Priority.IMMEDIATE.rank not in ranks
    assert translate.core_priority(translate.DEFAULT_PRIORITY) is Priority.MEDIUM
    shown = [PRIORITIES[priority][0] for priority in Priority]
    assert shown == sorted(shown)


@pytest.mark.parametrize(
    ("told", "state", "percent"),
    [("43.5", JobState.STARTED, 43), ("100", JobState.STARTED, 99), ("100", JobState.FINISHED, 100), ("x", JobState.STARTED, 0),
     ("1e9", JobState.STARTED, 0), ("", JobState.READY, 0), ("50", JobState.FINISHED_WARNING, 100)],
)  # fmt: skip
def test_percent(told: str, state: JobState, percent: int) -> None:
    from vidijob.jobs.identity import Uuids

    one = replace(job(state, True), data={"transcodeProgress": [told]} if told else {})
    assert translate.job(one, None, Uuids(b"k"), Buckets((Path("/media"),))).percent == percent


def test_placeholders_stand_for_the_name_of_the_source() -> None:
    def made(pattern: str, source: str) -> str:
        return translate.output({"OutputObject": pattern, "TemplateId": "mp4"}, source).path

    assert made("{ObjectPrefix}{FileName}{ExtName}.mp4", "a/b c.d.mov") == "a/b c.d.mov.mp4"
    assert made("x/{FileName}", "noending") == "x/noending"
    assert made("{ObjectPrefix}%41{Unknown}", "top.mov") == "A{Unknown}"
