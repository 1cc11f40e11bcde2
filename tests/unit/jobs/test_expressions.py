"""Conditions that are made into others mean the same."""

from __future__ import annotations

import random

import pytest

from tests.unit.odata.filters import FIELDS, a_filter, a_row
from vidijob.jobs.expressions import (
    Among,
    Comparison,
    Expression,
    Field,
    Kind,
    Literal,
    Sign,
    evaluate,
    mapped,
    spread,
    turned,
)
from vidijob.odata.query import read_filter


def test_a_condition_with_its_comparisons_turned_means_the_same() -> None:
    chance = random.Random(7)

    def change(part: Expression) -> Expression | None:
        return turned(part) if isinstance(part, Comparison) else None

    others = 0
    for _ in range(300):
        tree = read_filter(a_filter(chance)[0], FIELDS)
        other = mapped(tree, change)
        others += other != tree
        assert mapped(tree, lambda part: None) == tree
        for row in (a_row(chance) for _ in range(10)):
            assert evaluate(other, row) is evaluate(tree, row)
    assert others > 200


@pytest.mark.parametrize("sign", list(Sign))
def test_a_comparison_is_spread_over_what_its_values_come_from(sign: Sign) -> None:
    values = {"a": {0.0, 1.0}, "b": {1.0}, "c": {2.0, 3.0}, "d": {3.0}}
    for number in (-1.0, 0.0, 1.0, 2.0, 2.5, 3.0, 4.0):
        wanted = Comparison(sign, Field("State", Kind.NUMBER), Literal(number, Kind.NUMBER))
        asked = spread(wanted, "State", values, Field("Core", Kind.TEXT))
        for core, states in values.items():
            for state in states:
                row = {"State": state, "Core": core}
                assert evaluate(asked, row) is evaluate(wanted, row)
        if isinstance(asked, Among):
            # Where the other field alone tells, nothing else is looked at.
            assert all(len({evaluate(wanted, {"State": one}) for one in states}) == 1 for states in values.values())
