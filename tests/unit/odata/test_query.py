"""The query options: what is read, and what is refused with its place."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.odata.filters import FIELDS, a_filter
from vidijob.errors import Invalid
from vidijob.jobs.expressions import Applied, Comparison, Field, Function, Junction, Kind, Literal, Negation, Sign
from vidijob.odata.query import MOST, read_filter, read_options, read_order, read_time

NAME = Field("Name", Kind.TEXT)


def test_and_is_tighter_than_or() -> None:
    a, b, c = (Comparison(Sign.EQUAL, NAME, Literal(text, Kind.TEXT)) for text in "abc")
    assert read_filter("Name eq 'a' or Name eq 'b' and Name eq 'c'", FIELDS) == Junction(
        False, (a, Junction(True, (b, c)))
    )
    assert read_filter("(Name eq 'a' or Name eq 'b') and Name eq 'c'", FIELDS) == Junction(
        True, (Junction(False, (a, b)), c)
    )


def test_what_is_looked_for_comes_first_only_in_substringof() -> None:
    needle = Literal("x", Kind.TEXT)
    assert read_filter("substringof('x',Name)", FIELDS) == Applied(Function.HOLDS, (NAME, needle))
    assert read_filter("startswith(Name,'x')", FIELDS) == Applied(Function.STARTS, (NAME, needle))
    assert read_filter("not endswith(Name,'x')", FIELDS) == Negation(Applied(Function.ENDS, (NAME, needle)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s'", "it's"),
        ("''", ""),
        ("5L", 5.0),
        ("-1.5d", -1.5),
        ("2e3", 2000.0),
        ("datetime'2013-04-22T19:33:32'", datetime(2013, 4, 22, 19, 33, 32, tzinfo=UTC)),
        ("datetime'2015-01-19T08:04:34.3287057Z'", datetime(2015, 1, 19, 8, 4, 34, 328705, tzinfo=UTC)),
        ("datetime'2013-04-22T19:33'", datetime(2013, 4, 22, 19, 33, tzinfo=UTC)),
        ("datetimeoffset'2013-04-22T19:33:32+02:00'", datetime(2013, 4, 22, 17, 33, 32, tzinfo=UTC)),
        ("guid'7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab'", UUID("7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab")),
        ("true", True),
    ],
)
def test_a_literal_is_a_value(text: str, value: object) -> None:
    condition = read_filter(f"{text} eq {text}", FIELDS)
    assert isinstance(condition, Comparison) and isinstance(condition.left, Literal)
    assert condition.left.value == value


@pytest.mark.parametrize(
    "text",
    [
        "Name", "Name eq", "Name eq 'a", "eq 'a'", "Name = 'a'", "Name eq 'a' or", "Name eq 5", "Priority eq 'x'", "(Name eq 'a'",
        "Name eq 'a')", "Nam eq 'a'", "startswith(Name)", "startswith(Name,5)", "tolower(Name,Name) eq 'a'", "not Name", "Name and Name",
        "Name eq 'a'; DROP TABLE job", "Name eq 'a' -- ", "Created gt datetime'yesterday'", "Created gt datetime'2013-13-01T00:00:00'",
        "Priority gt 1e999", "guid'x' eq guid'x'", "Name eq 'a\x00'", "Name eq '\ud800'", "indexof(Name,'a') eq 1", "Name/x eq 'a'",
        "(" * 5000, "not " * 2000 + "true", "tolower(" * 1000, "'a' eq " * 1400, "Name eq 'a' " * 2, "5", "null", "Priority eq 12abc",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_filter(text, FIELDS)
    assert refused.value.context == "$filter"


#: What filters consist of, and what none does.
WORDS = [
    *("Name", "Priority", "Created", "IsPrimary", "eq", "ne", "gt", "le", "and", "or", "not", "(", ")", ",", " ", "'a'", "''", "'", "5L"),
    *("-1.5e3d", "null", "true", "datetime'2013-04-20T22:41:57'", "guid'x'", "startswith", "substringof", "tolower", "length", "é", "\x00", "$"),
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=20), st.sampled_from(["", " "]))
def test_whatever_is_sent_is_read_or_refused(words: list[str], between: str) -> None:
    text = between.join(words)
    with suppress(Invalid):
        read_filter(text, FIELDS)


def test_random_filters_are_read() -> None:
    chance = random.Random(8)
    for _ in range(2000):
        read_filter(a_filter(chance)[0], FIELDS)


def test_options_and_their_limits() -> None:
    options = read_options(
        {"$top": "5000", "$skip": "3", "$inlinecount": "allpages", "$orderby": "Name desc,Created"}, FIELDS
    )
    assert (options.top, options.skip, options.counted, options.condition) == (MOST, 3, True, None)
    assert options.order == [(NAME, True), (Field("Created", Kind.TIME), False)]
    assert read_options({"$select": "Name, Created"}, FIELDS).select == frozenset({"Name", "Created"})
    assert read_options({"$select": "*", "other": "x"}, FIELDS).select is None


@pytest.mark.parametrize(
    "given",
    [
        {"$expand": "Tasks"}, {"$unknown": "1"}, {"$top": "-1"}, {"$top": "x"}, {"$skip": "99999999999"}, {"$inlinecount": "some"},
        {"$orderby": "Name sideways"}, {"$orderby": "Name; DROP TABLE job"}, {"$orderby": "Nam"}, {"$orderby": ","},
    ],
)  # fmt: skip
def test_an_option_that_is_none_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        read_options(given, FIELDS)


def test_times_that_are_none() -> None:
    assert read_time("9999-12-31T23:59:59-23:59") is None
    assert read_time("2013-04-22") is None
    assert read_order("", FIELDS) == []
