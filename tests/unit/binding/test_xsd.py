"""The schema as a judge: its verdict, its words, and what a class and its type do not agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.binding.strategies import documents
from vidijob.api.vidispine import documents as shapes
from vidijob.binding import xml, xsd
from vidijob.binding.fields import Attribute, Branch, Document, Integer, Simple, Text, Vocabulary
from vidijob.errors import Unreadable

SCHEMA = "vidispine.xsd"
NS = "http://xml.vidispine.com/schema/vidispine"
METADATA = f"<SimpleMetadataDocument xmlns='{NS}'>%s</SimpleMetadataDocument>"
SEARCH = f"<JobSearchDocument xmlns='{NS}'>%s</JobSearchDocument>"

#: Documents with the verdicts: the schema's (both libraries), the reader's.
VERDICTS: list[tuple[str, bool, bool]] = [
    (METADATA % "", True, True),
    (METADATA % "<field><key>a</key><value/></field>", True, True),
    (METADATA % "<field><value/><key>a</key></field>", False, True),
    (METADATA % "<field><key>a</key><value mode='add'/></field>", False, True),
    (METADATA % "<field><key>a</key><value/><more/></field>", False, True),
    (METADATA.replace(f" xmlns='{NS}'", "") % "", False, True),
    (METADATA.replace(NS, "urn:x") % "", False, False),
    (METADATA % "<field><key>a</key></field>", False, False),
    (METADATA % "<field><key>a</key><key>b</key><value/></field>", False, False),
    (METADATA % "<field><key>a<b/></key><value/></field>", False, False),
    (METADATA % "x", False, False),
    (SEARCH % "<facet count=' true ' minCount='+1' maxResults='007'><field>f</field></facet>", True, True),
    (SEARCH % "<facet count='TRUE'><field>f</field></facet>", False, True),
    (SEARCH % "<facet count=''><field>f</field></facet>", False, True),
    (SEARCH % "<facet count='maybe'><field>f</field></facet>", False, False),
    (SEARCH % "<facet maxResults='1.0'><field>f</field></facet>", False, False),
    (SEARCH % "<facet maxResults='2147483648'><field>f</field></facet>", False, False),
    (SEARCH % "<facet/>", False, False),
    (SEARCH % "<facetFilter><field>f</field></facetFilter>", True, True),
    (SEARCH % "<facetFilter><value>f</value></facetFilter>", False, False),
    (SEARCH % "<somethingNewer><field>f</field></somethingNewer>", False, True),
]


@pytest.mark.parametrize(("text", "valid", "readable"), VERDICTS)
def test_verdicts(text: str, valid: bool, readable: bool) -> None:
    cls: type[Document] = shapes.SimpleMetadataDocument if "Metadata" in text else shapes.JobSearchDocument
    assert xsd.accepts(etree.fromstring(text), SCHEMA) == valid
    assert xsd.load(SCHEMA).is_valid(text) == valid
    assert _readable(cls, text.encode()) == readable


_EDITS = st.sampled_from(["drop", "rename", "swap", "repeat", "text", "attribute", "no attributes"])


@settings(deadline=None, max_examples=60)
@given(
    documents(shapes.JobListDocument, depth=1).map(xml.write),
    st.lists(
        st.tuples(st.integers(0, 1000), _EDITS, st.sampled_from(["", "x", "1", " 7 ", "true", "VX-1"])), max_size=3
    ),
)
def test_what_the_schema_takes_the_reader_takes(body: bytes, edits: list[tuple[int, str, str]]) -> None:
    tree = etree.fromstring(body)
    for place, edit, text in edits:
        elements = list(tree.iter())
        _edit(elements[place % len(elements)], edit, text)
    edited = etree.tostring(tree)
    if xsd.accepts(tree, SCHEMA):
        assert _readable(shapes.JobListDocument, edited)


def _edit(element: etree._Element, edit: str, text: str) -> None:
    parent = element.getparent()
    if parent is None:
        return
    if edit == "drop":
        parent.remove(element)
    elif edit == "rename":
        element.tag = f"{{{NS}}}{text if text[:1].isalpha() else 'field'}"
    elif edit == "swap":
        parent.append(element)
    elif edit == "repeat":
        parent.append(etree.fromstring(etree.tostring(element)))
    elif edit == "text":
        element.text = text
    elif edit == "attribute":
        element.set("id", text)
    else:
        element.attrib.clear()


def _readable(cls: type[Document], body: bytes) -> bool:
    try:
        xml.read(cls, body)
    except Unreadable:
        return False
    return True


def test_a_document_without_schema_has_no_words() -> None:
    class Plain(Document):
        vocabulary: ClassVar[Vocabulary] = Vocabulary()

    assert xsd.explain(Plain, b"<Plain/>") is None
    assert xsd.differences(Plain) == ["Plain: there is no schema"]


class _Face(Document):
    __slots__ = ()
    vocabulary: ClassVar[Vocabulary] = shapes.VOCABULARY


def _named(name: str, cls: type[Any]) -> type[Document]:
    cls.__name__ = name
    return cls


@dataclass(frozen=True, kw_only=True)
class _Order(_Face):
    uri: tuple[str, ...] = ()
    hits: Integer | None = None


@dataclass(frozen=True, kw_only=True)
class _Cardinality(_Face):
    hits: Integer
    uri: Annotated[str | None, Simple("xs:anyURI")] = None


@dataclass(frozen=True, kw_only=True)
class _Types(_Face):
    hits: int | None = None
    uri: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Nested(_Face):
    hits: Integer | None = None
    uri: tuple[shapes.KeyValue, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Facet:
    field: int
    exclude: tuple[str, ...] = ()
    count: Attribute[bool]
    min_count: Attribute[int | None] = None
    max_count: Attribute[int | None] = None
    max_results: Attribute[int | None] = None
    name: Attribute[Annotated[str, Simple("xs:string", values=("a",))] | None] = None


@dataclass(frozen=True, kw_only=True)
class _Attributes(_Face):
    facet_filter: tuple[shapes.SearchFacetFilter, ...] = ()
    facet: tuple[_Facet, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Fewer:
    field: str
    exclude: tuple[str, ...] = ()
    count: Attribute[bool | None] = None


@dataclass(frozen=True, kw_only=True)
class _FewerAttributes(_Face):
    facet_filter: tuple[shapes.SearchFacetFilter, ...] = ()
    facet: tuple[_Fewer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Words:
    field: Text[str]


@dataclass(frozen=True, kw_only=True)
class _TextForElements(_Face):
    facet_filter: tuple[shapes.SearchFacetFilter, ...] = ()
    facet: tuple[_Words, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _ElementForText(_Face):
    job: tuple[_Words, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Choice(_Face):
    field: Annotated[shapes.KeyValue | None, Branch("c", "b")] = None


@pytest.mark.parametrize(
    ("name", "cls", "words"),
    [
        ("Missing", _Order, ["Missing: the schema has no such element"]),
        ("URIListDocument", _Order, ["the class has ['uri', 'hits'], the schema ['hits', 'uri']"]),
        ("URIListDocument", _Cardinality, ["/hits: the class and the schema differ in how", "/uri: the class and"]),
        ("URIListDocument", _Types, ["has xs:int, the schema xs:integer", "has xs:string, the schema xs:anyURI"]),
        ("URIListDocument", _Nested, ["/uri: the schema has a simple type"]),
        (
            "JobSearchDocument",
            _Attributes,
            [
                "/field: the class has xs:int",
                "/@count: it is required in one",
                "/@name: the class has the values ('a',)",
            ],
        ),
        ("JobSearchDocument", _FewerAttributes, ["the class has the attributes ['count'], the schema ['count', 'min"]),
        ("JobSearchDocument", _TextForElements, ["/facet: only one of the two has text"]),
        ("SimpleMetadataDocument", _Choice, ["the class has the choices", "/field: the class and the schema differ"]),
    ],
)
def test_differences_are_found(name: str, cls: type[Any], words: list[str]) -> None:
    found = xsd.differences(_named(name, cls))
    assert len(found) == len(words)
    for word, difference in zip(words, found, strict=True):
        assert word in difference
