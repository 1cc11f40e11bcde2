"""The operations of the face, each as its page says."""

from __future__ import annotations

import asyncio
import json
import re
from io import BytesIO
from typing import Any

import pytest

from tests.integration.api.arcgis.conftest import Gis
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState

ID = re.compile(r"j[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The document of the page, field by field.
FIELDS = ["jobId", "inputs", "messages", "type", "results", "status", "username", "customAttributes"]
INPUTS = ["serviceItemId", "requestedResolutions", "fileIds", "serviceUrl"]
ATTRIBUTES = ["messageCodes", "savingToStorage", "newLayerId"]


async def add_layer(gis: Gis, **more: Any) -> Any:
    """Register a file and add a layer of it to the service Cheyenne_TS."""
    file = await gis("POST", "/rest/uploads/register", fileName="sample.ts")
    assert list(file) == ["date", "fileName", "committed", "fileId"]
    wanted = {
        "type": "ondemand",
        "name": "Cheyenne_TS",
        "dataSource": {"fileIds": file["fileId"], "requestedResolutions": "fhd"},
        "serviceItemId": "f17630387bee47b88fe001f7875eb18a",
        **more,
    }
    return await gis("POST", "/rest/services/Cheyenne_TS/addLayer", createParameters=json.dumps(wanted))


async def test_a_client_can_follow_what_it_adds(gis: Gis, engine: Engine) -> None:
    made = await add_layer(gis)
    assert list(made) == ["jobId", "success"] and made["success"] is True and ID.fullmatch(made["jobId"])
    job = await gis("GET", f"/rest/jobs/job/{made['jobId']}")
    assert list(job) == FIELDS and list(job["inputs"]) == INPUTS and list(job["customAttributes"]) == ATTRIBUTES
    assert job["type"] == "Publish Streaming Service" and job["username"] == "portaladmin"
    assert job["status"] == "SUBMITTED" and job["messages"] == [] and job["results"] == {}
    assert job["inputs"]["requestedResolutions"] == "fhd"
    assert job["inputs"]["serviceItemId"] == "f17630387bee47b88fe001f7875eb18a"
    assert job["inputs"]["serviceUrl"].endswith("/arcgis/rest/services/Cheyenne_TS/VideoServer")
    assert job["customAttributes"] == {"messageCodes": [], "savingToStorage": True, "newLayerId": 0}
    await transcoded(engine)
    job = await gis("GET", f"/rest/jobs/{made['jobId']}")
    assert job["status"] == "COMPLETED"
    assert job["results"] == {"layerId": 0, "layerName": "Cheyenne_TS", "serviceName": "Cheyenne_TS"}
    assert list(job["results"]) == ["layerId", "layerName", "serviceName"]
    assert job["messages"] == [
        "Setting up", "Performing media check", "Transcoding", "Performing media check of the result", "Finalizing",
    ]  # fmt: skip
    assert job["customAttributes"]["messageCodes"] == [117, 154, 159, 158, 118]


#: What the page "Job" prints, "JSON Response example".
PRINTED = """{
  "jobId": "j1b81346f-1460-482a-94f0-72b78ee843e5",
  "inputs": {
    "serviceItemId": "f17630387bee47b88fe001f7875eb18a",
    "requestedResolutions": "fhd",
    "fileIds": "ib8abf0cb-8739-48b0-9db5-a8547d1139aa",
    "serviceUrl": "https://organization.example.com/video/rest/services/Cheyenne_TS/VideoServer"
  },
  "messages": ["Starting Ingest", "Probing Video Codec", "Probing Audio", "Ingest Complete"],
  "type": "Publish Streaming Service",
  "results": {"layerId": 0, "layerName": "Cheyenne_TS", "serviceName": "Cheyenne_TS"},
  "status": "COMPLETED",
  "username": "portaladmin",
  "customAttributes": {"messageCodes": [117, 154, 155, 118], "savingToStorage": true, "newLayerId": 0}
}"""


def shape(value: Any) -> Any:
    """Return what a document is made of: names in their order, and the kinds of what they name."""
    if isinstance(value, dict):
        return [(name, shape(one)) for name, one in value.items()]
    if isinstance(value, list):
        return sorted({type(one).__name__ for one in value})
    return type(value).__name__


async def test_the_answer_that_is_printed_in_the_page(gis: Gis, engine: Engine) -> None:
    id = (await add_layer(gis))["jobId"]
    await transcoded(engine)
    # "Example usage", but for whose job and token it is.
    async with gis.client.get(f"/arcgis/rest/jobs/job/{id}?f=pjson&token={gis.token}") as answer:
        assert (answer.status, answer.content_type) == (200, "text/plain")
        text = await answer.text()
    job, printed = json.loads(text), json.loads(PRINTED)
    assert shape(job) == shape(printed)
    assert len(job["messages"]) == len(job["customAttributes"]["messageCodes"]) > 0
    # What does not depend on which file it was, and when, is the same to the letter.
    same = ("type", "results", "status", "username")
    assert {name: job[name] for name in same} == {name: printed[name] for name in same}
    assert len(id) == len(printed["jobId"]) and text == json.dumps(job, indent=2)
    # The job of the page's request is none of ours.
    none = "/arcgis/rest/jobs/job/jbd104d76-9e2b-48cd-a9f9-487126902b6e?f=pjson&token="
    for token, code in ((gis.token, 404), ("", 499), ("%3Ctoken%3E", 498)):
        async with gis.client.get(none + token) as answer:
            assert (answer.status, json.loads(await answer.text())["error"]["code"]) == (200, code)


async def transcoded(engine: Engine) -> None:
    """Let the first job run to its end; its steps are done at once."""
    acts: Any = dict.fromkeys(("setUp", "checkSource", "transcode", "checkResult", "finish", "cleanUp"), _done)
    engine.worker(ScriptedExecutor(**acts), name="media")
    engine.scheduler()
    await engine.until("VX-1")


async def _done(step: StepContext) -> Outcome:
    return Done()


async def test_layers_are_numbered_and_clips_are_made_of_them(gis: Gis, engine: Engine) -> None:
    numbers = []
    for _ in range(2):
        made = await add_layer(gis)
        numbers.append((await gis("GET", f"/rest/jobs/{made['jobId']}"))["customAttributes"]["newLayerId"])
    assert numbers == [0, 1]
    taken = await add_layer(gis, id=1)
    assert taken["error"]["code"] == 400 and "has a layer 1 already" in taken["error"]["details"][0]
    span = json.dumps({"start": "0", "end": "2"})
    wanted: dict[str, Any] = {"expiry": "60", "quality": "SD", "name": "TestClip", "format": "ts", "async": "true"}
    clip = await gis("POST", "/rest/services/Cheyenne_TS/VideoServer/01/clip", timeRange=span, **wanted)
    job = await gis("GET", f"/rest/jobs/job/{clip['jobId']}")
    assert job["type"] == "Export Clip" and job["inputs"]["requestedResolutions"] == "sd"
    stored = await engine.insights.job("VX-3")
    assert (stored.data["startTime"], stored.data["endTime"]) == (["0"], ["2"])
    assert stored.data["destinationUri"][0].endswith("/services/Cheyenne_TS/clips/TestClip.ts")
    listed = await gis("GET", "/rest/jobs")
    assert listed["asyncJobs"] == listed["jobs"] and listed["jobs"][0] == clip["jobId"] and len(listed["jobs"]) == 3
    assert (await gis("GET", "/rest/jobs", start="2", num="1"))["jobs"] == listed["jobs"][1:2]


async def test_a_job_that_failed_shows_the_step_it_failed_on_as_the_last(gis: Gis, engine: Engine) -> None:
    async def fail(step: StepContext) -> Outcome:
        return Fail("no such codec") if step.step == 200 else Done()

    engine.worker(ScriptedExecutor(work=fail))
    engine.scheduler()
    id = await engine.submit()
    await engine.until(id, JobState.FAILED_TOTAL)
    shown = await gis("GET", f"/rest/jobs/job/{(await gis('GET', '/rest/jobs'))['jobs'][0]}")
    assert shown["status"] == "FAILED" and shown["messages"] == ["Step 100", "Step 200"]
    assert shown["customAttributes"]["messageCodes"] == [0, 0] and shown["results"] == {} and shown["type"] == "WORK"


async def test_a_job_of_another_face_is_followed_to_its_abort(gis: Gis, engine: Engine) -> None:
    going = asyncio.Event()

    async def wait(step: StepContext) -> Outcome:
        if step.step == 100:
            going.set()
            await asyncio.Event().wait()
        return Done()

    engine.worker(ScriptedExecutor(work=wait))
    engine.scheduler()
    id = await engine.submit()
    await asyncio.wait_for(going.wait(), 15)
    name = (await gis("GET", "/rest/jobs"))["jobs"][0]
    assert (await gis("GET", f"/rest/jobs/{name}"))["status"] == "EXECUTING"
    await engine.commands.abort(ADMIN, id, reason=None, cleanup=True)
    assert (await gis("GET", f"/rest/jobs/{name}"))["status"] in ("CANCELLING", "CANCELLED")
    await engine.until(id, JobState.ABORTED)
    assert (await gis("GET", f"/rest/jobs/{name}"))["status"] == "CANCELLED"


async def test_three_formats(gis: Gis, engine: Engine) -> None:
    await engine.commands.submit(ADMIN, "WORK", Priority.MEDIUM, {"fileUri": ["<b>&"]})
    name = (await gis("GET", "/rest/jobs"))["jobs"][0]
    address = f"/arcgis/rest/jobs/job/{name}?token={gis.token}"
    pretty = await gis.client.get(f"{address}&f=PJson")
    assert '\n  "jobId"' in await pretty.text() and pretty.content_type == "text/plain"
    for query in ("", "&f=html"):
        page = await gis.client.get(address + query)
        assert page.content_type == "text/html" and "In Progress" in await page.text()
    wrong = await gis("GET", f"/rest/jobs/job/{name}", f="xml")
    assert wrong["error"]["code"] == 400


async def test_a_token_comes_in_three_places(gis: Gis) -> None:
    bearer = {"X-Esri-Authorization": f"Bearer {gis.token}", "Referer": "http"}
    assert "jobs" in await gis("GET", "/rest/jobs", token=False, headers=bearer)
    assert "jobs" in await gis("POST", "/rest/jobs")
    assert "jobs" in await gis("GET", "/rest/jobs")
    me = await gis("GET", "/sharing/rest/community/self")
    assert me["username"] == "portaladmin" and me["role"] == "org_admin"
    exchanged = await gis("POST", "/rest/generateToken", serverUrl="http://here/arcgis/rest")
    assert list(exchanged) == ["token", "expires", "ssl"] and exchanged["token"] != gis.token
    info = await gis("GET", "/rest/info", token=False)
    assert info["authInfo"]["tokenServicesUrl"].endswith("/arcgis/tokens/generateToken")


@pytest.mark.parametrize(
    ("path", "token", "code", "message"),
    [
        ("/rest/jobs", None, 499, "Token Required"),
        ("/rest/jobs", "wrong", 498, "Invalid Token"),
        ("/rest/jobs", "\N{SNOWMAN}" * 10, 498, "Invalid Token"),
        ("/rest/nothing", None, 499, "Token Required"),
        ("/rest/nothing", "", 404, "Resource not found."),
        ("/rest/services/S/VideoServer/0/explode", "", 404, "Resource not found."),
        ("/rest/services/S/addLayer", "", 400, "Invalid or missing input parameters."),
        ("/rest/jobs/job/j7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab", "", 404, "Resource not found."),
        ("/rest/jobs/job/VX-1", "", 404, "Resource not found."),
        ("/rest/jobs/job/%00", "", 404, "Resource not found."),
        ("/rest/jobs/job/%ff", "", 400, "Invalid or missing input parameters."),
        ("/rest/uploads/register", "", 400, "Invalid or missing input parameters."),
        ("/tokens/generateToken", None, 400, "Invalid or missing input parameters."),
    ],
)
async def test_an_error_is_a_document(gis: Gis, path: str, token: str | None, code: int, message: str) -> None:
    query = "" if token is None else f"&token={token or gis.token}"
    async with gis.client.get(f"/arcgis{path}?f=json{query}") as answer:
        assert answer.status == 200
        error = (await answer.json())["error"]
    assert list(error) == ["code", "message", "details"] and (error["code"], error["message"]) == (code, message)


async def test_roles_count(gis: Gis) -> None:
    await gis.log_in("nobody")
    assert (await gis("GET", "/rest/jobs"))["error"]["code"] == 403
    await gis.log_in("reader")
    assert "jobs" in await gis("GET", "/rest/jobs")
    assert (await gis("POST", "/rest/uploads/register", fileName="a.ts"))["error"]["code"] == 403


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"username": "portaladmin"},
        {"username": "portaladmin", "password": "wrong"},
        {"username": "x" * 5000, "password": "\x00"},
    ],
)
async def test_a_wrong_password_is_no_token(gis: Gis, given: dict[str, Any]) -> None:
    error = (await gis("POST", "/tokens/generateToken", token=False, **given))["error"]
    assert error["code"] == 400
    if "\x00" not in given.get("password", ""):
        assert error == {
            "code": 400,
            "message": "Unable to generate token.",
            "details": ["Invalid username or password."],
        }


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("Cheyenne_TS/addLayer", {"createParameters": "{"}),
        ("Cheyenne_TS/addLayer", {"createParameters": "[" * 100_000}),
        ("Cheyenne_TS/addLayer", {"createParameters": '{"name": "x", "fileIds": ["i", "j"]}'}),
        ("Cheyenne_TS/addLayer", {"createParameters": '{"name": "../x", "fileIds": "i7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab"}'}),
        ("Cheyenne_TS/addLayer", {"createParameters": '{"name": "x", "fileIds": "i7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab"}'}),
        ("Cheyenne_TS/addLayer", {"createParameters": '{"name": "x", "type": "livestream"}'}),
        ("%2e%2e/addLayer", {"createParameters": "{}"}),
        ("Cheyenne_TS/VideoServer/7/clip", {"timeRange": '{"start": 0, "end": 1}', "async": "true"}),
        ("Cheyenne_TS/VideoServer/x/clip", {"timeRange": '{"start": 0, "end": 1}', "async": "true"}),
        ("Cheyenne_TS/VideoServer/0/clip", {"timeRange": '{"start": 2, "end": 1}', "async": "true"}),
        ("Cheyenne_TS/VideoServer/0/clip", {"timeRange": '{"start": "nan", "end": "inf"}', "async": "true"}),
        ("Cheyenne_TS/VideoServer/0/clip", {"timeRange": '{"start": 0, "end": 1}', "async": "false"}),
        ("Cheyenne_TS/VideoServer/0/clip", {"timeRange": '{"start": 0, "end": 1}', "async": "true", "name": "a/b"}),
    ],
)  # fmt: skip
async def test_what_cannot_be_made_is_refused_and_nothing_is(gis: Gis, path: str, given: dict[str, Any]) -> None:
    await gis("POST", "/rest/uploads/register", fileName="sample.ts")
    error = (await gis("POST", f"/rest/services/{path}", **given))["error"]
    assert error["code"] in (400, 404), error
    assert (await gis("GET", "/rest/jobs"))["jobs"] == []


