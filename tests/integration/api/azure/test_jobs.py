"""Jobs as the page has them: submitted, listed, followed, changed, canceled, deleted."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.api.azure.conftest import ATOM, BODY, ENCODER, MINIMAL, VERBOSE, Media
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState

ID = re.compile(r"nb:jid:UUID:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The properties of the pages' answers, in their order.
PROPERTIES = [
    "Id", "Name", "Created", "LastModified", "EndTime", "Priority", "RunningDuration", "StartTime", "State", "TemplateId",
    "JobNotificationSubscriptions",
]  # fmt: skip
LINKS = ["Tasks", "OutputMediaAssets", "InputMediaAssets"]
#: What the page shows of every answer's headers, but for those of the connection.
HEADERS = ["Cache-Control", "Content-Type", "Server", "request-id", "x-ms-request-id", "X-Content-Type-Options", "DataServiceVersion", "X-Powered-By", "Date"]  # fmt: skip


async def test_the_first_example_of_the_page(media: Media) -> None:
    asset = await media.asset()
    name = quote(asset, safe="")
    # As it is printed, but for the id of the asset.
    body = (
        '{"Name" : "NewTestJob", "InputMediaAssets" : [{"__metadata" : {"uri" : "https://media.windows.net/api/Assets'
        f'(\'{name}\')"}}}}], "Tasks" : [{{"Configuration" : "H.264 HD 720p VBR", "MediaProcessorId" : '
        '"nb:mpid:UUID:2f381738-c504-4e4a-a38e-d199e207fcd5", "TaskBody" : "<?xml version=\\"1.0\\" encoding=\\"utf-8\\"?><taskBody>'
        '<inputAsset>JobInputAsset(0)</inputAsset><outputAsset>JobOutputAsset(0)</outputAsset></taskBody>"}]}'
    )
    asked = {"DataServiceVersion": "3.0", "MaxDataServiceVersion": "3.0", "x-ms-version": "2.11"}
    made = await media("POST", "api/Jobs", body, headers=asked)
    assert made.status == 201 and set(HEADERS) <= set(made.headers)
    assert made.headers["DataServiceVersion"] == "3.0;" and made.headers["Content-Type"] == f"{VERBOSE};charset=utf-8"
    assert list(made.d) == ["__metadata", *LINKS, *PROPERTIES]
    job = made.d
    assert ID.fullmatch(job["Id"]) and job["Name"] == "NewTestJob" and job["State"] == 0 and job["Priority"] == 0
    assert job["EndTime"] is None and job["StartTime"] is None and job["RunningDuration"] == 0
    assert list(job["__metadata"]) == ["id", "uri", "type"]
    assert job["__metadata"]["type"] == "Microsoft.Cloud.Media.Vod.Rest.Data.Models.Job"
    assert made.headers["Location"] == job["__metadata"]["uri"] == job["__metadata"]["id"]
    assert job["JobNotificationSubscriptions"]["results"] == []
    followed = await media.client.session.get(
        job["__metadata"]["uri"], headers={"Authorization": f"Bearer {media.token}", "Accept": VERBOSE}
    )
    assert (await followed.json(content_type=None))["d"]["Id"] == job["Id"]


async def test_one_job_in_three_formats_and_every_spelling_of_its_path(media: Media) -> None:
    id = await media.submit()
    verbose = await media("GET", f"api/Jobs('{id}')")
    minimal = await media("GET", f"api/Jobs('{quote(id, safe='')}')", accept=MINIMAL)
    assert minimal.headers["Content-Type"] == "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
    document = json.loads(minimal.body)
    assert list(document) == ["odata.metadata", *PROPERTIES]
    assert document["odata.metadata"].endswith("/azure/api/$metadata#Jobs/@Element")
    atom = await media("GET", f"api/Jobs('{id}')", accept=None)
    assert atom.headers["Content-Type"] == "application/atom+xml;type=entry;charset=utf-8"
    assert re.findall(r"<d:(\w+)", atom.text) == PROPERTIES
    for path in (
        f"api//Jobs('{id}')",
        f"api/%2FJobs%28%27{id}%27%29",
        f"api%2FJobs('{id}')",
        f"api/Jobs(Id='{id}')",
        f"api/Jobs('{id}')/",
    ):
        assert (await media("GET", path)).d["Id"] == verbose.d["Id"], path
    assert (await media("GET", f"api/Jobs('{id}')/State")).d == {"State": 0}
    assert (await media("GET", f"api/Jobs('{id}')/State/$value")).text == "0"
    state = await media("GET", f"api/Jobs('{id}')/State", accept=ATOM)
    assert re.search(r'<d:State [^>]*m:type="Edm.Int32">0</d:State>', state.text)
    assert (await media("GET", f"api/Jobs('{id}')/InputMediaAssets")).d["results"][0]["Name"] == "BigBuckBunny.mp4"
    (output,) = (await media("GET", f"api/Jobs('{id}')/OutputMediaAssets")).d["results"]
    assert output["Name"] == "Output asset"
    (file,) = (await media("GET", f"api/Assets('{output['Id']}')/Files")).d["results"]
    assert file["Name"] == "BigBuckBunny_0.mp4"


async def test_a_list_is_filtered_sorted_counted_and_cut(media: Media, engine: Engine) -> None:
    asset = await media.asset()
    made = {}
    for name, priority in (("a'1", 40), ("b2", 30), ("c3", -5)):
        made[name] = (await media("POST", "api/Jobs", media.job(asset, name, Priority=priority))).d["Id"]
    await engine.submit()

    async def names(query: str) -> list[str]:
        reply = await media("GET", f"api/Jobs?{query}")
        assert reply.status == 200, reply.text
        return [job["Name"] for job in reply.d["results"]]

    everything = ["a'1", "b2", "c3", "WORK"]
    assert await names("") == everything
    assert await names("$orderby=Priority%20desc") == ["a'1", "b2", "WORK", "c3"]
    assert await names("$orderby=Name%20desc,Id&$top=2&$skip=1") == ["b2", "a'1"]
    assert await names("$filter=Name%20eq%20'a''1'") == ["a'1"]
    assert await names(f"$filter=Id%20eq%20'{made['b2']}'%20or%20'{made['c3']}'%20eq%20Id") == ["b2", "c3"]
    assert await names(f"$filter=Id%20ne%20'{made['b2']}'%20and%20Id%20ne%20'junk'") == ["a'1", "c3", "WORK"]
    assert await names("$filter=Priority%20gt%2029&$orderby=Priority") == ["b2", "a'1"]
    assert await names("$filter=State%20lt%203%20and%20startswith(Name,'c')") == ["c3"]
    assert await names("$filter=State%20eq%203%20or%20State%20eq%204") == []
    assert await names("$filter=TemplateId%20eq%20null%20and%20EndTime%20eq%20null") == everything
    assert await names("$filter=Created%20gt%20datetime'2099-01-01T00:00:00'") == []
    assert await names("$filter=RunningDuration%20eq%200d%20and%20substringof('2',Name)%20eq%20true") == ["b2"]
    assert await names("$filter=StartTime%20ne%20null%20or%20LastModified%20lt%20datetime'2000-01-01T00:00'") == []
    counted = await media("GET", "api/Jobs()?$inlinecount=allpages&$top=1&$filter=Priority%20ne%200")
    assert counted.d["__count"] == "3" and len(counted.d["results"]) == 1
    assert (await media("GET", "api/Jobs/$count")).text == "4"
    assert (await media("GET", "api/Jobs/$count?$filter=Priority%20eq%2040")).text == "1"
    light = json.loads((await media("GET", "api/Jobs?$inlinecount=allpages&$select=Name", accept=MINIMAL)).body)
    assert light["odata.count"] == "4" and light["value"][3] == {"Name": "WORK"}
    feed = await media("GET", "api/Jobs?$inlinecount=allpages", accept=ATOM)
    assert feed.text.count("<entry>") == 4 and "<m:count>4</m:count>" in feed.text
    assert feed.headers["Content-Type"] == "application/atom+xml;type=feed;charset=utf-8"
    # A state that only the steps can tell is asked of few.
    (other,) = (await media("GET", "api/Jobs?$filter=Name%20eq%20'WORK'")).d["results"]
    (whole,) = (await media("GET", f"api/Jobs('{other['Id']}')/Tasks")).d["results"]
    assert whole["Name"] == "WORK" and (await media("GET", f"api/Tasks('{whole['Id']}')")).d["Id"] == whole["Id"]


async def _run(engine: Engine, **acts: Any) -> ScriptedExecutor:
    executor = ScriptedExecutor(**acts)
    engine.worker(executor, name="task")
    engine.scheduler()
    return executor


async def test_tasks_become_a_graph_of_steps(media: Media, engine: Engine) -> None:
    def body(source: str, output: int) -> str:
        return (
            f"<taskBody><inputAsset>{source}</inputAsset><outputAsset>JobOutputAsset({output})</outputAsset></taskBody>"
        )

    configuration = {"Configuration": "H264 Adaptive Bitrate 720p", "MediaProcessorId": ENCODER}
    chain: list[dict[str, Any]] = [
        {"Name": "last", "TaskBody": body("JobOutputAsset(2)", 0), **configuration},
        {"Name": "first", "TaskBody": body("JobInputAsset(0)", 1), **configuration},
        {"Name": "middle", "TaskBody": body("JobOutputAsset(1)", 2), **configuration, "Priority": 7, "Options": "4"},
    ]
    id = await media.submit(Tasks=chain)
    orders = []

    async def run(step: StepContext) -> Outcome:
        orders.extend(json.loads(step.metadata["order"]))
        return Done()

    executor = await _run(engine, run=run)
    await engine.until("VX-1")
    assert [step for _, step in executor.calls] == [20, 30, 10]
    assert orders[0]["sourceUri"][0].endswith("/BigBuckBunny.mp4")
    assert (
        orders[1]["sourceUri"] == orders[0]["destinationUri"] and orders[2]["sourceUri"] == orders[1]["destinationUri"]
    )
    assert json.loads(orders[0]["transcodeJob"][0])["video"]["height"] == 720
    tasks = (await media("GET", f"api/Jobs('{id}')/Tasks")).d["results"]
    assert [task["Name"] for task in tasks] == ["last", "first", "middle"]
    assert all(task["State"] == 3 and task["Progress"] == 100 and task["EndTime"] for task in tasks)
    assert (tasks[2]["Priority"], tasks[2]["Options"]) == (7, 4)
    one = await media("GET", f"api/Tasks('{tasks[1]['Id']}')")
    assert one.d["TaskBody"] == chain[1]["TaskBody"]
    (made,) = (await media("GET", f"api/Tasks('{tasks[1]['Id']}')/OutputMediaAssets")).d["results"]
    (read,) = (await media("GET", f"api/Tasks('{tasks[2]['Id']}')/InputMediaAssets")).d["results"]
    assert made["Id"] == read["Id"]
    assert len((await media("GET", "api/Tasks?$filter=State%20eq%203&$orderby=Name%20desc&$top=2")).d["results"]) == 2
    job = (await media("GET", f"api/Jobs('{id}')")).d
    assert job["State"] == 3 and job["EndTime"] and job["StartTime"] and job["RunningDuration"] >= 0


async def test_a_task_that_fails_says_why_and_the_others_are_canceled(media: Media, engine: Engine) -> None:
    tries = 0

    async def fail(step: StepContext) -> Outcome:
        nonlocal tries
        tries += 1
        return Retry("not yet") if tries == 1 else Fail("no such codec")

    source, second = (
        "JobInputAsset(0)",
        BODY.replace("JobInputAsset(0)", "JobOutputAsset(0)").replace("JobOutputAsset(0)<", "JobOutputAsset(1)<"),
    )
    second = second.replace("<inputAsset>JobOutputAsset(1)", "<inputAsset>JobOutputAsset(0)")
    assert source in BODY
    tasks = [{"Configuration": "x", "MediaProcessorId": ENCODER, "TaskBody": body} for body in (BODY, second)]
    id = await media.submit(Tasks=tasks)
    await _run(engine, run=fail)
    await engine.until("VX-1", JobState.FAILED_TOTAL)
    assert (await media("GET", f"api/Jobs('{id}')/State")).d == {"State": 4}
    first, other = (await media("GET", f"api/Jobs('{id}')/Tasks")).d["results"]
    assert first["State"] == 4 and other["State"] == 5
    assert first["ErrorDetails"]["results"] == [
        {"Code": "ErrorProcessingTask", "Message": "no such codec"} | {"__metadata": None}
    ] or first["ErrorDetails"]["results"] == [{"Code": "ErrorProcessingTask", "Message": "no such codec"}]
    events = first["HistoricalEvents"]["results"]
    assert [event["Code"] for event in events] == ["TransientError", "ErrorProcessingTask"]
    assert list(events[0]) == ["Code", "Message", "TimeStamp"]


async def test_cancel_and_delete(media: Media, engine: Engine) -> None:
    id = await media.submit()
    refused = await media("DELETE", f"api/Jobs('{id}')")
    assert refused.status == 400 and "cancel it first" in refused.message
    canceled = await media("GET", f"api/CancelJob?jobid='{quote(id, safe='')}'")
    assert (canceled.status, canceled.body) == (204, b"") and "Content-Type" not in canceled.headers
    again = await media("GET", f"api/CancelJob?jobid='{quote(id, safe='')}'")
    assert again.status == 400 and "cannot be canceled" in again.message
    engine.scheduler()
    await engine.until("VX-1", JobState.ABORTED)
    assert (await media("GET", f"api/Jobs('{id}')/State/$value")).text == "5"
    assert (await media("POST", f"api/Jobs('{id}')", b"", headers={"X-HTTP-Method": "DELETE"})).status == 204
    assert (await media("GET", f"api/Jobs('{id}')")).status == 404
    other = await media.submit()
    assert (await media("GET", f"api/CanceJob?jobid='{other}'")).status == 204


async def test_a_running_job_is_canceled(media: Media, engine: Engine) -> None:
    going = asyncio.Event()

    async def wait(step: StepContext) -> Outcome:
        step.progress(1, 4, "percent")
        going.set()
        await asyncio.Event().wait()
        return Done()

    id = await media.submit()
    await _run(engine, run=wait)
    await asyncio.wait_for(going.wait(), 15)
    assert (await media("GET", f"api/Jobs('{id}')/State/$value")).text == "2"
    assert (await media("GET", "api/Jobs/$count?$filter=State%20eq%202")).text == "1"
    assert (await media("GET", "api/Jobs/$count?$filter=State%20lt%202")).text == "0"
    assert (await media("GET", f"api/CancelJob?jobid='{id}'")).status == 204
    await engine.until("VX-1", JobState.ABORTED)
    assert (await media("GET", f"api/Jobs('{id}')/State/$value")).text == "5"
    (task,) = (await media("GET", f"api/Jobs('{id}')/Tasks")).d["results"]
    assert task["State"] == 5


async def test_merge_changes_name_and_priority_and_passes_over_the_rest(media: Media, engine: Engine) -> None:
    id = await media.submit(Priority=33)
    whole = (await media("GET", f"api/Jobs('{id}')")).d
    assert whole["Priority"] == 33 and (await engine.insights.job("VX-1")).priority is Priority.HIGHEST
    sent = {key: value for key, value in whole.items() if key not in ("__metadata", *LINKS)}
    assert (
        await media("MERGE", f"api/Jobs('{id}')", {**sent, "Name": "other", "Priority": 12, "State": 3})
    ).status == 204
    changed = (await media("GET", f"api/Jobs('{id}')")).d
    assert (changed["Name"], changed["Priority"], changed["State"]) == ("other", 12, 0)
    assert (await engine.insights.job("VX-1")).priority is Priority.HIGH
    # What another face has changed since is not what was submitted here.
    await engine.commands.prioritise(ADMIN, "VX-1", Priority.LOW)
    assert (await media("GET", f"api/Jobs('{id}')")).d["Priority"] == -10


async def test_what_stays_as_it_was_is_no_change_of_a_job_that_has_ended(media: Media, engine: Engine) -> None:
    id = await media.submit(Priority=33)
    await engine.commands.abort(ADMIN, "VX-1", reason=None, cleanup=False)
    whole = {name: value for name, value in (await media("GET", f"api/Jobs('{id}')")).d.items() if name not in LINKS}
    assert (whole["State"], whole["Priority"]) == (5, 33)
    assert (await media("MERGE", f"api/Jobs('{id}')", {**whole, "Name": "renamed"})).status == 204
    refused = await media("MERGE", f"api/Jobs('{id}')", {**whole, "Name": "again", "Priority": 34})
    assert refused.status == 400 and "has ended" in refused.message
    assert (await media("GET", f"api/Jobs('{id}')/Name")).d == {"Name": "renamed"}


async def test_the_higher_number_goes_first(media: Media, engine: Engine) -> None:
    asset = await media.asset()
    ids = [
        (await media("POST", "api/Jobs", media.job(asset, str(number), Priority=number))).d["Id"]
        for number in (30, 40, 0, 5, -15, -20, -2000, 40)
    ]
    await engine.submit("WORK", Priority.HIGHEST)
    await engine.submit()
    # Another number is another place; a priority that another face gives is none of a number.
    assert (await media("MERGE", f"api/Jobs('{ids[2]}')", {"Priority": 9})).status == 204
    await engine.commands.prioritise(ADMIN, "VX-8", Priority.HIGH)
    engine.concurrent_jobs = 1

    async def done(step: StepContext) -> Outcome:
        return Done()

    engine.worker(ScriptedExecutor(work=done), name="test")
    await _run(engine, run=done)
    for number in range(1, 11):
        await engine.until(f"VX-{number}")
    began = [job for job, step, _, new in await engine.events() if step is None and new == "STARTED"]
    assert began == [2, 1, 9, 8, 3, 4, 10, 5, 6, 7]


async def test_a_template(media: Media) -> None:
    part = "nb:ttid:UUID:071370A3-E63E-4E81-A099-AD66BCAC3789"
    template = {
        "Name": "NewTemplate",
        "JobTemplateBody": f'<?xml version="1.0" encoding="utf-8"?><jobTemplate><taskBody taskTemplateId="{part}"><inputAsset>JobInputAsset(0)</inputAsset><outputAsset>JobOutputAsset(0)</outputAsset></taskBody></jobTemplate>',
        "TaskTemplates": [
            {
                "Id": part,
                "Configuration": "H.264 512k DSL CBR",
                "MediaProcessorId": ENCODER,
                "Name": "SampleTaskTemplate",
                "NumberofInputAssets": 1,
                "NumberofOutputAssets": 1,
            }
        ],
    }
    made = await media("POST", "api/JobTemplates", template)
    assert made.status == 201 and made.d["NumberofInputAssets"] == 1
    parts = (await media("GET", f"api/JobTemplates('{made.d['Id']}')/TaskTemplates")).d["results"]
    assert [one["Name"] for one in parts] == ["SampleTaskTemplate"]
    asset = await media.asset()
    sent = {"Name": "by template", "TemplateId": made.d["Id"], "InputMediaAssets@odata.bind": [f"Assets('{asset}')"]}
    job = await media("POST", "api/Jobs", sent, type="application/json")
    assert job.status == 201 and job.d["TemplateId"] == made.d["Id"], job.text
    (task,) = (await media("GET", f"api/Jobs('{job.d['Id']}')/Tasks")).d["results"]
    assert task["Configuration"] == "H.264 512k DSL CBR"
    assert (await media("GET", f"api/Jobs?$filter=TemplateId%20eq%20'{made.d['Id']}'")).d["results"][0][
        "Name"
    ] == "by template"
    assert (await media("DELETE", f"api/JobTemplates('{made.d['Id']}')")).status == 204
    assert (await media("GET", "api/TaskTemplates")).d["results"] == []
    assert (await media("POST", "api/Jobs", sent)).status == 400


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Tasks": []}, "1 to 50 tasks"),
        ({"Tasks": None, "TemplateId": "nb:jtid:UUID:071370a3-e63e-4e81-a099-ad66bcac3789"}, "no JobTemplate"),
        ({"InputMediaAssets": []}, "at least one input asset"),
        ({"InputMediaAssets": ["x"]}, "leads to no entity"),
        ({"InputMediaAssets": ["Assets('nb:cid:UUID:071370a3-e63e-4e81-a099-ad66bcac3789')"]}, ""),
        ({"Priority": "many"}, "no Edm.Int32"),
        ({"Priority": 2**31}, "no Edm.Int32"),
        ({"Name": "x" * 4001}, "at most 4000"),
        ({"Name": 5}, "no Edm.String"),
        ({"Name": "\x00"}, "no Edm.String"),
        ({"Nmae": "x"}, "does not exist on type 'Job'"),
        ({"JobNotificationSubscriptions": [{"NotificationEndPointId": "x", "TargetJobState": 1}]}, "no NotificationEndPoint"),
        ({"JobNotificationSubscriptions": [{"NotificationEndPointId": "x", "TargetJobState": 9}]}, "TargetJobState"),
        ({"JobNotificationSubscriptions": 5}, "is a list of at most 100"),
        ({"Tasks": 5}, "Tasks is a list"),
    ],
)  # fmt: skip
async def test_a_job_that_cannot_be_is_refused_and_nothing_is_made(
    media: Media, change: dict[str, Any], words: str
) -> None:
    asset = await media.asset()
    refused = await media("POST", "api/Jobs", {**media.job(asset), **change})
    assert refused.status in (400, 404) and words in refused.message, refused.text
    assert (await media("GET", "api/Jobs/$count")).text == "0"
    assert (await media("GET", "api/Assets/$count")).text == "1"


@pytest.mark.parametrize(
    "body",
    [
        "", "<", "<taskBody/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><taskBody>&a;</taskBody>", "<taskBody><inputAsset>x</inputAsset></taskBody>",
        "<taskBody><inputAsset>JobInputAsset(0)</inputAsset><outputAsset>JobInputAsset(0)</outputAsset></taskBody>",
        "<taskBody><inputAsset>JobInputAsset(1)</inputAsset><outputAsset>JobOutputAsset(0)</outputAsset></taskBody>",
        "<taskBody><inputAsset>JobOutputAsset(0)</inputAsset><outputAsset>JobOutputAsset(0)</outputAsset></taskBody>",
        "<taskBody><inputAsset>JobOutputAsset(7)</inputAsset><outputAsset>JobOutputAsset(0)</outputAsset></taskBody>",
        "<a>" * 5000,
    ],
)  # fmt: skip
async def test_a_task_body_that_cannot_be_is_refused(media: Media, body: str) -> None:
    tasks = [{"Configuration": "x", "MediaProcessorId": ENCODER, "TaskBody": body}]
    refused = await media("POST", "api/Jobs", media.job(await media.asset(), Tasks=tasks))
    assert refused.status == 400, refused.text
    assert (await media("GET", "api/Jobs/$count")).text == "0"
    unknown = [{"TaskBody": BODY, "MediaProcessorId": "nb:mpid:UUID:00000000-0000-0000-0000-000000000000"}]
    assert (
        "no media processor" in (await media("POST", "api/Jobs", media.job(await media.asset(), Tasks=unknown))).message
    )
