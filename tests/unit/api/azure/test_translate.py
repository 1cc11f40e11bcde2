"""The maps of states and priorities are total, agree with each other, and never go back."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.api.azure.documents import JOB
from vidijob.api.azure.translate import (
    FINAL,
    JID,
    JOB_STATES,
    NAMES,
    PRIORITIES,
    STATES_IN_SQL,
    STEP_STATES,
    TOLD,
    job_condition,
    priority_of,
)
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.expressions import evaluate
from vidijob.jobs.following import Place
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import Event, JobId, Priority, StepNumber
from vidijob.jobs.states import ENDED, JOB_TRANSITIONS, STEP_TRANSITIONS, JobState, StepState
from vidijob.odata.query import read_filter

RANK = (0, 1, 2, 4, 4, 4, 3)
RUNS = (JobState.STARTED, JobState.VIDINET_JOB, JobState.WAITING)
UUIDS = Uuids(b"k" * 32)


def test_every_state_has_a_number_and_every_number_a_name() -> None:
    assert set(JOB_STATES) == set(product(JobState, (0, 1, 2)))
    assert set(STEP_STATES) == set(StepState)
    assert set(JOB_STATES.values()) == set(range(len(NAMES)))
    assert {f"{state}/{stage}": number for (state, stage), number in JOB_STATES.items()} == STATES_IN_SQL


def test_what_has_ended_is_final_and_nothing_else() -> None:
    for (state, _), number in JOB_STATES.items():
        assert (number in FINAL) is (state in ENDED)


def test_a_job_never_goes_back() -> None:
    for (before, _), after in JOB_TRANSITIONS.items():
        for stage, later in product((0, 1, 2), repeat=2):
            # Whoever runs or waits has been admitted.
            if stage >= int(before in RUNS) and later >= max(stage, int(after in RUNS)):
                assert RANK[JOB_STATES[before, stage]] <= RANK[JOB_STATES[after, later]]


def test_a_step_goes_back_only_to_wait() -> None:
    for (before, _), after in STEP_TRANSITIONS.items():
        assert STEP_STATES[before] <= STEP_STATES[after] or after is StepState.WAITING


@given(st.lists(st.tuples(st.sampled_from([None, 10, 20]), st.integers(0, 20)), max_size=30))
def test_what_is_told_of_any_events_never_goes_back_and_ends_once(events: list[tuple[int | None, int]]) -> None:
    told = [_event(step, list(JobState if step is None else StepState)[n % 10].value) for step, n in events]
    place, last = Place.read(TOLD, None), dict.fromkeys((None, 10, 20), 0)
    for event in told:
        place = Place.read(TOLD, str(place))
        for change in place.go_on([event], (10, 20)):
            assert last[change.step] == change.old and RANK[change.new] > RANK[change.old]
            last[change.step] = change.new
    assert last[None] == place.job
    # A job that has ended has no task that has not.
    assert last[None] not in FINAL or all(last[step] in FINAL for step in (10, 20))
    assert sum(last[step] in FINAL for step in last) <= 3


def _event(step: int | None, new: str) -> Event:
    number = None if step is None else StepNumber(step)
    return Event(1, datetime(2026, 1, 1, tzinfo=UTC), JobId(1), number, None, new, "user", None)


@given(st.integers(-(2**31), 2**31 - 1))
def test_every_number_has_a_band_in_its_order(number: int) -> None:
    band = priority_of(number)
    assert band is not Priority.IMMEDIATE
    assert priority_of(min(number + 1, 2**31 - 1)).rank >= band.rank


def test_bands_and_numbers_agree() -> None:
    assert set(PRIORITIES) == set(Priority)
    for band, number in PRIORITIES.items():
        assert priority_of(number) is (Priority.HIGHEST if band is Priority.IMMEDIATE else band)
    bounds = {-20: "LOWEST", -19: "LOW", -1: "LOW", 0: "MEDIUM", 9: "MEDIUM", 10: "HIGH", 19: "HIGH", 20: "HIGHEST"}
    assert {number: priority_of(number).value for number in bounds} == bounds


@pytest.mark.parametrize("sign", ["eq", "ne", "gt", "ge", "lt", "le"])
@pytest.mark.parametrize("number", [-1, 0, 1, 2, 3, 5, 6, 7, 2.5])
def test_a_condition_on_the_state_is_asked_of_the_core_as_it_was_meant(sign: str, number: float) -> None:
    for text in (f"State {sign} {number}", f"{number} {sign} State"):
        wanted = read_filter(text, JOB.fields)
        asked = job_condition(wanted, UUIDS)
        for (state, _), shown in JOB_STATES.items():
            row = {"State": float(shown), "JobState": state.value}
            assert evaluate(asked, row) is evaluate(wanted, row)


def test_ids() -> None:
    uuid = UUIDS.of_job(JobId(7))
    text = JID.of(uuid)
    assert text == f"nb:jid:UUID:{uuid}"
    assert JID.uuid(text) == JID.uuid(text.replace(":", "%3A")) == JID.read(text) == uuid
    assert JID.linked(f"https://media.windows.net/api/Jobs('{text.replace(':', '%253A')}')") == uuid
    for wrong in ("", "junk", text.replace("jid", "tid"), text[:-1], "nb:jid:UUID:" + "g" * 36):
        assert JID.read(wrong) is None
        with pytest.raises(NotFound):
            JID.uuid(wrong)
        with pytest.raises(Invalid):
            JID.linked(wrong)
