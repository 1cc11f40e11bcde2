"""For whom slots are kept."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vidijob.jobs.model import Priority
from vidijob.jobs.pools import Arrangement, Pool, Seat, arrange, levels

LOWEST, LOW, MEDIUM, HIGH, HIGHEST, IMMEDIATE = Priority

priorities = st.sampled_from([LOWEST, LOW, MEDIUM, HIGH, HIGHEST])
seats = st.lists(st.tuples(st.sampled_from(Priority), st.none() | priorities), max_size=12).map(
    lambda pairs: [Seat(number, kept_for, occupant) for number, (kept_for, occupant) in enumerate(pairs, 1)]
)
limits = st.integers(1, 8)
pools = st.dictionaries(priorities, st.integers(1, 3), max_size=4).map(
    lambda sizes: [Pool(threshold, size) for threshold, size in sizes.items()]
)


def after(before: list[Seat], change: Arrangement) -> list[Seat]:
    """Return the slots as they are after a change."""
    occupants = {seat.number: seat.occupant for seat in before}
    kept_for = {seat.number: seat.kept_for for seat in before} | change.kept_for
    return [
        Seat(number, level, occupants.get(number)) for number, level in kept_for.items() if number not in change.removed
    ]


def test_levels() -> None:
    assert levels(3, []) == [LOWEST] * 3
    assert levels(4, [Pool(LOW, 1), Pool(HIGH, 2)]) == [HIGH, HIGH, LOW, LOWEST]
    assert levels(2, [Pool(LOW, 1), Pool(HIGH, 2)]) == [HIGH, HIGH]


def test_slots_are_made_and_kept() -> None:
    change = arrange([], levels(3, [Pool(HIGH, 1)]))
    assert change.kept_for == {1: HIGH, 2: LOWEST, 3: LOWEST} and change.removed == ()


def test_a_slot_is_kept_although_low_jobs_sit_everywhere() -> None:
    # Three LOW jobs ran when one of three slots was to be kept for HIGH: the next that ends makes room for HIGH only.
    full = [Seat(number, LOWEST, LOW) for number in (1, 2, 3)]
    wanted = levels(3, [Pool(HIGH, 1)])
    arranged = after(full, arrange(full, wanted))
    assert Counter(seat.kept_for for seat in arranged) == Counter(wanted)
    ended = [Seat(seat.number, seat.kept_for, None if seat.number == 1 else LOW) for seat in arranged]
    (free,) = [seat for seat in after(ended, arrange(ended, wanted)) if seat.occupant is None]
    assert free.kept_for is HIGH


def test_a_high_job_that_was_lowered_gives_its_place_back() -> None:
    before = [Seat(1, HIGH, LOW), Seat(2, LOWEST, None)]
    arranged = {seat.number: seat.kept_for for seat in after(before, arrange(before, [HIGH, LOWEST]))}
    assert arranged == {1: LOWEST, 2: HIGH}


def test_fewer_slots_than_jobs() -> None:
    before = [Seat(number, LOWEST, MEDIUM) for number in (1, 2, 3, 4)] + [Seat(5, LOWEST, None)]
    change = arrange(before, [LOWEST, LOWEST])
    assert change.removed == (5,)
    # Nobody can take them once they are free.
    assert sorted(change.kept_for.values(), key=lambda level: level.rank) == [IMMEDIATE, IMMEDIATE]
    ended = [Seat(seat.number, seat.kept_for, None) for seat in after(before, change)]
    assert Counter(seat.kept_for for seat in after(ended, arrange(ended, [LOWEST, LOWEST]))) == {LOWEST: 2}


@given(seats, limits, pools)
def test_every_arrangement(before: list[Seat], limit: int, wanted_pools: list[Pool]) -> None:
    wanted = levels(limit, wanted_pools)
    change = arrange(before, wanted)
    arranged = after(before, change)
    taken = [seat for seat in arranged if seat.occupant is not None]
    free = [seat for seat in arranged if seat.occupant is None]
    # Nobody is thrown out, and no more may start than the limit has left.
    assert {seat.number for seat in before if seat.occupant is not None} == {seat.number for seat in taken}
    assert len(free) == max(0, limit - len(taken))
    assert all(seat.kept_for is not IMMEDIATE for seat in free)
    assert {(slot.number, slot.least_priority) for slot in change.free} == {
        (seat.number, seat.kept_for) for seat in free
    }
    # Once arranged, nothing is left to do.
    again = arrange(arranged, wanted)
    assert (again.kept_for, again.removed) == ({}, ())
    assert again.settled is change.settled
    assert change.settled is all(seat.occupant is None or seat.kept_for.rank <= seat.occupant.rank for seat in arranged)
    # What is free for everybody below a threshold never exceeds what the pools leave them.
    for threshold in Priority:
        below = sum(level.rank < threshold.rank for level in wanted)
        running = sum(seat.occupant is not None and seat.occupant.rank < threshold.rank for seat in taken)
        open_to_them = sum(seat.kept_for.rank < threshold.rank for seat in free)
        assert open_to_them <= max(0, below - running)
    if len(taken) <= limit:
        assert Counter(seat.kept_for for seat in arranged) == Counter(wanted)
