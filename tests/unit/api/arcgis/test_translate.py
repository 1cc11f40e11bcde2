"""The words of ArcGIS for what a job is."""

from __future__ import annotations

from itertools import product

from vidijob.api.arcgis.translate import STATUS
from vidijob.jobs.states import ENDED, JOB_TRANSITIONS, JobState

#: How far a job is, by its status.
RANK = {"SUBMITTED": 0, "EXECUTING": 1, "CANCELLING": 2, "COMPLETED": 3, "FAILED": 3, "CANCELLED": 3}


def test_every_state_has_a_status() -> None:
    assert set(STATUS) == set(product(JobState, (False, True)))
    assert set(STATUS.values()) == set(RANK)


def test_what_has_ended_has_and_nothing_else() -> None:
    for (state, _), status in STATUS.items():
        assert (RANK[status] == 3) is (state in ENDED)


def test_a_status_never_goes_back_once_a_step_has_begun() -> None:
    for (before, _), after in JOB_TRANSITIONS.items():
        assert RANK[STATUS[before, True]] <= RANK[STATUS[after, True]]
