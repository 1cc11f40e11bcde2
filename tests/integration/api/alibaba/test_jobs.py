"""Jobs through the MPS face, on a real engine whose steps do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.alibaba.conftest import Mps
from tests.integration.engine.conftest import ADMIN, Engine
from vidijob.executors.base import Done, Fail, Outcome, StepContext, Wait
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState

TIME = "%Y-%m-%dT%H:%M:%SZ"


class Media:
    """Stands for the executor of transcodes."""

    methods = frozenset({"setUp", "checkSource", "transcode", "checkResult", "finish", "cleanUp"})
    problems = frozenset({"TEST"})
    short: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.outcome: Outcome = Done()
        self.go = asyncio.Event()
        self.go.set()

    async def run(self, step: StepContext) -> Outcome:
        """Carry out one attempt."""
        if step.method != "transcode":
            return Done()
        step.tell({"transcodeProgress": ["43.5"]})
        await self.go.wait()
        return self.outcome

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell that it is not."""
        return False


@pytest.fixture
async def media(engine: Engine) -> Media:
    """What carries jobs out; a scheduler and a worker run."""
    media = Media()
    engine.worker(media, name="media")
    engine.scheduler()
    return media


async def until(mps: Mps, id: str, *states: str) -> dict[str, Any]:
    """Wait until a job is in one of the states."""
    async with asyncio.timeout(10):
        while (found := await mps.shown(id))["State"] not in states:
            await asyncio.sleep(0.02)
    return found


async def vidispine(engine: Engine) -> str:
    """Return the id by which the other face knows the job that was submitted last."""
    return f"VX-{max(job for job, *_ in await engine.events())}"


async def test_the_answer_that_is_printed_in_the_page(mps: Mps) -> None:
    """CancelJob: the same names in the same order; the id that was sent comes back."""
    id = await mps.job(await mps.pipeline())
    reply = await mps("CancelJob", JobId=id)
    assert reply.status == 200
    assert list(reply.json) == ["RequestId", "JobId"]
    assert reply.json["JobId"] == id
    assert reply.headers["x-acs-request-id"] == reply.json["RequestId"]
    # The page's own id is cut short: it is none.
    reply = await mps("CancelJob", JobId="d1ce4d3efcb549419193f50f1fcd****")
    assert (reply.status, reply.code) == (400, "InvalidParameter.UUIDFormatInvalid")
    reply = await mps("CancelJob")
    assert (reply.status, reply.code) == (400, "MissingParameter")
    assert "JobId" in reply.json["Message"]
    reply = await mps.send(query=mps.key.v1("CancelJob", {"JobId": id}, Format="XML"))
    assert (reply.xml.tag, [child.tag for child in reply.xml]) == ("CancelJobResponse", ["RequestId", "JobId"])


