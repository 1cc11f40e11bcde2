"""A class says what it is on the wire by its annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest

from vidijob.api.vidispine import documents
from vidijob.binding import json, xml
from vidijob.binding.fields import Always, Attribute, Branch, Document, Long, Text, Wire
from vidijob.binding.plan import Place, nests, plan
from vidijob.errors import Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    number_of: Attribute[int | None] = None
    size: Text[Long]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    kind: str | None = None
    sized: Always[tuple[Sized, ...]] = ()
    key: Annotated[str | None, Branch("key", "plain")] = None
    key_regex: Annotated[str | None, Wire("key-regex"), Branch("key", "regex")] = None
    key_flags: Annotated[int | None, Branch("key", "regex", needed=False)] = None
    within: Filter | None = None


def test_names_places_and_cardinality() -> None:
    entries = plan(Sized).entries
    assert [(entry.name, entry.wire, entry.place, entry.required) for entry in entries] == [
        ("size", "value", Place.TEXT, True),
        ("number_of", "numberOf", Place.ATTRIBUTE, False),
    ]
    assert [entry.simple.name for entry in entries if entry.simple] == ["xs:long", "xs:int"]


def test_words_beside_the_type() -> None:
    shape = plan(Filter)
    assert list(shape.elements) == ["kind", "sized", "key", "key-regex", "keyFlags", "within"]
    assert shape.elements["sized"].always
    assert shape.elements["sized"].repeated
    assert shape.elements["within"].type is Filter


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"key"}, None),
        ({"key_regex"}, None),
        ({"key_regex", "key_flags"}, None),
        ({"key_flags"}, "key-regex is required beside key-regex and missing"),
        ({"key", "key_flags"}, "exactly one of key, key-regex is expected, not 2"),
        (set(), "exactly one of key, key-regex is expected, not 0"),
    ],
)
def test_of_a_choice_exactly_one_branch_is_given(given: set[str], complaint: str | None) -> None:
    assert plan(Filter).complaint(given) == complaint


def test_nesting() -> None:
    assert nests(Filter)
    assert nests(documents.JobTask)
    assert nests(documents.JobDocument)
    assert not nests(documents.JobListDocument)
    assert not nests(documents.Log)


def test_a_plan_is_made_once() -> None:
    assert plan(Sized) is plan(Sized)


@dataclass
class TwoTexts:
    a: Text[str]
    b: Text[str]


@dataclass
class TextAndElement:
    a: Text[str]
    b: str


@dataclass
class RepeatedAttribute:
    a: Attribute[tuple[str, ...]]


@dataclass
class NestedAttribute:
    a: Attribute[Sized]


@dataclass
class Pair:
    a: tuple[str, str]


@dataclass
class Either:
    a: int | str


@dataclass
class Unknown:
    a: bytes


@dataclass
class Twice:
    a: Annotated[str, Wire("b")]
    b: str


@pytest.mark.parametrize(
    "cls",
    [TwoTexts, TextAndElement, RepeatedAttribute, NestedAttribute, Pair, Either, Unknown, Twice, str],
)
def test_what_makes_no_sense_is_refused(cls: type) -> None:
    with pytest.raises(TypeError):
        plan(cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Document):
    """As forms of browsers fill it in."""

    also_named: ClassVar[tuple[str, ...]] = ("Formular",)

    name: Annotated[str | None, Branch("form", "name", blank=False)] = None
    sure: Annotated[bool | None, Branch("form", "name", needed=False, opens=False)] = None
    number: Annotated[str | None, Branch("form", "number", blank=False)] = None
    words: str | None = None


def test_of_a_choice_an_empty_text_may_count_as_missing() -> None:
    assert plan(Form).complaint({"sure"}) == "exactly one of name, number is expected, not 0"
    assert plan(Form).complaint({"sure", "number"}) is None
    body = b'{"name":"","sure":"false","number":"7","words":""}'
    assert json.read(Form, body) == Form(sure=False, number="7", words="")
    text = b"<Form><name> </name><sure>false</sure><number>7</number><words/></Form>"
    assert xml.read(Form, text) == Form(sure=False, number="7", words="")


def test_a_root_may_have_another_name() -> None:
    assert xml.read(Form, b"<Formular><name>x</name></Formular>") == Form(name="x")
    with pytest.raises(Unreadable, match="must be Form "):
        xml.read(Form, b"<Formula><name>x</name></Formula>")
