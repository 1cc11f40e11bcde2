"""Parameters of a request: how they are found, read and refused."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.errors import Invalid
from vidijob.jobs.model import Priority
from vidijob.web.parameters import Parameters, one_of


def refusal(read: Callable[[], object]) -> Invalid:
    """Return how something was refused."""
    with pytest.raises(Invalid) as refused:
        read()
    return refused.value


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", []),
        ("b=1", []),
        ("a=1", ["1"]),
        ("a=1&b=2&a=3", ["1", "3"]),
        ("A=1&a=2", ["1", "2"]),
        ("a", [""]),
        ("a=", [""]),
        ("&&a=1&&", ["1"]),
        ("=1&a=2", ["2"]),
        ("a=b=c", ["b=c"]),
        ("a=b%3Dc", ["b=c"]),
        ("a=1+2%203%2B4", ["1 2 3+4"]),
        ("%41=x", ["x"]),
        ("a=%C3%A4", ["ä"]),
        ("a=ä", ["ä"]),
        ("a=%", ["%"]),
        ("a=%zz", ["%zz"]),
        ("a=%26b%3D1", ["&b=1"]),
        ("a=1;b=2", ["1;b=2"]),
        ("a=1#2", ["1#2"]),
        ("a=%0D%0A", ["\r\n"]),
    ],
)
def test_all_values_of_a_name(query: str, values: list[str]) -> None:
    assert Parameters(query).all("a") == Parameters(query).all("A") == values


@pytest.mark.parametrize(
    ("query", "matrix", "values"),
    [
        ("", ["a=1"], ["1"]),
        ("", ["a=1", "A=2"], ["1", "2"]),
        ("", ["a"], [""]),
        ("", ["a=b=c"], ["b=c"]),
        ("", ["%61=1+2%203%2B%2F%3B"], ["1 2 3+/;"]),
        ("b=1", ["a=2"], ["2"]),
        # In case of both the query wins, whatever the letter case and however many there are.
        ("a=1", ["a=2"], ["1"]),
        ("A=1", ["a=2", "a=3"], ["1"]),
        ("a=", ["a=2"], [""]),
    ],
)
def test_the_query_wins_over_the_matrix(query: str, matrix: list[str], values: list[str]) -> None:
    assert Parameters(query, matrix).all("a") == values


@pytest.mark.parametrize("text", ["a=%ff", "%ff=1", "a=%C3%28", "a=%ED%A0%80", "a=%C0%80"])
def test_what_is_not_utf_8_is_refused(text: str) -> None:
    for query, matrix in ((text, []), ("", [text])):
        refused = refusal(lambda query=query, matrix=matrix: Parameters(query, matrix))  # type: ignore[misc]
        assert (refused.context, refused.explanation) == ("query", "The parameters are not UTF-8.")


@pytest.mark.parametrize(("text", "context"), [("a=x%00y", "a"), ("a%00=1", "a␀"), ("%00", "␀"), ("a=\x00", "a")])
def test_the_character_nul_is_refused(text: str, context: str) -> None:
    for query, matrix in ((text, []), ("", [text])):
        refused = refusal(lambda query=query, matrix=matrix: Parameters(query, matrix))  # type: ignore[misc]
        assert refused.context == context
        assert "NUL" in refused.explanation


def test_two_thousand_parameters_are_enough() -> None:
    assert len(Parameters("&".join(["a=1"] * 2000)).all("a")) == 2000
    assert refusal(lambda: Parameters("&".join(["a=1"] * 2001))).context == "query"


@pytest.mark.parametrize(
    ("query", "text"), [("", None), ("a=", None), ("a=x", "x"), ("a=x&a=y", "y"), ("a=x&a=", None), ("a=+x+", " x ")]
)
def test_a_text_is_the_last_value_that_is_not_empty(query: str, text: str | None) -> None:
    assert Parameters(query).text("A") == text


@pytest.mark.parametrize(
    ("query", "flag"),
    [("a=true", True), ("a=TRUE", True), ("a=False", False), ("a=false&a=true", True)],
)
def test_a_flag(query: str, flag: bool) -> None:
    assert Parameters(query).flag("a", not flag) is flag


@pytest.mark.parametrize("query", ["", "b=true", "a=", "a"])
@pytest.mark.parametrize("default", [True, False])
def test_a_flag_that_is_not_given(query: str, default: bool) -> None:
    assert Parameters(query).flag("a", default) is default


@pytest.mark.parametrize("text", ["1", "0", "yes", "maybe", "true,", " true", "tru%C3%A9"])
def test_a_flag_that_is_none(text: str) -> None:
    refused = refusal(lambda: Parameters(f"a={text.replace(' ', '+')}").flag("a", True))
    assert refused.context == "a"
    assert "true or false" in refused.explanation
    assert refused.value is not None


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("7", 7), ("007", 7), ("+7", 7), (" 7 ", 7), ("%207", 7), (str(2**63 - 1), 2**63 - 1)],
)
def test_a_number(text: str, number: int) -> None:
    assert Parameters(f"a={text}").number("a", 99) == number


@pytest.mark.parametrize("query", ["", "a=", "b=1"])
def test_a_number_that_is_not_given(query: str) -> None:
    assert Parameters(query).number("a", 99) == 99


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "-1",
        "--1",
        "-",
        "1.0",
        "1e3",
        "0x1",
        "1_000",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "²",
        "1 2",
        "%2B7",
        " ",
        str(2**63),
        "9" * 19,
        "9" * 5000,
    ],
)
def test_a_number_that_is_none(text: str) -> None:
    refused = refusal(lambda: Parameters(f"a={text}").number("a", 99))
    assert refused.context == "a"
    assert f"from 0 to {2**63 - 1}" in refused.explanation


@pytest.mark.parametrize(("text", "taken"), [("-5", True), ("-6", False), ("5", True), ("6", False), ("-0", True)])
def test_the_bounds_of_a_number(text: str, taken: bool) -> None:
    given = Parameters(f"a={text}")
    if taken:
        assert given.number("a", 0, least=-5, most=5) == int(text)
    else:
        assert "from -5 to 5" in refusal(lambda: given.number("a", 0, least=-5, most=5)).explanation


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("", None),
        ("a=", None),
        ("a=,", None),
        ("a=+,,+", None),
        ("a=x", ["x"]),
        ("a=x,y", ["x", "y"]),
        ("a=x,y,", ["x", "y"]),
        ("a=,x,,+y+", ["x", "y"]),
        ("a=x&a=y,z", ["x", "y", "z"]),
        ("a=x%2Cy", ["x", "y"]),
        ("a=x,x", ["x", "x"]),
        ("a=all", None),
        ("a=ALL", None),
        ("a=x,all,y", None),
        ("a=x&a=all", None),
        ("a=allowed", ["allowed"]),
    ],
)
def test_a_list(query: str, parts: list[str] | None) -> None:
    assert Parameters(query).list("a") == parts


def test_a_choice() -> None:
    assert Parameters("a=LOW").choice("a", Priority) is Priority.LOW
    assert Parameters("a=LOW&a=HIGH").choice("a", Priority) is Priority.HIGH
    assert Parameters("a=").choice("a", Priority) is None
    assert Parameters("").choice("a", Priority) is None


def test_choices() -> None:
    assert Parameters("a=LOW,HIGH&a=LOW,").choices("a", Priority) == [Priority.LOW, Priority.HIGH, Priority.LOW]
    assert Parameters("a=all,LOW").choices("a", Priority) is None
    assert Parameters("").choices("a", Priority) is None


@pytest.mark.parametrize("text", ["low", "LOWER", "LOW,HIGH", " LOW", "0"])
def test_what_is_no_choice_is_refused_with_those_there_are(text: str) -> None:
    refused = refusal(lambda: Parameters(f"a={text.replace(' ', '+')}").choice("a", Priority))
    assert (refused.context, refused.value) == ("a", text)
    assert "LOWEST, LOW, MEDIUM, HIGH, HIGHEST, IMMEDIATE" in refused.explanation


def test_one_wrong_choice_of_several_is_refused() -> None:
    assert refusal(lambda: Parameters("a=LOW,NOPE,HIGH").choices("a", Priority)).value == "NOPE"


def test_a_member_is_found_by_its_value_not_by_its_name() -> None:
    class Colour(Enum):
        RED = "crimson"

    assert one_of("a", "crimson", Colour) is Colour.RED
    assert refusal(lambda: one_of("a", "RED", Colour)).value == "RED"


QUERIES = st.text() | st.text("aA=&;%+,0123456789cfEDtrue-\x00 ä")
NAMES = st.sampled_from(["a", "A", "aa", ""])


@given(query=QUERIES, matrix=st.lists(QUERIES, max_size=3), name=NAMES)
def test_only_ever_invalid_is_raised(query: str, matrix: list[str], name: str) -> None:
    try:
        given = Parameters(query, matrix)
    except Invalid:
        return
    reads: list[Callable[[], object]] = [
        lambda: given.all(name),
        lambda: given.text(name),
        lambda: given.flag(name, True),
        lambda: given.number(name, 1, most=100),
        lambda: given.list(name),
        lambda: given.choice(name, Priority),
        lambda: given.choices(name, Priority),
    ]
    for read in reads:
        try:
            read()
        except Invalid as refused:
            assert refused.context == name