async def test_a_job_as_it_is_shown(mps: Mps, engine: Engine, tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    pipeline = await mps.pipeline()
    reply = await mps.submit(
        pipeline,
        {"OutputObject": "made%20by%20{FileName}{ExtName}.mp4", "TemplateId": "mp4", "Priority": "9", "UserData": "ü"},
        Input={"Bucket": "in", "Location": "oss-cn-hangzhou", "Object": "x/b%20%C3%BC.mov"},
    )
    (result,) = reply.json["JobResultList"]["JobResult"]
    assert list(result) == ["Success", "Job"] and result["Success"] is True
    job = result["Job"]
    assert datetime.strptime(job["CreationTime"], TIME).replace(tzinfo=UTC) >= before
    assert job == {
        "JobId": job["JobId"],
        "State": "Submitted",
        "Percent": 0,
        "PipelineId": pipeline,
        "CreationTime": job["CreationTime"],
        "SubmitTime": job["CreationTime"],
        "Input": {"Bucket": "in", "Location": "oss-cn-hangzhou", "Object": "x/b%20%C3%BC.mov"},
        "Output": {
            "OutputFile": {"Bucket": "out", "Location": "oss-cn-hangzhou", "Object": "made%20by%20b%20%C3%BC.mov.mp4"},
            "TemplateId": "mp4",
            "UserData": "ü",
            "Priority": "9",
        },
    }
    assert await mps.shown(job["JobId"]) == job
    found = await engine.insights.job(await vidispine(engine))
    assert (found.type, found.priority, found.user) == ("TRANSCODE", Priority.HIGHEST, "ann")
    assert dict(found.data) == {
        "sourceUri": [(tmp_path / "in/x/b%20%C3%BC.mov").as_uri().replace("%25", "%")],
        "destinationUri": [(tmp_path / "out/made%20by%20b%20%C3%BC.mov.mp4").as_uri().replace("%25", "%")],
        "tag": ["mp4"],
        "overwrite": ["true"],
        "queue": [pipeline],
    }
    # A priority that was given later by another face says nothing of the number.
    await engine.commands.prioritise(ADMIN, f"VX-{found.id}", Priority.LOW)
    assert (await mps.shown(job["JobId"]))["Output"]["Priority"] == "3"


async def test_each_output_is_a_job_and_one_that_cannot_be_taken_is_said_why(mps: Mps, engine: Engine) -> None:
    pipeline = await mps.pipeline()
    outputs: list[tuple[Any, str]] = [
        ({"OutputObject": "a.mp4", "TemplateId": "mp4", "Priority": 1}, ""),
        ({"OutputObject": "a.mp4", "TemplateId": "nothing"}, "InvalidParameter.TemplateNotFound"),
        ({"OutputObject": "a.mp4"}, "InvalidParameter.NullValue"),
        ({"OutputObject": "", "TemplateId": "mp4"}, "InvalidParameter.EmptyValue"),
        ({"OutputObject": "../a.mp4", "TemplateId": "mp4"}, "InvalidParameter"),
        ({"OutputObject": "%2Fetc%2Fpasswd", "TemplateId": "mp4"}, "InvalidParameter"),
        ({"OutputObject": "a%00", "TemplateId": "mp4"}, "InvalidParameter"),
        ({"OutputObject": "a%FF", "TemplateId": "mp4"}, "InvalidParameter"),
        ({"OutputObject": "a/", "TemplateId": "mp4"}, "InvalidParameter"),
        ({"OutputObject": "a" * 1024, "TemplateId": "mp4"}, "InvalidParameter"),
        ({"OutputObject": "a.mp4", "TemplateId": "mp4", "Priority": "11"}, "InvalidParameter.OutOfRange"),
        ({"OutputObject": "a.mp4", "TemplateId": "mp4", "Priority": 0}, "InvalidParameter.OutOfRange"),
        ({"OutputObject": "a.mp4", "TemplateId": "mp4", "Priority": "high"}, "InvalidParameter.NumberFormatInvalid"),
        ({"OutputObject": "a.mp4", "TemplateId": "mp4", "UserData": "x" * 1025}, "InvalidParameter.OutOfRange"),
        ({"OutputObject": "a.mp4", "TemplateId": "mp4", "Rotate": "90"}, "InvalidParameter.NotSupported"),
        ("a.mp4", "InvalidParameter.JsonObjectFormatInvalid"),
        ({"OutputObject": "b.mp4", "TemplateId": "proxy", "WaterMarks": [], "Rotate": ""}, ""),
    ]
    reply = await mps.submit(pipeline, *(output for output, _ in outputs))
    results = reply.json["JobResultList"]["JobResult"]
    assert [one.get("Code", "") for one in results] == [code for _, code in outputs]
    assert all(one["Success"] == ("Job" in one) == ("Message" not in one) for one in results)
    assert len(await engine.events()) == 2
    assert results[0]["Job"]["Output"]["Priority"] == "1" and results[-1]["Job"]["Output"]["Priority"] == "6"


async def test_as_many_outputs_as_there_may_be_with_the_longest_texts(mps: Mps, engine: Engine) -> None:
    data = "日" * 341
    outputs = [
        {"OutputObject": f"{number}{'a' * 900}.mp4", "TemplateId": "mp4", "UserData": data} for number in range(30)
    ]
    results = (await mps.submit(await mps.pipeline(), *outputs)).json["JobResultList"]["JobResult"]
    assert [one["Job"]["Output"]["UserData"] for one in results] == [data] * 30


GOOD = {"Bucket": "in", "Object": "a.mov"}


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"Input": None}, 400, "MissingParameter"),
        ({"Input": "{"}, 400, "InvalidParameter.JsonFormatInvalid"),
        ({"Input": "[]"}, 400, "InvalidParameter.JsonObjectFormatInvalid"),
        ({"Input": {"Bucket": "in"}}, 400, "InvalidParameter.NullValue"),
        ({"Input": {**GOOD, "Bucket": "../x"}}, 400, "InvalidParameter"),
        ({"Input": {**GOOD, "Bucket": "."}}, 400, "InvalidParameter"),
        ({"Input": {**GOOD, "Bucket": 1}}, 400, "InvalidParameter"),
        ({"Input": {**GOOD, "Object": "a/%2e%2e/b"}}, 400, "InvalidParameter"),
        ({"Input": {**GOOD, "Location": 1}}, 400, "InvalidParameter"),
        ({"OutputBucket": None}, 400, "MissingParameter"),
        ({"OutputBucket": "a/b"}, 400, "InvalidParameter"),
        ({"PipelineId": None}, 400, "MissingParameter"),
        ({"PipelineId": "x"}, 400, "InvalidParameter.UUIDFormatInvalid"),
        ({"PipelineId": "0" * 32}, 404, "InvalidParameter.ResourceNotFound"),
        ({"Outputs": "{}"}, 400, "InvalidParameter.JsonArrayFormatInvalid"),
        ({"Outputs": "[]"}, 400, "InvalidParameter.OutOfRange"),
        ({"Outputs": [{}] * 31}, 400, "InvalidParameter.OutOfRange"),
        ({"Outputs": "[" * 10_000}, 400, "InvalidParameter.JsonFormatInvalid"),
        ({"Outputs": '["\\u0000"]'}, 400, "InvalidParameter.JsonFormatInvalid"),
        ({"Outputs": '["\\ud800"]'}, 400, "InvalidParameter.JsonFormatInvalid"),
        ({"Outputs": "[NaN]"}, 400, "InvalidParameter.JsonFormatInvalid"),
        ({"Outputs": "[" + "9" * 5000 + "]"}, 400, "InvalidParameter.JsonFormatInvalid"),
        ({"Outputs": '["' + "x" * 530_000 + '"]'}, 400, "InvalidParameter.JsonFormatInvalid"),
    ],
)
async def test_jobs_that_cannot_be_submitted(
    mps: Mps, engine: Engine, given: dict[str, Any], status: int, code: str
) -> None:
    reply = await mps.submit(await mps.pipeline(), **given)
    assert (reply.status, reply.code) == (status, code)
    assert await engine.events() == []


