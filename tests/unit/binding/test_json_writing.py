"""JSON is printed as the servers of the contract print it."""

from __future__ import annotations

import json as standard
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.binding.strategies import ANYTHING, CARRIED, documents
from vidijob.api.vidispine.documents import (
    ExceptionDocument,
    Facet,
    FacetCount,
    InvalidInput,
    JobDocument,
    JobListDocument,
    JobSearchDocument,
    JobTask,
    KeyValue,
    Log,
    NotYetImplemented,
    Progress,
    SimpleMetadataDocument,
    URIListDocument,
)
from vidijob.binding import json
from vidijob.jobs.states import StepState

AT = datetime(2020, 10, 2, 15, 36, 54, 47000, UTC)
ROOTS = [JobDocument, JobListDocument, JobSearchDocument, URIListDocument, SimpleMetadataDocument, ExceptionDocument]


def any_document(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.one_of([documents(root, text) for root in ROOTS])


def job(**fields: Any) -> JobDocument:
    return JobDocument(job_id="VX-29", status="READY", type="EXPORT", priority="MEDIUM", **fields)


@settings(deadline=None)
@given(any_document(CARRIED))
def test_what_is_written_is_read_again(document: Any) -> None:
    assert json.read(type(document), json.write(document)) == document


@settings(deadline=None)
@given(any_document(ANYTHING))
def test_whatever_is_written_is_json(document: Any) -> None:
    assert isinstance(standard.loads(json.write(document)), dict)


@settings(deadline=None, max_examples=40)
@given(documents(JobListDocument, depth=1).filter(lambda document: bool(document.job)))
def test_a_streamed_list_equals_the_whole(document: JobListDocument) -> None:
    frame = json.frame(document, "job")
    streamed = frame.head + frame.between.join(json.fragment(item, "job") for item in document.job) + frame.tail
    assert streamed == json.write(document)


def test_a_new_job_as_recorded() -> None:
    assert json.write(
        JobDocument(
            job_id="VX-29",
            user="admin",
            started=AT,
            status="READY",
            type="PLACEHOLDER_IMPORT",
            priority="MEDIUM",
        )
    ) == (
        b'{"jobId":"VX-29","user":"admin","started":"2020-10-02T15:36:54.047+0000","status":"READY",'
        b'"type":"PLACEHOLDER_IMPORT","priority":"MEDIUM"}'
    )


def test_the_same_job_a_moment_later_as_recorded() -> None:
    body = json.write(job(data=(KeyValue(key="item", value="VX-93"),), log=Log()))
    assert body.endswith(b',"data":[{"key":"item","value":"VX-93"}],"log":{"task":[]}}')


def test_an_error_as_recorded_lists_all_nine_keys() -> None:
    fault = InvalidInput(context="job", explanation="No such type.", value="VIDEO_COMPONENT")
    assert json.write(ExceptionDocument(invalid_input=fault)) == (
        b'{"notFound":null,"internalServer":null,"forbidden":null,"notYetImplemented":null,"conflict":null,'
        b'"invalidInput":{"context":"job","id":null,"explanation":"No such type.","value":"VIDEO_COMPONENT"},'
        b'"licenseFault":null,"fileAlreadyExists":null,"notAuthorized":null}'
    )


def test_an_error_without_fields_is_an_empty_object() -> None:
    body = json.write(ExceptionDocument(not_yet_implemented=NotYetImplemented()))
    assert b'"notYetImplemented":{},' in body


def test_attributes_follow_elements_and_text_is_called_value() -> None:
    task = JobTask(
        step=200,
        attempts=0,
        status=StepState.FINISHED,
        timestamp=AT,
        progress=Progress(value=768506239, total=768506239, unit="bytes"),
        id=452,
    )
    assert json.write(job(log=Log(task=(task,)))).endswith(
        b'"log":{"task":[{"step":200,"attempts":0,"status":"FINISHED","timestamp":"2020-10-02T15:36:54.047+0000",'
        b'"progress":{"value":768506239,"total":768506239,"unit":"bytes"},"subTask":[],"id":452}]}}'
    )


def test_a_facet() -> None:
    facet = Facet(field="type", count=(FacetCount(value=1, field_value="RAW_IMPORT"),), name="JobTypes")
    assert json.write(JobListDocument(hits=1, facet=(facet,))) == (
        b'{"hits":1,"facet":[{"field":"type","count":[{"value":1,"fieldValue":"RAW_IMPORT"}],"name":"JobTypes"}]}'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [(100.0, b"100"), (99.99985, b"99.99985"), (0.0, b"0"), (-0.0, b"0"), (2.0**60, b"1.152921504606847e18")],
)
def test_whole_decimals_have_no_point(value: float, written: bytes) -> None:
    task = JobTask(step=1, attempts=0, status="STARTED", timestamp=AT, progress=Progress(value=value))
    assert b'"progress":{"value":' + written + b"}" in json.write(job(log=Log(task=(task,)))).replace(b"e+", b"e")


def test_what_is_missing_is_left_out() -> None:
    assert json.write(JobListDocument()) == b"{}"
    assert json.write(JobListDocument(hits=0)) == b'{"hits":0}'


def test_a_lone_surrogate_is_replaced() -> None:
    document = SimpleMetadataDocument(field=(KeyValue(key="name", value="a\udcffb"),))
    assert json.write(document) == '{"field":[{"key":"name","value":"a\ufffdb"}]}'.encode()


def test_a_list_of_unknown_children_is_a_bug() -> None:
    with pytest.raises(KeyError):
        json.frame(JobListDocument(), "jobs")
