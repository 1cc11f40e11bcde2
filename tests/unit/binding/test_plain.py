"""JSON that has no class of its own: bounded, and storable."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.binding import plain

SCALARS = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


@given(st.recursive(SCALARS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20))
def test_what_can_be_stored_is_read(value: object) -> None:
    assert plain.read(json.dumps(value), longest=10**6, deepest=50) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "[Infinity]", "-Infinity", '"\\u0000"', '{"\\u0000": 1}', '"\\ud800"', '["a", {"b": "\\udfff"}]', "1" * 19, "9" * 5000,
     "[" * 100_000, '{"a":' * 100_000, "[" * 21 + "]" * 21, "'a'", "[1,]", "[1] 2"],
)  # fmt: skip
def test_what_cannot_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        plain.read(text, longest=10**6)


def test_its_length_is_limited() -> None:
    assert plain.read('"abc"', longest=5) == "abc"
    with pytest.raises(ValueError, match="more than 4"):
        plain.read('"abc"', longest=4)