async def test_the_life_of_a_job(mps: Mps, engine: Engine, media: Media) -> None:
    pipeline = await mps.pipeline()
    media.go.clear()
    id = await mps.job(pipeline)
    running = await until(mps, id, "Transcoding")
    async with asyncio.timeout(10):
        while running["Percent"] == 0:
            await asyncio.sleep(0.02)
            running = await mps.shown(id)
    assert running["Percent"] == 43 and "FinishTime" not in running
    reply = await mps("CancelJob", JobId=id)
    assert (reply.status, reply.code) == (403, "PermissionDenied.JobInRunning")
    media.go.set()
    done = await until(mps, id, "TranscodeSuccess", "TranscodeFail")
    assert (done["State"], done["Percent"]) == ("TranscodeSuccess", 100)
    assert done["FinishTime"] >= done["CreationTime"]
    assert (await mps("CancelJob", JobId=id)).code == "PermissionDenied.JobInComplete"

    media.outcome = Fail("The picture is upside down.")
    id = await mps.job(pipeline)
    failed = await until(mps, id, "TranscodeSuccess", "TranscodeFail")
    assert (failed["State"], failed["Code"]) == ("TranscodeFail", "TranscodeFail")
    assert failed["Message"] == "The picture is upside down."
    assert (await mps("CancelJob", JobId=id)).code == "PermissionDenied.JobInFailure"

    media.outcome = Wait("TEST", {}, "It waits.")
    id = await mps.job(pipeline)
    await engine.until(await vidispine(engine), JobState.WAITING)
    assert (await mps.shown(id))["State"] == "Transcoding"
    assert (await mps("CancelJob", JobId=id)).code == "PermissionDenied.JobInRunning"
    # What another face aborts is cancelled here.
    await engine.commands.abort(ADMIN, await vidispine(engine), reason=None, cleanup=True)
    assert (await until(mps, id, "TranscodeCancelled"))["FinishTime"]
    assert (await mps("CancelJob", JobId=id)).code == "", "it is cancelled: that is no error"


