"""What is told of an event of a job, in every form, with and without content filters."""

from __future__ import annotations

import json as standard_json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.api.vidispine.documents import KeyValue, SimpleMetadataDocument
from vidijob.api.vidispine.translate.payloads import RESERVED, body, payload
from vidijob.binding import json, xml
from vidijob.jobs.model import CurrentStep, Job, JobData, JobId, Priority, StepNumber
from vidijob.jobs.notifications import Change, Content, Definition, HttpAction, NotificationRequest, Trigger
from vidijob.jobs.states import JobState, StepState

JOB = Job(
    id=JobId(237),
    type="ESSENCE_VERSION",
    user="producer",
    state=JobState.FINISHED,
    priority=Priority.MEDIUM,
    started=datetime(2026, 9, 23, 12, 40, 50, 683999, tzinfo=UTC),
    finished=datetime(2026, 9, 23, 12, 50, tzinfo=UTC),
    data={
        "itemId": ["VX-212"],
        "errorMessage": ["It broke."],
        "errorMessage-400-0-0": ["there"],
        "errorMessages": ["other"],
        "tag": ["a", "b"],
    },
    total_steps=9,
    current_step=CurrentStep("Finalizing", 9, StepState.FINISHED),
)
CHANGE = Change(None, "STARTED", "FINISHED", at_step=StepNumber(800))
DEFINITION = Definition(HttpAction("http://a/"), Trigger.STOP)
BASE = "http://host:8080/API/"

values = st.lists(st.text(max_size=10), max_size=3)
keys = st.sampled_from([*sorted(RESERVED), "item", "itemId", "errorMessage", "errorMessage-1-0-0", "tag"]) | st.text(
    min_size=1, max_size=8
)
data = st.dictionaries(keys, values, max_size=6)
jobs = st.builds(
    replace,
    st.just(JOB),
    state=st.sampled_from(JobState),
    data=data,
    current_step=st.none() | st.just(JOB.current_step),
)
definitions = st.builds(
    Definition,
    action=st.just(HttpAction("http://a/")),
    trigger=st.sampled_from(Trigger),
    content=st.lists(st.sampled_from(Content), unique=True).map(tuple),
)
changes = st.builds(
    Change,
    step=st.none() | st.just(StepNumber(100)),
    old=st.just("STARTED"),
    new=st.sampled_from([state.value for state in JobState]),
)


def pairs(
    definition: Definition = DEFINITION, job: Job = JOB, change: Change = CHANGE, added: JobData | None = None
) -> list[tuple[str, str]]:
    """Return the payload of an event as pairs."""
    document = payload("VX", definition, change, job, NotificationRequest(data=added or {}), base_uri=BASE, sequence=4)
    return [(field.key, field.value) for field in document.field]


def test_everything_in_its_order() -> None:
    assert pairs(added={"app_order": ["42"]}) == [
        ("jobId", "VX-237"),
        ("type", "ESSENCE_VERSION"),
        ("user", "producer"),
        ("username", "producer"),
        ("action", "STOP"),
        ("status", "FINISHED"),
        ("started", "2026-09-23T12:40:50.683Z"),
        ("currentStepNumber", "9"),
        ("currentStepStatus", "FINISHED"),
        ("totalSteps", "9"),
        ("item", "VX-212"),
        ("itemId", "VX-212"),
        ("sequenceNumber", "4"),
        ("baseUri", BASE),
        ("errorMessage", "It broke."),
        ("errorMessage-400-0-0", "there"),
        ("errorMessages", "other"),
        ("tag", "a"),
        ("tag", "b"),
        ("app_order", "42"),
    ]


ALWAYS = ["action", "sequenceNumber", "baseUri"]
LIMITED = {
    Content.JOB_ID: ["jobId"],
    Content.JOB_STATE: ["status"],
    Content.USER: ["user", "username"],
    Content.START_TIME: ["started"],
    Content.JOB_TYPE: ["type"],
    Content.JOB_DATA: ["item", "itemId", "errorMessage", "errorMessage-400-0-0", "errorMessages", "tag"],
    Content.ERROR_MESSAGE: ["errorMessage", "errorMessage-400-0-0"],
    Content.ITEM_ID: ["item", "itemId"],
    Content.TOTAL_STEPS: ["totalSteps"],
    Content.CURRENT_STEP: ["currentStepNumber", "currentStepStatus"],
}


