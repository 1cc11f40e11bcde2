"""How many jobs run at once, and for whom places among them are kept: pure arithmetic.

There are as many slots as jobs may run at once. A pool of some size and threshold keeps so many of them for jobs of at
least that priority; the rest are for everybody. A slot says for whom it is kept, and that can change while a job sits in
it: what counts is how many of each kind there are beside the jobs that run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidijob.jobs.model import Priority
from vidijob.jobs.policy import Slot


@dataclass(frozen=True, slots=True)
class Pool:
    """So many slots are kept for jobs of at least this priority."""

    threshold: Priority
    size: int


@dataclass(frozen=True, slots=True)
class Seat:
    """A slot as it is now."""

    number: int
    kept_for: Priority
    #: The priority of the job in it, if there is one.
    occupant: Priority | None


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What has to change about the slots."""

    #: Slots to be kept for another priority than now; a number that is not there yet is a new slot.
    kept_for: dict[int, Priority]
    #: Free slots that are too many.
    removed: tuple[int, ...]
    #: The slots that a job may be put in, once this is done.
    free: tuple[Slot, ...]
    #: Whether every job that runs sits where it may; else a slot that becomes free is nobody's until the next arrangement.
    settled: bool


def levels(concurrent_jobs: int, pools: Sequence[Pool]) -> list[Priority]:
    """Return for whom each slot is kept, the highest first; where pools want more than there is, the highest get it."""
    kept = [
        pool.threshold
        for pool in sorted(pools, key=lambda pool: pool.threshold.rank, reverse=True)
        for _ in range(pool.size)
    ]
    return (kept + [Priority.LOWEST] * concurrent_jobs)[:concurrent_jobs]


def arrange(seats: Sequence[Seat], wanted: Sequence[Priority]) -> Arrangement:
    """Bring slots to the levels that are wanted.

    Each job that runs takes up the highest level that its priority may have, the highest jobs first; what is left goes to
    the free slots. Jobs that fit none sit there until they end, and while there are more jobs than slots no new one is
    made: a slot too many that is taken is kept for IMMEDIATE, which nobody can take, and goes when it is free.
    """
    left = sorted(wanted, key=lambda level: level.rank, reverse=True)
    target: dict[int, Priority] = {}
    misplaced = []
    taken = [(seat, seat.occupant) for seat in seats if seat.occupant is not None]
    # Among equals the order of now stays, so that nothing is written without need.
    taken.sort(key=lambda pair: (-pair[1].rank, -_claim(pair[0], pair[1]), pair[0].number))
    for seat, priority in taken:
        fitting = next((level for level in left if level.rank <= priority.rank), None)
        if fitting is None:
            misplaced.append(seat)
        else:
            left.remove(fitting)
            target[seat.number] = fitting
    # They take up the lowest levels that are left: the highest stay free for whom they are kept.
    place = max(len(left) - len(misplaced), 0)
    left, lost = left[:place], left[place:]
    lost += [Priority.IMMEDIATE] * (len(misplaced) - len(lost))
    _match(list(misplaced), lost, target)
    spare = [seat for seat in seats if seat.occupant is None]
    _match(spare, left, target)
    used = {seat.number for seat in seats}
    number = 1
    for level in left:
        while number in used:
            number += 1
        used.add(number)
        target[number] = level
    now = {seat.number: seat.kept_for for seat in seats}
    occupied = {seat.number for seat in seats if seat.occupant is not None}
    return Arrangement(
        kept_for={number: level for number, level in target.items() if now.get(number) is not level},
        removed=tuple(seat.number for seat in spare),
        free=tuple(Slot(number, level) for number, level in target.items() if number not in occupied),
        settled=not misplaced,
    )


def _claim(seat: Seat, priority: Priority) -> int:
    """Return how high a job's slot is kept now, if the job may have it."""
    return seat.kept_for.rank if seat.kept_for.rank <= priority.rank else -1


def _match(seats: list[Seat], levels: list[Priority], target: dict[int, Priority]) -> None:
    """Give levels to slots, those that a slot has already first; what finds no partner is left in the lists."""
    for seat in list(seats):
        if seat.kept_for in levels:
            levels.remove(seat.kept_for)
            seats.remove(seat)
            target[seat.number] = seat.kept_for
    while seats and levels:
        target[seats.pop(0).number] = levels.pop(0)