async def test_pause_cancel_activate(mps: Mps, engine: Engine, media: Media) -> None:
    """The recipe of the page: nothing that was Submitted when the pause was answered starts before it is cancelled."""
    pipeline = await mps.pipeline()
    others = await mps.pipeline()
    for _ in range(5):
        ids = [await mps.job(pipeline) for _ in range(4)]
        other = await mps.job(others)
        await mps("UpdatePipeline", PipelineId=pipeline, Name="p", State="Paused")
        queued = [id for id in ids if (await mps.shown(id))["State"] == "Submitted"]
        answers = await asyncio.gather(*(mps("CancelJob", JobId=id) for id in queued))
        assert [answer.code for answer in answers] == [""] * len(queued)
        await until(mps, other, "TranscodeSuccess")
        held = await mps.job(pipeline)
        assert (await mps.shown(held))["State"] == "Submitted"
        await mps("UpdatePipeline", PipelineId=pipeline, Name="p", State="Active")
        await until(mps, held, "TranscodeSuccess")
        states = [(await until(mps, id, "TranscodeSuccess", "TranscodeCancelled"))["State"] for id in ids]
        assert [id for id, state in zip(ids, states, strict=True) if state == "TranscodeCancelled"] == queued


async def test_a_cancellation_and_a_start_at_the_same_moment(mps: Mps, media: Media) -> None:
    pipeline = await mps.pipeline()
    for _ in range(10):
        id = await mps.job(pipeline)
        answer = await mps("CancelJob", JobId=id)
        end = await until(mps, id, "TranscodeSuccess", "TranscodeCancelled")
        assert (answer.code == "") == (end["State"] == "TranscodeCancelled"), "what is answered is what happens"


async def test_jobs_are_asked_for_by_their_ids(mps: Mps, engine: Engine) -> None:
    pipeline = await mps.pipeline()
    ids = [await mps.job(pipeline) for _ in range(3)]
    unknown = "f" * 32
    found = (await mps("QueryJobList", JobIds=f"{ids[2]}, {unknown},{ids[0]},{ids[2]},")).json
    assert list(found) == ["RequestId", "JobList", "NonExistJobIds"]
    assert [job["JobId"] for job in found["JobList"]["Job"]] == [ids[2], ids[0]]
    assert found["NonExistJobIds"] == {"String": [unknown]}
    assert (await mps("QueryJobList", JobIds=unknown)).json["JobList"] == {"Job": []}
    for text, code in (("", "InvalidParameter.EmptyValue"), (",", "InvalidParameter.EmptyValue"), ("x", "InvalidParameter.UUIDFormatInvalid"),
                       (",".join(f"{n:032x}" for n in range(11)), "InvalidParameter.OutOfRange")):  # fmt: skip
        assert (await mps("QueryJobList", JobIds=text)).code == code
    # One that another face submitted, with what can be told of it here.
    await engine.commands.submit(ADMIN, "TRANSCODE", Priority.LOWEST, {"sourceUri": ["http://h/a.mov"]})
    (job, *_) = (await mps("ListJob")).json["JobList"]["Job"]
    assert "Input" not in job and job["Output"] == {"Priority": "1"}
    assert (await mps("CancelJob", JobId=job["JobId"])).status == 200


