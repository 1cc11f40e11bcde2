"""Everything that can happen to two jobs within these bounds, in every order: nothing bad, and always a way to the end."""

from __future__ import annotations

import pytest

from tests.faults.explorer import Model, explore
from tests.faults.rules import Bounds

#: Each with how many states there are at least; a model that lost its moves would find nothing bad either.
SEARCHES = [
    (Bounds(faults=2), 6000),
    (Bounds(limit=2), 3000),
    (Bounds(faults=1, aborts=1), 7000),
    (Bounds(faults=0, limit=2, aborts=1, chain=False), 1000),
    (Bounds(faults=0, limit=1, waits=2, critical=False), 1000),
    (Bounds(faults=1, fails=1, chain=False), 6000),
    (Bounds(faults=1, fails=1, critical=False), 2000),
    (Bounds(faults=1, retries=1), 2000),
    (Bounds(faults=1, waits=1), 5000),
    (Bounds(faults=0, limit=1, waits=1, aborts=1, chain=False), 3000),
]


@pytest.mark.parametrize(("bounds", "least"), SEARCHES, ids=str)
def test_nothing_bad_can_happen_in_any_order(bounds: Bounds, least: int) -> None:
    found = explore(Model(bounds))
    assert found.bad is None, [found.bad, *found.way]
    assert found.states >= least
    assert found.moves > found.states
