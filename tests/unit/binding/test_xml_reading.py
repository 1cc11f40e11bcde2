"""XML is read by name from whoever sends it, and what cannot be read is refused with its place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vidijob.api.vidispine.documents import (
    ExceptionDocument,
    FacetRange,
    JobDocument,
    JobListDocument,
    JobSearchDocument,
    KeyValue,
    SearchFacet,
    SimpleMetadataDocument,
    URIListDocument,
)
from vidijob.binding import xml
from vidijob.errors import Unreadable

NS = 'xmlns="http://xml.vidispine.com/schema/vidispine"'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
PAIR = SimpleMetadataDocument(field=(KeyValue(key="a", value="1"),))


def metadata(inside: str, attributes: str = NS) -> bytes:
    return f"<SimpleMetadataDocument {attributes}>{inside}</SimpleMetadataDocument>".encode()


@pytest.mark.parametrize(
    "body",
    [
        metadata("<field><key>a</key><value>1</value></field>"),
        metadata("<field><value>1</value><key>a</key></field>"),
        metadata('<field><key>a</key><value mode="add">1</value></field>'),
        metadata("<field><key>a</key><new>x<deep>y</deep></new><value>1</value></field>"),
        metadata("<field><key>a</key><value>1</value></field>", ""),
        metadata(
            "<v:field><v:key>a</v:key><v:value>1</v:value></v:field>",
            'xmlns:v="http://xml.vidispine.com/schema/vidispine"',
        ).replace(b"SimpleMetadataDocument", b"v:SimpleMetadataDocument"),
        metadata("<field><o:key xmlns:o='other'>z</o:key><key>a</key><value>1</value></field>"),
        metadata("<!-- c --><field>\n <key><![CDATA[a]]></key><?pi x?><value><!-- c -->1<?pi?></value>\t</field>"),
        metadata("<field><key>&#97;</key><value>1</value></field>"),
        metadata("<field><key>a</key><value>1</value></field>", f'{NS} {XSI} xsi:schemaLocation="x y" version="4"'),
        metadata(f"<field {XSI} xsi:nil='true'/><field><key>a</key><value>1</value></field>"),
        b"<?xml version='1.0'?>\n<!-- c -->"
        + metadata("<field><key>a</key><value>1</value></field>")
        + b"\n<!-- c -->",
    ],
)
def test_tolerated(body: bytes) -> None:
    assert xml.read(SimpleMetadataDocument, body) == PAIR


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("utf-16", "utf-16"),
        ("ISO-8859-1", "iso-8859-1"),
    ],
)
def test_encodings(declared: str, codec: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{declared}"?>'
        + metadata("<field><key>å</key><value>ö</value></field>").decode()
    )
    assert xml.read(SimpleMetadataDocument, text.encode(codec)).field == (KeyValue(key="å", value="ö"),)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "ascii"])
def test_encodings_that_are_not_declared(codec: str) -> None:
    body = metadata("<field><key>a</key><value>1</value></field>").decode().encode(codec)
    assert xml.read(SimpleMetadataDocument, body) == PAIR


def test_values_are_read_by_their_type() -> None:
    body = f"""<JobListDocument {NS}><job><jobId>VX-1</jobId><started>2020-02-19T14:53:21.1105+01:00</started>
      <finished>2020-02-19T13:53:21</finished><status>MADE_UP</status><type>T</type><priority> MEDIUM</priority>
      <totalSteps> +09 </totalSteps></job><facet><field>type</field><range start="1" end="2"/><count fieldValue="x">
      7</count></facet><hits>1</hits></JobListDocument>"""
    document = xml.read(JobListDocument, body.encode())
    (job,), (facet,) = document.job, document.facet
    assert job.started == datetime(2020, 2, 19, 13, 53, 21, 110500, UTC)
    assert job.finished == datetime(2020, 2, 19, 13, 53, 21, 0, UTC)
    assert (job.status, job.priority, job.total_steps) == ("MADE_UP", " MEDIUM", 9)
    assert facet.range == (FacetRange(start="1", end="2"),)
    assert facet.count[0].value == 7


def test_a_blank_number_that_may_be_missing_is_missing() -> None:
    body = f'<JobSearchDocument {NS}><facet count="" maxResults=" "><field/></facet></JobSearchDocument>'
    assert xml.read(JobSearchDocument, body.encode()) == JobSearchDocument(facet=(SearchFacet(field=""),))


def test_white_space_of_uris_collapses() -> None:
    body = f"<URIListDocument {NS}><uri>\n  a \t b </uri></URIListDocument>"
    assert xml.read(URIListDocument, body.encode()).uri == ("a b",)


@pytest.mark.parametrize(
    ("inside", "context", "words"),
    [
        ("<field><key>a</key></field>", "SimpleMetadataDocument/field[1]", "value is required and missing"),
        ("<field/>\n<field/>", "SimpleMetadataDocument/field[1]", "key is required and missing"),
        (
            "<field><key>a</key><value/></field><field><key>a</key>\n<key>b</key></field>",
            "SimpleMetadataDocument/field[2]/key",
            "Line 2, SimpleMetadataDocument/field[2]/key: key may stand only once",
        ),
        ("text", "SimpleMetadataDocument", "elements are expected, not text"),
        ("<field>text<key>a</key><value>1</value></field>", "SimpleMetadataDocument/field[1]", "not text"),
        ("<field><key>a<b/></key></field>", "SimpleMetadataDocument/field[1]/key", "not the element b"),
    ],
)
def test_refused_with_the_place_and_the_reason(inside: str, context: str, words: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        xml.read(SimpleMetadataDocument, metadata(inside))
    assert refusal.value.context == context
    assert words in refusal.value.explanation


@pytest.mark.parametrize(
    ("inside", "words", "value"),
    [
        ("<facet count='maybe'><field>type</field></facet>", "true or false is expected", "maybe"),
        ("<facet maxResults='1.5'><field>type</field></facet>", "a whole number is expected", "1.5"),
        ("<facet maxResults='1_0'><field>type</field></facet>", "a whole number is expected", "1_0"),
        ("<facet maxResults='२'><field>type</field></facet>", "a whole number is expected", "२"),
        ("<facet maxResults='2147483648'><field>t</field></facet>", "from -2147483648 to 2147483647", "2147483648"),
        (f"<facet maxResults='{'9' * 500}'><field>t</field></facet>", "whole number", "9" * 100 + "…"),
    ],
)
def test_values_of_the_wrong_type(inside: str, words: str, value: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        xml.read(JobSearchDocument, f"<JobSearchDocument {NS}>{inside}</JobSearchDocument>".encode())
    assert words in refusal.value.explanation
    assert refusal.value.value == value


def test_the_schema_lends_its_words() -> None:
    body = f"<JobSearchDocument {NS}><facet count='maybe'><field>type</field></facet></JobSearchDocument>"
    with pytest.raises(Unreadable) as refusal:
        xml.read(JobSearchDocument, body.encode())
    assert refusal.value.explanation == (
        "Line 1, JobSearchDocument/facet[1]/@count: true or false is expected. The schema says: "
        "/JobSearchDocument/facet: attribute count='maybe': 'maybe' is not a boolean value"
    )


def test_the_schema_is_not_asked_about_a_large_document() -> None:
    body = f"<JobSearchDocument {NS}>{' ' * 70_000}<facet/></JobSearchDocument>"
    with pytest.raises(Unreadable) as refusal:
        xml.read(JobSearchDocument, body.encode())
    assert refusal.value.explanation == "Line 1, JobSearchDocument/facet[1]: field is required and missing."


@pytest.mark.parametrize(
    "time",
    ["yesterday", "2020-02-30T00:00:00Z", "2020-W01-1T00:00:00", "20200219T135321Z", "0001-01-01T00:00:00+14:00"],
)
def test_times_that_are_none(time: str) -> None:
    body = f"<JobDocument {NS}><jobId>VX-1</jobId><started>{time}</started></JobDocument>"
    with pytest.raises(Unreadable, match="time"):
        xml.read(JobDocument, body.encode())


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("", "exactly one of notFound, internalServer"),
        ("<conflict/><notFound/>", "exactly one of notFound, internalServer"),
    ],
)
def test_exactly_one_of_a_choice(inside: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        xml.read(ExceptionDocument, f"<ExceptionDocument {NS}>{inside}</ExceptionDocument>".encode())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<JobDocument " + NS.encode() + b"/>", "must be SimpleMetadataDocument in the namespace http://xml.vidis"),
        (b"<SimpleMetadataDocument xmlns='urn:other'/>", "it is SimpleMetadataDocument in the namespace urn:other"),
        (b"", "The body is empty"),
        (b" \n", "The body is empty"),
        (b"{}", "Line 1, column 1: not well-formed"),
        (b"<SimpleMetadataDocument>\n<field>", "Line 2, column 8: no element found"),
        (b"<a/><b/>", "The root element must be"),
        (metadata("") + b"<b/>", "junk after document element"),
    ],
)
def test_other_documents_are_refused(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        xml.read(SimpleMetadataDocument, body)
    assert words in refusal.value.explanation
    assert refusal.value.context == "SimpleMetadataDocument"
