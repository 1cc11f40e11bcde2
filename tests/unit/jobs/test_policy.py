"""Who is admitted, and how often and when a step is tried again."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.jobs.model import JobId, Priority, RetryPolicy
from vidijob.jobs.policy import Admission, Queued, Slot, admissions, aged, in_order, retry_delay, retry_policy

LOWEST, LOW, MEDIUM, HIGH, HIGHEST, IMMEDIATE = Priority


def queue(*priorities: Priority) -> list[tuple[JobId, Priority]]:
    """Return jobs 1, 2, … of these priorities, in the queue's order."""
    jobs = [(JobId(number), priority) for number, priority in enumerate(priorities, 1)]
    return sorted(jobs, key=lambda job: (-job[1].rank, job[0]))


def slots(*least: Priority) -> list[Slot]:
    """Return slots 1, 2, … of these least priorities."""
    return [Slot(number, priority) for number, priority in enumerate(least, 1)]


def given_slots(admitted: list[Admission]) -> dict[int, int | None]:
    return {admission.job: admission.slot for admission in admitted}


def test_priorities_rank_in_their_order() -> None:
    assert [priority.rank for priority in (LOWEST, LOW, MEDIUM, HIGH, HIGHEST, IMMEDIATE)] == [0, 1, 2, 3, 4, 5]


def test_without_a_queue_or_without_a_slot_nobody_is_admitted() -> None:
    assert admissions([], slots(LOWEST)) == []
    assert admissions(queue(MEDIUM, HIGHEST), []) == []


def test_the_limit_is_the_number_of_slots_and_the_head_goes_first() -> None:
    admitted = admissions(queue(LOW, HIGH, MEDIUM, HIGH), slots(LOWEST, LOWEST, LOWEST))
    assert [admission.job for admission in admitted] == [2, 4, 3]
    assert sorted(given_slots(admitted).values(), key=str) == [1, 2, 3]


def test_immediate_jobs_take_no_slot_and_are_always_admitted() -> None:
    assert given_slots(admissions(queue(IMMEDIATE, IMMEDIATE), [])) == {1: None, 2: None}
    assert given_slots(admissions(queue(IMMEDIATE, LOW), slots(LOWEST))) == {1: None, 2: 1}


def test_a_kept_slot_stays_empty_for_lower_priorities() -> None:
    assert admissions(queue(LOW, LOWEST), slots(HIGH)) == []
    assert given_slots(admissions(queue(MEDIUM, MEDIUM), slots(LOWEST, HIGH))) == {1: 1}


def test_a_high_job_takes_the_slot_kept_for_it_and_leaves_the_common_one() -> None:
    assert given_slots(admissions(queue(MEDIUM, HIGHEST), slots(LOWEST, HIGH))) == {2: 2, 1: 1}


def test_a_job_of_exactly_the_least_priority_may_take_the_slot() -> None:
    assert given_slots(admissions(queue(HIGH), slots(HIGH))) == {1: 1}


def test_of_equal_jobs_the_older_goes_first() -> None:
    assert given_slots(admissions(queue(MEDIUM, HIGHEST, MEDIUM), slots(HIGHEST, LOW))) == {2: 1, 1: 2}


QUEUES = st.lists(st.sampled_from(Priority), max_size=12).map(lambda priorities: queue(*priorities))
FREE = st.lists(st.sampled_from([LOWEST, LOW, MEDIUM, HIGH, HIGHEST]), max_size=8).map(lambda least: slots(*least))


@given(waiting=QUEUES, free=FREE)
def test_each_job_is_admitted_once_into_a_slot_of_its_own_that_it_may_take(
    waiting: list[tuple[JobId, Priority]], free: list[Slot]
) -> None:
    admitted = admissions(waiting, free)
    priorities, least = dict(waiting), {slot.number: slot.least_priority for slot in free}
    jobs = [admission.job for admission in admitted]
    taken = [admission.slot for admission in admitted if admission.slot is not None]
    assert len(set(jobs)) == len(jobs) and set(jobs) <= set(priorities)
    assert len(set(taken)) == len(taken) and set(taken) <= set(least)
    for admission in admitted:
        if admission.slot is None:
            assert priorities[admission.job] is IMMEDIATE
        else:
            assert priorities[admission.job] is not IMMEDIATE
            assert priorities[admission.job].rank >= least[admission.slot].rank


@given(waiting=QUEUES, free=FREE)
def test_nobody_is_overtaken_and_no_slot_stays_empty_that_somebody_may_take(
    waiting: list[tuple[JobId, Priority]], free: list[Slot]
) -> None:
    given = given_slots(admissions(waiting, free))
    least = {slot.number: slot.least_priority.rank for slot in free}
    for place, (job, priority) in enumerate(waiting):
        if job in given:
            continue
        assert priority is not IMMEDIATE
        behind = {given[later] for later, _ in waiting[place + 1 :] if later in given}
        empty = set(least) - set(given.values())
        assert not [number for number in behind | empty if number is not None and least[number] <= priority.rank]


