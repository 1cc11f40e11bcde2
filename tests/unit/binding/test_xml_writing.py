"""What is written is what a tree built by lxml would say, to the byte of its canonical form."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.unit.binding.strategies import ANYTHING, CARRIED, documents
from vidijob.api.vidispine import documents as shapes
from vidijob.binding import values, xml, xsd
from vidijob.binding.plan import Entry, Place, plan
from vidijob.jobs.states import JobState

NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
ROOTS = [
    shapes.JobDocument,
    shapes.JobListDocument,
    shapes.JobSearchDocument,
    shapes.URIListDocument,
    shapes.SimpleMetadataDocument,
    shapes.ExceptionDocument,
]
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def any_document(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.one_of([documents(root, text) for root in ROOTS])


def canonical(body: bytes) -> bytes:
    return bytes(etree.tostring(etree.fromstring(body), method="c14n"))


def spelt(entry: Entry, value: Any) -> str:
    if isinstance(value, datetime):
        return values.xml_time(value)
    if entry.type is bool:
        return "true" if value else "false"
    if entry.type is float:
        return values.xml_decimal(value)
    return _ILLEGAL.sub("\ufffd", str(value))


def build(element: etree._Element, document: Any) -> etree._Element:
    for entry in plan(type(document)).entries:
        value = getattr(document, entry.name)
        for item in value if entry.repeated else () if value is None else (value,):
            if entry.place is Place.ATTRIBUTE:
                element.set(entry.wire, spelt(entry, item))
            elif entry.place is Place.TEXT:
                element.text = spelt(entry, item)
            else:
                child = etree.SubElement(element, f"{{{NAMESPACE}}}{entry.wire}")
                if entry.simple:
                    child.text = spelt(entry, item)
                else:
                    build(child, item)
    return element


@settings(deadline=None)
@given(any_document(ANYTHING))
def test_written_documents_equal_those_of_lxml(document: Any) -> None:
    name = type(document).__name__
    expected = build(etree.Element(f"{{{NAMESPACE}}}{name}", nsmap=cast(Any, {None: NAMESPACE})), document)
    assert canonical(xml.write(document)) == canonical(etree.tostring(expected))


@settings(deadline=None)
@given(any_document(CARRIED))
def test_written_documents_are_valid(document: Any) -> None:
    assert xsd.accepts(etree.fromstring(xml.write(document)), "vidispine.xsd")


@settings(deadline=None)
@given(any_document(CARRIED))
def test_what_is_written_is_read_again(document: Any) -> None:
    assert xml.read(type(document), xml.write(document)) == document


@settings(deadline=None, max_examples=40)
@given(documents(shapes.JobListDocument, depth=1), st.sampled_from(["job", "facet", "notFound"]))
def test_a_streamed_list_equals_the_whole(document: shapes.JobListDocument, name: str) -> None:
    frame = xml.frame(document, name)
    items = getattr(document, plan(shapes.JobListDocument).elements[name].name)
    streamed = frame.head + frame.between.join(xml.fragment(item, name) for item in items) + frame.tail
    assert streamed == xml.write(document)


def test_the_head_is_that_of_the_contract() -> None:
    assert xml.write(shapes.SimpleMetadataDocument()) == (
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        b'<SimpleMetadataDocument xmlns="http://xml.vidispine.com/schema/vidispine"></SimpleMetadataDocument>'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a&b<c>d", b"a&amp;b&lt;c&gt;d"),
        ("]]>", b"]]&gt;"),
        ("a\rb\nc\td", b"a&#13;b\nc\td"),
        ("\x00\x1b\ufffe", "\ufffd\ufffd\ufffd".encode()),
        ("\ud83d", "\ufffd".encode()),
        ("\U0001f3ac ok", "\U0001f3ac ok".encode()),
        ("\x7f\x85\xa0", "\x7f\x85\xa0".encode()),
        ('"quoted"', b'"quoted"'),
    ],
)
def test_text_is_escaped(value: str, written: bytes) -> None:
    document = shapes.SimpleMetadataDocument(field=(shapes.KeyValue(key="k", value=value),))
    assert b"<value>" + written + b"</value>" in xml.write(document)


def test_attributes_are_escaped() -> None:
    facet = shapes.Facet(field="type", name='a"b<c>&\t\n\r\x01')
    assert '<facet name="a&quot;b&lt;c&gt;&amp;&#9;&#10;&#13;\ufffd">'.encode() in xml.write(
        shapes.JobListDocument(facet=(facet,))
    )


def test_an_enumeration_member_is_written_by_its_value() -> None:
    job = shapes.JobDocument(job_id="VX-1", status=JobState.ABORTED_PENDING, type="EXPORT", priority="LOW")
    assert b"<status>ABORTED_PENDING</status>" in xml.write(job)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2020, 2, 19, 13, 53, 21, 110000, UTC), "2020-02-19T13:53:21.110Z"),
        (datetime(2020, 2, 19, 13, 53, 21, 999999, UTC), "2020-02-19T13:53:21.999Z"),
        (datetime(2020, 2, 19, 13, 53, 21, 0, timezone(timedelta(hours=2))), "2020-02-19T11:53:21.000Z"),
        (datetime(33, 4, 3, 15, 0, tzinfo=UTC), "0033-04-03T15:00:00.000Z"),
    ],
)
def test_times_have_three_digits_and_z(value: datetime, written: str) -> None:
    assert values.xml_time(value) == written


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones()))
def test_times_equal_those_of_the_standard_library(value: datetime) -> None:
    try:
        expected = value.astimezone(UTC).isoformat("T", "milliseconds")
    except OverflowError:
        return
    assert values.xml_time(value) == expected.replace("+00:00", "Z")


def test_a_time_without_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no zone"):
        values.xml_time(datetime(2020, 2, 19))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (100.0, "100"),
        (100, "100"),
        (99.99985, "99.99985"),
        (1e-7, "0.0000001"),
        (1e20, "100000000000000000000"),
        (-0.5, "-0.5"),
    ],
)
def test_decimals_have_no_exponent_and_no_needless_point(value: float, written: str) -> None:
    assert values.xml_decimal(value) == written


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_no_document_knows_is_a_bug(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        values.xml_decimal(value)


def test_a_list_of_unknown_children_is_a_bug() -> None:
    with pytest.raises(KeyError):
        xml.frame(shapes.JobListDocument(), "jobs")
