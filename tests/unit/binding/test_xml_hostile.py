"""Whatever bytes come, they end in a document or in ``Unreadable``; nothing is expanded, fetched or piled up."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.binding.strategies import documents
from vidijob.api.vidispine.documents import JobDocument, JobListDocument, SimpleMetadataDocument
from vidijob.binding import xml
from vidijob.binding.limits import LIMITS, Limits
from vidijob.errors import Unreadable

NS = b'xmlns="http://xml.vidispine.com/schema/vidispine"'
HEAD, TAIL = b"<SimpleMetadataDocument " + NS + b">", b"</SimpleMetadataDocument>"


def refusal(body: bytes, cls: type[SimpleMetadataDocument] | type[JobDocument] = SimpleMetadataDocument) -> str:
    with pytest.raises(Unreadable) as refused:
        xml.read(cls, body)
    return refused.value.explanation


LAUGHS = b"<!DOCTYPE l [<!ENTITY a0 'ha'>%s]>" % b"".join(
    b"<!ENTITY a%d '%s'>" % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 12)
)


@pytest.mark.parametrize(
    "doctype",
    [
        b"<!DOCTYPE SimpleMetadataDocument>",
        b"<?xml version='1.0'?><!-- c --><!DOCTYPE SimpleMetadataDocument SYSTEM 'http://localhost/x.dtd'>",
        LAUGHS,
        b"<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://localhost/p'> %p;]>",
        b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
        b"<!DOCTYPE x [<!ATTLIST x a CDATA 'b'>]>",
    ],
)
def test_a_doctype_is_refused_unread(doctype: bytes) -> None:
    assert "A DOCTYPE is not read" in refusal(doctype + HEAD + b"&a11;&e;" + TAIL)


def test_a_doctype_in_utf_16_is_refused_too() -> None:
    assert "A DOCTYPE is not read" in refusal("<!DOCTYPE x><x/>".encode("utf-16"))


def test_text_that_looks_like_a_doctype_is_text() -> None:
    body = HEAD + b"<field><key>html</key><value><![CDATA[<!DOCTYPE html>]]></value></field>" + TAIL
    assert xml.read(SimpleMetadataDocument, body).field[0].value == "<!DOCTYPE html>"


def test_files_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    body = f"<!DOCTYPE x [<!ENTITY e SYSTEM '{secret.as_uri()}'>]>".encode() + HEAD + b"&e;" + TAIL
    assert "secret" not in refusal(body).replace(str(secret), "")


@pytest.mark.parametrize("encoding", ["windows-1252", "UTF-7", "UTF-32", "EBCDIC-CP-US", "rot13", "x" * 5000])
def test_other_encodings_are_refused(encoding: str) -> None:
    words = refusal(f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + HEAD + TAIL)
    assert "is not read; UTF-8" in words
    assert len(words) < 300


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0" encoding="UTF-16"?>' + HEAD + TAIL,
        '<?xml version="1.0" encoding="UTF-8"?><SimpleMetadataDocument/>'.encode("utf-16"),
        '<?xml version="1.0" encoding="US-ASCII"?><SimpleMetadataDocument>å</SimpleMetadataDocument>'.encode(),
        "<SimpleMetadataDocument>å</SimpleMetadataDocument>".encode("iso-8859-1"),
        "<SimpleMetadataDocument/>".encode("utf-32"),
        HEAD + b"\xff" + TAIL,
        HEAD + b"\xed\xa0\x80" + TAIL,
        HEAD + b"\x00" + TAIL,
        HEAD + b"&#0;" + TAIL,
        HEAD + b"&#xD800;" + TAIL,
        HEAD + b"&undefined;" + TAIL,
        HEAD + b"<x:y/>" + TAIL,
        HEAD + b"<a b='1' b='2'/>" + TAIL,
        HEAD + b"<field/",
        HEAD[:-1],
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_place(body: bytes) -> None:
    assert refusal(body).startswith("Line 1, column ")


@pytest.mark.parametrize("name", [b"a", b"subJob", b"field"])
def test_deep_nesting_is_refused(name: bytes) -> None:
    body = b"<JobDocument " + NS + b">" + (b"<" + name + b">") * 100_000
    assert "nested more than 64 deep" in refusal(body, JobDocument)


def test_too_many_elements_are_refused_before_they_take_memory() -> None:
    body = HEAD + b"<a/>" * 2_600_000 + TAIL
    tracemalloc.start()
    try:
        words = refusal(body[: LIMITS.bytes])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "more than 200000 elements" in words
    assert peak < 20_000_000


def test_a_body_that_is_too_large_is_refused() -> None:
    assert "at most 10485760 are read" in refusal(HEAD + b" " * LIMITS.bytes + TAIL)


def test_limits_are_the_callers() -> None:
    with pytest.raises(Unreadable, match="more than 1 elements"):
        xml.read(SimpleMetadataDocument, HEAD + b"<a/>" + TAIL, Limits(elements=1))


def test_a_huge_attribute_is_only_an_unknown_attribute() -> None:
    body = b"<SimpleMetadataDocument " + NS + b' huge="' + b"x" * 5_000_000 + b'"/>'
    assert xml.read(SimpleMetadataDocument, body) == SimpleMetadataDocument()


def test_a_huge_name_is_not_repeated_to_the_client() -> None:
    assert len(refusal(b"<" + b"x" * 1_000_000 + b"/>")) < 400


def test_an_explanation_ends_at_the_first_objection() -> None:
    # Each of these attributes is wrong; all of them took seconds, in which nobody else was served.
    attributes = b"".join(b' a%d="x"' % number for number in range(800))
    body = HEAD.replace(b">", attributes + b">") + b"<field" + attributes + b"/>" + TAIL
    refusal(body)
    began = time.process_time()
    assert "The schema says" in refusal(body)
    assert time.process_time() - began < 0.1


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    _read_or_refuse(body)


@settings(deadline=None)
@given(
    documents(JobListDocument, depth=1).map(xml.write),
    st.lists(
        st.tuples(
            st.integers(0, 4000),
            st.integers(0, 40),
            st.binary(max_size=6)
            | st.sampled_from(
                [b"<", b">", b"</", b"/>", b"&", b"<job>", b"</job>", b"<!--", b"<![CDATA[", b"]]>", b"<?"]
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_any_damage(body: bytes, damages: list[tuple[int, int, bytes]]) -> None:
    for place, length, new in damages:
        at = place % (len(body) + 1)
        body = body[:at] + new + body[at + length :]
    _read_or_refuse(body)


def _read_or_refuse(body: bytes) -> None:
    try:
        document = xml.read(JobListDocument, body)
    except Unreadable as refused:
        assert refused.explanation
        assert len(refused.explanation) < 1000
    else:
        assert xml.read(JobListDocument, xml.write(document)).hits == document.hits