def _parts(*parts: bytes) -> bytes:
    return b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)


@pytest.mark.parametrize("operation", ["uploads/register", "services/S/addLayer", "services/S/VideoServer/0/clip"])
async def test_a_hostile_form_is_refused_and_nothing_is_made(gis: Gis, engine: Engine, operation: str) -> None:
    named = b'name="fileName"\r\n\r\nsample.ts'
    for kind, body in (
        # No end, no name, no boundary, nothing but beginnings, a part in a part, a file where a text belongs.
        ("multipart/form-data; boundary=x", _parts(named)),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n"),
        ("multipart/form-data", b"junk"),
        ("multipart/form-data; boundary=" + "x" * 100, _parts(named)),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 1000),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"X-Long: " + b"y" * 100_000 + b"\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 50),
        ("multipart/form-data; boundary=x", _parts(b'name="fileName"; filename="../../a"\r\n\r\nb') + b"--x--\r\n"),
        ("application/x-www-form-urlencoded", b"a=%ff&f=json&" + b"&" * 5000),
        ("application/x-www-form-urlencoded; charset=nonsense", b"fileName=a.ts"),
        ("application/x-www-form-urlencoded", b"fileName=" + b"a" * (11 * 1024 * 1024)),
    ):
        async with gis.client.post(
            f"/arcgis/rest/{operation}?f=json&token={gis.token}", data=BytesIO(body), headers={"Content-Type": kind}
        ) as answer:
            assert answer.status == 200
            document = await answer.json()
        assert document["error"]["code"] in (400, 413), (kind, document)
    assert (await gis("GET", "/rest/jobs"))["jobs"] == []
    async with engine.database.session() as session:
        assert await session._connection.fetchval("SELECT count(*) FROM face_record") == 0


async def test_a_token_that_is_too_old_is_as_good_as_a_wrong_one(gis: Gis, engine: Engine) -> None:
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE token SET expires_at = now() - interval '1 second'")
    error = (await gis("POST", "/rest/uploads/register", fileName="a.ts"))["error"]
    assert (error["code"], error["message"]) == (498, "Invalid Token")