async def test_the_list_goes_page_by_page_the_newest_first(mps: Mps, engine: Engine) -> None:
    one, other = await mps.pipeline(), await mps.pipeline()
    ids = [await mps.job(one if n % 2 else other) for n in range(7)]
    await engine.commands.submit(ADMIN, "THUMBNAIL", Priority.LOW, {})
    await mps("CancelJob", JobId=ids[3])

    async def listed(**given: Any) -> list[str]:
        found: list[str] = []
        token: str | None = ""
        while token is not None:
            reply = (await mps("ListJob", MaximumPageSize="2", NextPageToken=token or None, **given)).json
            assert len(reply["JobList"]["Job"]) <= 2
            found += [job["JobId"] for job in reply["JobList"]["Job"]]
            token = reply.get("NextPageToken")
        return found

    assert await listed() == ids[::-1] == await listed(State="All")
    assert await listed(PipelineId=one) == ids[5::-2]
    assert await listed(State="TranscodeCancelled") == [ids[3]]
    assert await listed(State="Submitted", PipelineId=one) == [ids[5], ids[1]]
    assert await listed(State="TranscodeSuccess") == [] == await listed(PipelineId="0" * 32)
    now = datetime.now(UTC)
    soon, past = ((now + timedelta(minutes=minutes)).strftime(TIME) for minutes in (1, -1))
    assert await listed(StartOfJobCreatedTimeRange=past, EndOfJobCreatedTimeRange=soon) == ids[::-1]
    assert await listed(StartOfJobCreatedTimeRange=soon) == [] == await listed(EndOfJobCreatedTimeRange=past)
    for given, code in (({"State": "READY"}, "InvalidParameter.InvalidState"), ({"MaximumPageSize": "0"}, "InvalidParameter.OutOfRange"),
                        ({"MaximumPageSize": "x"}, "InvalidParameter.NumberFormatInvalid"), ({"NextPageToken": "x"}, "InvalidParameter.UUIDFormatInvalid"),
                        ({"NextPageToken": "0" * 32}, "InvalidParameter.ResourceNotFound"), ({"PipelineId": "*"}, "InvalidParameter.UUIDFormatInvalid"),
                        ({"StartOfJobCreatedTimeRange": "today"}, "InvalidParameter")):  # fmt: skip
        assert (await mps("ListJob", **given)).code == code


async def test_within_a_priority_the_higher_number_goes_first(mps: Mps, engine: Engine) -> None:
    pipeline = await mps.pipeline()
    await mps("UpdatePipeline", PipelineId=pipeline, Name="p", State="Paused")
    ids: list[str] = []
    for number in (9, 10, 9):
        output = {"OutputObject": f"made-{len(ids)}.mp4", "TemplateId": "mp4", "Priority": str(number)}
        (result,) = (await mps.submit(pipeline, output)).json["JobResultList"]["JobResult"]
        ids.append(result["Job"]["JobId"])
    engine.concurrent_jobs = 1
    engine.worker(Media(), name="media")
    engine.scheduler()
    await mps("UpdatePipeline", PipelineId=pipeline, Name="p", State="Active")
    for id in ids:
        await until(mps, id, "TranscodeSuccess")
    began = [job for job, step, _, new in await engine.events() if step is None and new == "STARTED"]
    assert began == [2, 1, 3]
