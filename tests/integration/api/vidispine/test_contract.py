"""The seventeen requests that a server of this API must answer as the contract says (section 10), in its order and with its
numbers; where it quotes a recording of a real server, the answer is that one byte for byte.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.states import JobState

NINE = [
    "notFound", "internalServer", "forbidden", "notYetImplemented", "conflict", "invalidInput", "licenseFault",
    "fileAlreadyExists", "notAuthorized",
]  # fmt: skip
#: Recorded (contract 3.2, 3.8); what is between braces differs from server to server.
CREATED = (
    rb'\{"jobId":"VX-1","user":"admin","started":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000","status":"READY",'
    rb'"type":"WORK","priority":"MEDIUM"'
)
UNKNOWN = (
    b'{"notFound":{"type":"Job","id":"VX-1000000","context":null},"internalServer":null,"forbidden":null,'
    b'"notYetImplemented":null,"conflict":null,"invalidInput":null,"licenseFault":null,"fileAlreadyExists":null,'
    b'"notAuthorized":null}'
)
#: As a real client posts it: two types, ``retry`` last.
NOTIFICATION = f"""<NotificationDocument xmlns="{NAMESPACE}"><action><http synchronous="false"><url>http://host/callback</url>
<contentType>application/json</contentType><method>POST</method><timeout>5</timeout><retry>3</retry></http></action>
<trigger><job><stop/><filter><type>TRANSCODE</type><type>ESSENCE_VERSION</type></filter></job></trigger>
</NotificationDocument>"""
#: The job reference's own.
SEARCH = f"""<JobSearchDocument xmlns="{NAMESPACE}"><facet count="true" name="JobTypes"><field>type</field></facet>
<facet count="true" minCount="1" maxCount="5" maxResults="10"><field>state</field></facet>
<facet count="true"><field>user</field></facet></JobSearchDocument>"""


class Gate:
    """A step that goes on for as long as a test wants."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    async def __call__(self, step: StepContext) -> Outcome:
        while step.job in self.held and step.step == 100:
            await asyncio.sleep(0.01)
        return Done()


async def test_a_job_that_was_made_reads_as_recorded(api: Api) -> None:
    made = await api("POST", "/API/job?type=WORK&jobmetadata=itemId%3DVX-93", accept=JSON)
    assert made.status == 200 and made.headers["Content-Type"] == JSON
    assert re.fullmatch(CREATED + rb"\}", made.body)
    read = await api("GET", "/API/job/VX-1", accept=JSON)
    assert re.fullmatch(CREATED + rb',"data":\[\{"key":"item","value":"VX-93"\}\],"log":\{"task":\[\]\}\}', read.body)


async def test_01_a_page_of_the_list(api: Api) -> None:
    for _ in range(3):
        await api.create()
    reply = await api("GET", "/API/job/?first=0&number=10&sort=jobId%20desc&user=false", accept=JSON)
    assert reply.status == 200 and reply.json["hits"] == 3
    assert [job["jobId"] for job in reply.json["job"]] == ["VX-3", "VX-2", "VX-1"]


async def test_02_matrix_and_query(api: Api) -> None:
    await api.create()
    reply = await api("GET", "/API/job;state=READY,STARTED,;user=false;first=0?metadata=true")
    assert reply.status == 200 and reply.find("hits") == ["1"]


async def test_03_a_slash_after_the_matrix(api: Api) -> None:
    await api.create(user="other")
    with_slash, without = await api("GET", "/API/job;user=false/"), await api("GET", "/API/job;user=false")
    assert with_slash.body == without.body and with_slash.find("hits") == ["1"]


async def test_04_a_filter_on_data(api: Api) -> None:
    await api.create("type=WORK&jobmetadata=itemId%3DVX-1")
    await api.create("type=WORK&jobmetadata=itemId%3DVX-10")
    reply = await api("GET", "/API/job?jobmetadata=itemId%3dVX-1&user=false")
    assert reply.find("job/jobId") == ["VX-1"] and reply.find("hits") == ["1"]


async def test_05_an_empty_pair(api: Api) -> None:
    await api.create()
    assert (await api("GET", "/API/job?&type=all")).find("hits") == ["1"]


async def test_06_as_text(api: Api) -> None:
    await api.create()
    await api.create()
    assert (await api("GET", "/API/job", accept=TEXT)).body == b"VX-1\r\nVX-2\r\n"
    assert (await api("GET", "/API/job/VX-1", accept=TEXT)).body == b"READY"


async def test_07_the_body_wins(api: Api) -> None:
    body = '{"field":[{"key":"a","value":"c"}]}'
    reply = await api("POST", "/API/job?type=WORK&priority=HIGH&jobmetadata=a%3Db", accept=JSON, type=JSON, body=body)
    assert reply.status == 200 and reply.json["priority"] == "HIGH"
    read = await api("GET", "/API/job/VX-1?metadata=true", accept=JSON)
    assert read.json["data"] == [{"key": "a", "value": "c"}]


async def test_08_a_type_that_is_not_there(api: Api) -> None:
    reply = await api("POST", "/API/job?type=NOPE", accept=JSON)
    assert reply.status == 400 and list(reply.json) == NINE
    assert [name for name in NINE if reply.json[name] is not None] == ["invalidInput"]
    assert list(reply.json["invalidInput"]) == ["context", "id", "explanation", "value"]
    reply = await api("POST", "/API/job?type=NOPE")
    assert reply.status == 400 and reply.find("invalidInput/value") == ["NOPE"]


