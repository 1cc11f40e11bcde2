"""A figure: two things done by turns, and the ratio of their medians. It does not know what they are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Deed = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of one thing, beside another."""

    name: str
    #: Medians, in milliseconds.
    this: float
    other: float
    #: What the other thing was.
    beside: str
    #: What there is to say of it, with its unit.
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times as long as the other it took."""
        return self.this / self.other


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