@given(waiting=QUEUES, free=FREE)
def test_as_many_are_admitted_as_can_be(waiting: list[tuple[JobId, Priority]], free: list[Slot]) -> None:
    # Slots are nested: at most so many jobs of a rank or below fit into the slots that they may take at all.
    ranks = [priority.rank for _, priority in waiting if priority is not IMMEDIATE]
    most = 0
    for least in sorted((slot.least_priority.rank for slot in free), reverse=True):
        fitting = [rank for rank in ranks if rank >= least]
        if fitting:
            ranks.remove(max(fitting))
            most += 1
    taken = [slot for slot in given_slots(admissions(waiting, free)).values() if slot is not None]
    assert len(taken) == most


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, RetryPolicy(5, seconds(1), timeout=None)),
        ({"retries": "0"}, RetryPolicy(0)),
        ({"retries": "12", "retryDelay": "0.25", "timeout": "90"}, RetryPolicy(12, seconds(0.25), timeout=seconds(90))),
        ({"retryDelay": "0"}, RetryPolicy(delay=seconds(0))),
        ({"timeout": " 5 "}, RetryPolicy(timeout=seconds(5))),
        ({"retries": "2.9"}, RetryPolicy(2)),
        ({"Retries": "1", "resources": "GPU=1"}, RetryPolicy()),
    ],
)
def test_a_policy_is_read(metadata: dict[str, str], expected: RetryPolicy) -> None:
    assert retry_policy(metadata) == expected


@pytest.mark.parametrize("key", ["retries", "retryDelay", "timeout"])
@pytest.mark.parametrize(
    "text", ["", " ", "many", "-1", "nan", "inf", "-inf", "1e9", "1e400", "1,5", "0x5", "5 s", "\x00"]
)
def test_what_cannot_be_read_counts_as_not_given(key: str, text: str) -> None:
    assert retry_policy({key: text}) == RetryPolicy()


def test_no_time_is_no_timeout() -> None:
    # A step that may take no time at all could never end.
    assert retry_policy({"timeout": "0"}).timeout is None


@given(
    st.dictionaries(st.sampled_from(["retries", "retryDelay", "timeout"]), st.text(max_size=6) | st.floats().map(str))
)
def test_any_metadata_gives_a_policy_that_can_be_followed(metadata: dict[str, str]) -> None:
    policy = retry_policy(metadata)
    assert policy.retries >= 0
    assert policy.delay >= timedelta()
    assert policy.timeout is None or policy.timeout >= timedelta()


@given(
    delay=st.floats(0, 3600).map(seconds),
    longest=st.floats(0, 3600).map(seconds),
    retries=st.integers(0, 10_000),
    seed=st.integers(),
)
def test_a_delay_is_at_least_half_of_the_doubled_one_and_at_most_the_longest(
    delay: timedelta, longest: timedelta, retries: int, seed: int
) -> None:
    found = retry_delay(RetryPolicy(delay=delay, longest_delay=longest), retries, random.Random(seed))
    whole = min(delay.total_seconds() * 2.0 ** min(retries, 40), max(longest, delay).total_seconds())
    assert whole / 2 - 1e-5 <= found.total_seconds() <= whole + 1e-5


class Always(random.Random):
    """Chance that does not vary: always so far between the two ends."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        """Return the same place of any range."""
        return a + (b - a) * self.share


@pytest.mark.parametrize(("share", "first"), [(0.0, 0.5), (1.0, 1.0)])
def test_the_delay_doubles_until_it_is_the_longest(share: float, first: float) -> None:
    delays = [retry_delay(RetryPolicy(), retries, Always(share)).total_seconds() for retries in range(11)]
    assert delays == [first * min(2**retries, 300) for retries in range(11)]


def test_two_that_failed_together_are_not_tried_together() -> None:
    delays = {retry_delay(RetryPolicy(), 3, random.Random(seed)) for seed in range(20)}
    assert len(delays) > 10


@pytest.mark.parametrize(
    ("priority", "waited", "expected"),
    [
        (Priority.LOWEST, 0, Priority.LOWEST),
        (Priority.LOWEST, 59.9, Priority.LOWEST),
        (Priority.LOWEST, 60, Priority.LOW),
        (Priority.LOWEST, 190, Priority.HIGH),
        (Priority.LOWEST, 1e9, Priority.HIGHEST),
        (Priority.HIGHEST, 1e9, Priority.HIGHEST),
        (Priority.IMMEDIATE, 1e9, Priority.IMMEDIATE),
        (Priority.LOW, -5, Priority.LOW),
    ],
)
def test_a_job_ages(priority: Priority, waited: float, expected: Priority) -> None:
    job = Queued(JobId(1), priority, waited)
    assert aged(job, timedelta(minutes=1)) == expected.rank
    assert aged(job, None) == priority.rank


def test_among_equals_the_older_goes_first() -> None:
    old, new = Queued(JobId(1), Priority.LOWEST, 300), Queued(JobId(2), Priority.HIGHEST, 0)
    urgent = Queued(JobId(3), Priority.IMMEDIATE)
    assert in_order([new, old, urgent], timedelta(minutes=1)) == [urgent, old, new]
    assert in_order([new, old, urgent], None) == [urgent, new, old]
