"""Which group a job is of, and who is admitted where groups have limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.jobs import policy
from vidijob.jobs.model import JobId, Priority
from vidijob.jobs.policy import Admission, Slot
from vidijob.jobs.task_groups import Candidate, JobFilter, Selection, TaskGroup, data_keys, group_of, in_order


def job(id: int = 1, priority: Priority = Priority.MEDIUM, **given: Any) -> Candidate:
    """Return a job of type WORK that belongs to ann."""
    values: dict[str, Any] = {"type": "WORK", "owner": "ann", "groups": frozenset(), "data": {}, **given}
    return Candidate(JobId(id), priority, **values)


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        (JobFilter(), True),
        (JobFilter(types=("OTHER", "WORK")), True),
        (JobFilter(types=("OTHER",)), False),
        (JobFilter(types=("OTHER",), users=("ann",)), True),
        (JobFilter(priorities=(Priority.MEDIUM,)), True),
        (JobFilter(priorities=(Priority.LOW,)), False),
        (JobFilter(groups=("cutters",)), True),
        (JobFilter(groups=("others",)), False),
        (JobFilter(data=(("a", None),)), True),
        (JobFilter(data=(("a", "2"),)), True),
        (JobFilter(data=(("a", "3"),)), False),
        (JobFilter(data=(("b", None),)), False),
        (JobFilter(data=(("a", ""),)), False),
    ],
)
def test_a_condition(condition: JobFilter, fits: bool) -> None:
    assert condition.fits(job(groups=frozenset({"cutters"}), data={"a": ["1", "2"]})) is fits


def test_all_conditions_of_a_group_must_be_met_and_the_first_group_counts() -> None:
    both = TaskGroup("both", filters=(JobFilter(types=("WORK",)), JobFilter(users=("bob",))))
    one = TaskGroup("one", filters=(JobFilter(types=("WORK",)),))
    everything = TaskGroup("all", Priority.LOW)
    ordered = in_order([everything, one, both])
    assert [group.name for group in ordered] == ["both", "one", "all"]
    assert group_of(job(), ordered) is one
    assert group_of(job(owner="bob"), ordered) is both
    assert group_of(job(type="OTHER"), ordered) is everything
    assert group_of(job(type="OTHER"), [one, both]) is None
    assert [group.name for group in in_order([one, TaskGroup("high", Priority.HIGH)])] == ["high", "one"]


def test_the_data_that_conditions_are_about() -> None:
    groups = [TaskGroup("a", filters=(JobFilter(data=(("x", None), ("y", "1"))),)), TaskGroup("b")]
    assert data_keys(groups) == ["x", "y"]


def slots(number: int) -> list[Slot]:
    return [Slot(place, Priority.LOWEST) for place in range(1, number + 1)]


def test_places_are_given_until_the_group_is_full() -> None:
    group = TaskGroup("g", max_concurrency=3, filters=(JobFilter(users=("ann",)),))
    selection = Selection([group], slots(5), {"g": {1, 3}})
    for id in (1, 2):
        selection.offer(job(id))
    selection.offer(job(3, owner="bob"))
    selection.offer(job(4, Priority.IMMEDIATE))
    assert selection.chosen == [
        Admission(JobId(1), 1, "g", 2), Admission(JobId(3), 2), Admission(JobId(4), None),
    ]  # fmt: skip


@pytest.mark.parametrize(("limit", "taken"), [(0, set()), (1, {4}), (2, {7, 9}), (2, {3, 4, 5})])
def test_a_smaller_limit_admits_nobody_until_enough_have_ended(limit: int, taken: set[int]) -> None:
    selection = Selection([TaskGroup("g", max_concurrency=limit)], slots(5), {"g": taken})
    selection.offer(job())
    assert selection.chosen == []


def test_a_group_without_a_limit_takes_no_place() -> None:
    selection = Selection([TaskGroup("g"), TaskGroup("h", max_concurrency=0)], slots(1), {})
    selection.offer(job())
    assert selection.chosen == [Admission(JobId(1), 1)]


@given(st.lists(st.sampled_from(Priority), max_size=12), st.lists(st.sampled_from(list(Priority)[:-1]), max_size=6))
def test_without_limits_it_chooses_as_the_policy_does(queue: list[Priority], kept: list[Priority]) -> None:
    queue.sort(key=lambda priority: priority.rank, reverse=True)
    free = [Slot(number, level) for number, level in enumerate(kept, 1)]
    jobs = [(JobId(number), priority) for number, priority in enumerate(queue, 1)]
    selection = Selection([], free, {})
    for id, priority in jobs:
        selection.offer(job(id, priority))
    assert selection.chosen == policy.admissions(jobs, free)