@given(st.sets(st.sampled_from(Content), min_size=1))
def test_a_content_filter_leaves_exactly_what_it_names(content: set[Content]) -> None:
    found = {key for key, _ in pairs(replace(DEFINITION, content=tuple(content)), added={"mine": ["x"]})}
    assert found == {"mine", *ALWAYS, *(key for one in content for key in LIMITED[one])}


@given(definitions, jobs, changes, data)
def test_nobody_can_pretend_what_the_server_says(
    definition: Definition, job: Job, change: Change, added: dict[str, list[str]]
) -> None:
    found = pairs(definition, job, change, added)
    own = [(key, value) for key, value in found if key in RESERVED]
    assert len({key for key, _ in own}) == len(own)
    said = dict(own)
    assert said["action"] == definition.trigger.value.upper()
    assert said.get("status") in (None, change.new if change.step is None else job.state.value)
    assert said.get("type") in (None, job.type)
    assert all(isinstance(value, str) for _, value in found)


@given(jobs, data)
def test_all_other_data_is_there_in_order(job: Job, added: dict[str, list[str]]) -> None:
    found = pairs(job=job, added=added)
    wanted = [
        (key, value)
        for source, hidden in ((job.data, {*RESERVED, "item", "itemId"}), (added, RESERVED))
        for key, values in source.items()
        if key not in hidden
        for value in values
    ]
    assert found[len(found) - len(wanted) :] == wanted


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, []),
        ({"itemId": ["VX-1"]}, ["VX-1"]),
        ({"item": ["VX-2"]}, ["VX-2"]),
        ({"item": ["VX-2"], "itemId": ["VX-1", "VX-3"]}, ["VX-1", "VX-3"]),
    ],
)
def test_the_item(data: dict[str, list[str]], expected: list[str]) -> None:
    found = pairs(job=replace(JOB, data=data))
    assert [value for key, value in found if key == "item"] == expected
    assert [value for key, value in found if key == "itemId"] == expected


def test_the_status_is_that_of_the_event() -> None:
    assert ("status", "READY") in pairs(change=Change(None, None, "READY"))
    assert ("status", "FINISHED") in pairs(change=Change(StepNumber(100), "READY", "STARTED"))


def test_without_a_step_there_is_no_number() -> None:
    found = {key for key, _ in pairs(job=replace(JOB, current_step=None))}
    assert not found & {"currentStepNumber", "currentStepStatus"} and "totalSteps" in found


DOCUMENT = SimpleMetadataDocument(
    field=(KeyValue(key="a", value="<&\t\n\u2028\U0001f4a5>"), KeyValue(key="b", value=""))
)


@pytest.mark.parametrize("asked", [None, "application/xml", "text/xml; charset=utf-8"])
def test_as_xml(asked: str | None) -> None:
    sent, type = body(DOCUMENT, asked)
    assert type == "application/xml" and xml.read(SimpleMetadataDocument, sent) == DOCUMENT


@pytest.mark.parametrize("asked", ["application/json", "application/json; charset=utf-8"])
def test_as_json(asked: str) -> None:
    sent, type = body(DOCUMENT, asked)
    assert type == "application/json" and json.read(SimpleMetadataDocument, sent) == DOCUMENT
    assert [list(pair) for pair in standard_json.loads(sent)["field"]] == [["key", "value"]] * 2


def test_as_text() -> None:
    sent, type = body(DOCUMENT, "text/plain")
    assert type == "text/plain; charset=utf-8"
    assert sent.decode() == "a\t<&  \u2028\U0001f4a5>\r\nb\t\r\n"


@given(definitions, jobs, changes, data)
def test_every_form_can_be_written(
    definition: Definition, job: Job, change: Change, added: dict[str, list[str]]
) -> None:
    document = payload("VX", definition, change, job, NotificationRequest(data=added), base_uri=BASE)
    for asked in ("application/xml", "application/json", "text/plain"):
        assert body(document, asked)[0]
