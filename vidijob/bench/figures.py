"""A figure: two things done by turns, and the ratio of their medians. It does not know what they are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Deed = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of one thing, beside another."""

    name: str
    #: Medians.
    this: float
    other: float
    #: What the other thing was.
    beside: str
    #: What there is to say of it, with its unit.
    note: str = ""
    #: What the two are measured in.
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """How many times as much as the other it is."""
        return self.this / self.other


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    rounds: int
    #: Jobs in each round, of those that are fast.
    jobs: int
    #: Is told how far it is, where it takes long.
    told: Callable[[str], None] = lambda _: None

    def part(self, share: int) -> int:
        """Return a share of the jobs."""
        return max(self.jobs // share, 1)


async def by_turns(this: Deed, other: Deed, rounds: int) -> tuple[float, float]:
    """Do two things by turns, once without a watch; returns the medians of how long they took, in milliseconds."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for deed, times in zip((this, other), taken, strict=True):
            begun = time.perf_counter()
            await deed()
            if turn:
                times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken[0]), statistics.median(taken[1])


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share of some values does not exceed."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
