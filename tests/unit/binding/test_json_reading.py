"""JSON is read by name from whoever sends it, and what cannot be read is refused with its path."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidijob.api.vidispine.documents import (
    ExceptionDocument,
    JobDocument,
    JobListDocument,
    JobSearchDocument,
    KeyValue,
    NotFound,
    Progress,
    SearchFacet,
    SimpleMetadataDocument,
)
from vidijob.binding import json
from vidijob.binding.limits import Limits
from vidijob.errors import Unreadable

PAIR = SimpleMetadataDocument(field=(KeyValue(key="a", value="1"),))


@pytest.mark.parametrize(
    "body",
    [
        '{"field":[{"key":"a","value":"1"}]}',
        '\ufeff {"field" : [{"value":"1","key":"a"}]}\n',
        '{"field":{"key":"a","value":"1"}}',
        '{"field":[{"key":"a","value":1}]}',
        '{"field":[{"key":"a","value":1.0}]}',
        '{"field":[{"key":"a","value":"1","mode":"add","Queue":{"deep":[[[]]]}}],"x":null}',
        '{"field":[],"field":[{"key":"b","key":"a","value":"1"}]}',
    ],
)
def test_tolerated(body: str) -> None:
    assert json.read(SimpleMetadataDocument, body.encode()) == PAIR


@pytest.mark.parametrize("body", ["{}", '{"field":null}', '{"field":[]}', '{"Field":[1]}'])
def test_nothing_is_a_document_too(body: str) -> None:
    assert json.read(SimpleMetadataDocument, body.encode()) == SimpleMetadataDocument()


@pytest.mark.parametrize(
    ("count", "limit"),
    [("true", "3"), ('"true"', '"3"'), ('"TRUE"', '" 3 "'), ("1", "3.0"), ('"1"', '"+3"')],
)
def test_strings_become_numbers_and_booleans(count: str, limit: str) -> None:
    body = f'{{"facet":[{{"field":"type","count":{count},"maxResults":{limit}}}]}}'
    expected = JobSearchDocument(facet=(SearchFacet(field="type", count=True, max_results=3),))
    assert json.read(JobSearchDocument, body.encode()) == expected


def test_scalars_become_strings() -> None:
    body = b'{"field":[{"key":true,"value":12345678901},{"key":1.5,"value":false}]}'
    assert json.read(SimpleMetadataDocument, body).field == (
        KeyValue(key="true", value="12345678901"),
        KeyValue(key="1.5", value="false"),
    )


def test_a_blank_number_that_may_be_missing_is_missing() -> None:
    body = b'{"facet":{"field":"","count":"","maxResults":"","name":""}}'
    assert json.read(JobSearchDocument, body).facet == (SearchFacet(field="", name=""),)


@pytest.mark.parametrize(
    "time",
    [
        "2020-10-02T15:36:54.047+0000",
        "2020-10-02T17:36:54.047+02:00",
        "2020-10-02T15:36:54.047Z",
        "2020-10-02 15:36:54.047",
    ],
)
def test_times_in_all_spellings(time: str) -> None:
    body = f'{{"jobId":"VX-1","status":"READY","type":"T","priority":"LOW","started":"{time}"}}'
    assert json.read(JobDocument, body.encode()).started == datetime(2020, 10, 2, 15, 36, 54, 47000, UTC)


def test_attributes_and_text_are_keys() -> None:
    body = b"""{"jobId":"VX-1","status":"S","type":"T","priority":"P","log":{"task":[{"step":"1","attempts":0,
      "status":"S","timestamp":"2020-10-02T15:36:54Z","progress":{"unit":"percent","value":99.5}}]}}"""
    log = json.read(JobDocument, body).log
    assert log is not None
    assert log.task[0].progress == Progress(value=99.5, unit="percent")


def test_an_error_with_all_its_nulls() -> None:
    body = b'{"notFound":{"type":"Job","id":"VX-1","context":null},"internalServer":null,"conflict":null}'
    assert json.read(ExceptionDocument, body) == ExceptionDocument(not_found=NotFound(type="Job", id="VX-1"))


@pytest.mark.parametrize(
    ("body", "context", "words"),
    [
        ('{"field":[{"key":"a","value":"1"},{"key":"b"}]}', "field[1]", "value is required and missing"),
        ('{"field":[{"key":"a","value":null}]}', "field[0]", "value is required and missing"),
        ('{"field":[{"key":"a","value":["1"]}]}', "field[0].value", "a single value is expected"),
        ('{"field":[{"key":{},"value":"1"}]}', "field[0].key", "a single value is expected"),
        ('{"field":["a"]}', "field[0]", "an object is expected"),
        ('{"field":[null]}', "field[0]", "an object is expected"),
        ('{"field":"a=1"}', "field[0]", "an object is expected"),
        ('{"field":[{"key":"a","value":"\\u0000"}]}', "field[0].value", "NUL cannot be stored"),
        ("[]", "SimpleMetadataDocument", "an object is expected"),
        ('"a"', "SimpleMetadataDocument", "an object is expected"),
        ("null", "SimpleMetadataDocument", "an object is expected"),
        ("", "SimpleMetadataDocument", "The body is empty"),
        ("<a/>", "SimpleMetadataDocument", "Line 1, column 1: "),
        ('{"field":\n[}', "SimpleMetadataDocument", "Line 2, column 2: "),
        ('{"field":NaN}', "SimpleMetadataDocument", "Line 1, column 10: "),
        ('{"field":1e999}', "SimpleMetadataDocument", "Line 1, column "),
        ('{"field":"\\ud800"}', "SimpleMetadataDocument", "Line 1, column "),
        ('{"field":[]} x', "SimpleMetadataDocument", "Line 1, column "),
    ],
)
def test_refused_with_the_path_and_the_reason(body: str, context: str, words: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        json.read(SimpleMetadataDocument, body.encode())
    assert refusal.value.context == context
    assert words in refusal.value.explanation


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("count", '"yes"', "true or false is expected"),
        ("count", "2", "true or false is expected"),
        ("maxResults", "3.5", "a whole number is expected"),
        ("maxResults", "true", "a whole number is expected"),
        ("maxResults", "2147483648", "a number from -2147483648 to 2147483647 is expected"),
        ("maxResults", "9" * 60, "expected"),
        ("maxResults", "[3]", "a single value is expected"),
    ],
)
def test_values_of_the_wrong_type(key: str, value: str, words: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        json.read(JobSearchDocument, f'{{"facet":[{{"field":"type","{key}":{value}}}]}}'.encode())
    assert refusal.value.context == f"facet[0].{key}"
    assert words in refusal.value.explanation


@pytest.mark.parametrize(
    "body", [b"\xff", b'{"field":"\xff"}', '{"field":[]}'.encode("utf-16"), b'{"a":"\xed\xa0\x80"}']
)
def test_only_utf_8_is_json(body: bytes) -> None:
    with pytest.raises(Unreadable, match=r"The body is not UTF-8 \(at byte \d+\)\."):
        json.read(SimpleMetadataDocument, body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"subJob":' * 100_000,
        b'{"x":' * 900 + b"1" + b"}" * 900,
        b'{"field":' * 900 + b"1" + b"}" * 900,
        b'{"field":[{"key":' + b"[" * 900 + b"]" * 900 + b"}]}",
    ],
)
def test_deep_nesting_is_survived(body: bytes) -> None:
    try:
        json.read(SimpleMetadataDocument, body)
    except Unreadable as refused:
        assert len(refused.explanation) < 300


def test_a_class_in_itself_may_not_nest_for_ever() -> None:
    inner = '{"jobId":"VX-1","status":"S","type":"T","priority":"P","subJob":['
    with pytest.raises(Unreadable, match="nested too deep"):
        json.read(JobDocument, (inner * 400 + "]}" * 400).encode())


def test_too_many_objects_are_refused() -> None:
    with pytest.raises(Unreadable, match="more than 200000 objects"):
        json.read(SimpleMetadataDocument, b'{"x":[' + b"{}," * 300_000 + b"{}]}")


def test_a_body_that_is_too_large_is_refused() -> None:
    with pytest.raises(Unreadable, match="at most 10 are read"):
        json.read(SimpleMetadataDocument, b'{"field":[]}', Limits(bytes=10))


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["job", "facet", "field", "count", "value", "hits", "jobId"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(_TREES)
def test_any_tree(tree: object) -> None:
    import json as standard

    _read_or_refuse(standard.dumps(tree).encode())


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes(body: bytes) -> None:
    _read_or_refuse(body)


def _read_or_refuse(body: bytes) -> None:
    try:
        document = json.read(JobListDocument, body)
    except Unreadable as refused:
        assert refused.explanation
    else:
        assert json.read(JobListDocument, json.write(document)) == document