async def test_09_an_id_that_is_not_there(api: Api) -> None:
    reply = await api("GET", "/API/job/VX-1000000", accept=JSON)
    assert (reply.status, reply.body) == (404, UNKNOWN)


async def test_10_no_problems(api: Api) -> None:
    assert (await api("GET", "/API/job/problem", accept=JSON)).body == b"{}"


async def test_11_abort(api: Api, engine: Engine) -> None:
    await api.create()
    assert (await api("DELETE", "/API/job/VX-1?reason=x&cleanup=false")).status == 200
    assert (await api("GET", "/API/job/VX-1", accept=TEXT)).body == b"ABORTED"
    gate = Gate()
    gate.held.add("VX-2")
    engine.worker(ScriptedExecutor(work=gate))
    engine.scheduler()
    await api.create()
    await engine.until("VX-2", JobState.STARTED)
    assert (await api("DELETE", "/API/job/VX-2?reason=x&cleanup=false")).status == 200
    assert (await engine.until("VX-2")).state is JobState.ABORTED
    states = [new for job, step, _, new in await engine.events() if job == 2 and step is None]
    assert states == ["READY", "STARTED", "ABORTED_PENDING", "ABORTED"]


async def test_12_what_runs_cannot_be_deleted(api: Api, engine: Engine) -> None:
    gate = Gate()
    gate.held.add("VX-2")
    await api.create()
    await api("DELETE", "/API/job/VX-1?cleanup=false")
    engine.worker(ScriptedExecutor(work=gate))
    engine.scheduler()
    await api.create()
    await engine.until("VX-2", JobState.STARTED)
    reply = await api("DELETE", "/API/job?id=VX-1,VX-2", accept=JSON)
    assert reply.status == 400 and reply.json["invalidInput"]["id"] == "VX-2"
    assert (await api("GET", "/API/job/VX-1")).status == 200
    gate.held.clear()


async def test_13_once_more(api: Api) -> None:
    await api.create("type=WORK&priority=HIGH")
    reply = await api("POST", "/API/job/VX-1/re-run")
    assert reply.status == 200 and reply.find("jobId") == ["VX-2"] and reply.find("priority") == ["HIGH"]


async def test_14_search(api: Api) -> None:
    await api.create()
    await api.create()
    assert (await api("PUT", "/API/job/search/", accept=JSON, type=JSON, body="{}")).json["hits"] == 2
    reply = await api("PUT", "/API/job/search/", type=XML, body=SEARCH)
    assert reply.find("facet/field") == ["type", "state", "user"]
    assert [element.get("name") for element in reply.xml.iterfind(f"{{{NAMESPACE}}}facet")] == ["JobTypes", None, None]
    counts = reply.xml.iterfind(f"{{{NAMESPACE}}}facet/{{{NAMESPACE}}}count")
    assert [(count.get("fieldValue"), count.text) for count in counts] == [
        ("WORK", "2"),
        ("READY", "2"),
        ("admin", "2"),
    ]
    unknown = SEARCH.replace("<field>user</field>", "<field>foo</field>")
    assert (await api("PUT", "/API/job/search/", type=XML, body=unknown)).status == 404


async def test_15_a_notification(api: Api) -> None:
    reply = await api("POST", "/API/job/notification", type=XML, body=NOTIFICATION)
    (url,) = reply.find("uri")
    assert reply.status == 200 and re.fullmatch(r"http://127\.0\.0\.1:\d+/API/job/notification/\w{2}-\d+", url)
    read = await api("GET", url[url.index("/API") :])
    assert read.find("trigger/job/filter/type") == ["TRANSCODE", "ESSENCE_VERSION"]
    http = read.xml.iterfind(f"{{{NAMESPACE}}}action/{{{NAMESPACE}}}http/*")
    assert [(element.tag.rpartition("}")[2], element.text) for element in http] == [
        ("retry", "3"), ("contentType", JSON), ("url", "http://host/callback"), ("method", "POST"), ("timeout", "5"),
    ]  # fmt: skip


async def test_16_immediate(api: Api, engine: Engine) -> None:
    refused = await api("POST", "/API/job?type=WORK&priority=IMMEDIATE", user="plain", accept=JSON)
    assert refused.status == 403 and refused.json["forbidden"]["id"] == "_super_access_user"
    gate = Gate()
    gate.held = {"VX-1", "VX-2", "VX-3"}
    engine.worker(ScriptedExecutor(work=gate))
    engine.scheduler()
    for id in ("VX-1", "VX-2", "VX-3"):
        await api.create()
        await engine.until(id, JobState.STARTED)
    await api.create()
    await api.create("type=WORK&priority=IMMEDIATE")
    await engine.until("VX-5", JobState.FINISHED)
    assert (await api("GET", "/API/job/VX-4", accept=TEXT)).body == b"READY", "the limit is reached all the while"
    gate.held.clear()


@pytest.mark.parametrize("accept", [TEXT, "text/vnd.graphviz"])
async def test_17_a_type_of_ones_own(api: Api, accept: str) -> None:
    types = "/API/task-definition/jobtype/ACME_HELLO"
    assert (await api("POST", f"{types}?id=20001")).status == 200
    body = '{"task":[{"step":"100","script":"job.log(\\"hi\\");","jobType":"ACME_HELLO"}]}'
    reply = await api("POST", "/API/task-definition", accept=JSON, type=JSON, body=body)
    assert reply.status == 200 and len(reply.json["uri"]) == 1
    graph = await api("GET", f"{types}/graph/dot", accept=accept)
    assert graph.status == 200 and graph.text.startswith('digraph "ACME_HELLO" {')
