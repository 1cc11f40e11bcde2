"""Job types and task definitions, as administrators and their programs define them."""

from __future__ import annotations

import asyncio
import shutil
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api, Finish, Reply
from tests.integration.engine.conftest import ADMIN, Engine
from vidijob.engine import jobtypes
from vidijob.jobs.model import Priority

ACME = "/API/task-definition/jobtype/ACME_HELLO"


async def define(api: Api, *tasks: dict[str, Any], name: str = "ACME_HELLO", id: int = 20001) -> list[str]:
    """Make a type with these task definitions and return their ids."""
    assert (await api("POST", f"/API/task-definition/jobtype/{name}?id={id}")).status == 200
    return await add(api, *({"jobType": name, **task} for task in tasks)) if tasks else []


async def add(api: Api, *tasks: dict[str, Any]) -> list[str]:
    """Add task definitions and return their ids."""
    reply = await post(api, *tasks)
    assert reply.status == 200, reply.text
    return list(reply.json["uri"])


async def post(api: Api, *tasks: dict[str, Any]) -> Reply:
    """Send task definitions as a form of a browser does: JSON, numbers as strings or not."""
    import json

    return await api("POST", "/API/task-definition", accept=JSON, type=JSON, body=json.dumps({"task": tasks}))


async def all_of(api: Api) -> bytes:
    """Return everything that is defined, to see whether anything has changed."""
    types = await api("GET", "/API/jobtype", accept=TEXT)
    return types.body + (await api("GET", "/API/task-definition")).body


def bean(step: int | str, **more: Any) -> dict[str, Any]:
    return {"step": step, "bean": "test", "method": "work", "dependency": {"previous": True}, **more}


async def test_from_a_new_type_to_its_graph(api: Api) -> None:
    made = await api("POST", f"{ACME}?id=20001", accept=JSON)
    assert (made.status, made.json) == (200, {})
    body = '{"task":[{"step":"100","script":"job.log(\\"hi\\");","jobType":"ACME_HELLO"}]}'
    uris = (await api("POST", "/API/task-definition", accept=JSON, type=JSON, body=body)).json["uri"]
    assert len(uris) == 1 and uris[0].isdecimal()
    graph = await api("GET", f"{ACME}/graph/dot", accept=TEXT)
    assert graph.text.startswith('digraph "ACME_HELLO" {') and '100 [label="100\\nscript"]' in graph.text
    assert "ACME_HELLO" in (await api("GET", "/API/jobtype", accept=JSON)).json["uri"]


async def test_one_in_both_forms(api: Api) -> None:
    (id,) = await define(
        api,
        {
            "description": "Say hello",
            "extradata": "",
            "flags": "76",
            "script": 'job.log("hi");',
            "step": "100",
            "dependency": {"step": "0", "previous": "false", "allPrevious": "true"},
            "critical": "",
            "metadata": {"field": [{"key": "retries", "value": "2"}]},
        },
    )
    expected = {
        "description": "Say hello",
        "extradata": "",
        "flags": 76,
        "script": 'job.log("hi");',
        "step": 100,
        "dependency": {"step": 0, "previous": False, "allPrevious": True},
        "parallelDependency": {"step": 0, "previous": False, "allPrevious": False},
        "jobType": "ACME_HELLO",
        "cleanup": False,
        "critical": True,
        "metadata": {"field": [{"key": "retries", "value": "2"}]},
        "id": int(id),
    }
    for path in (f"/API/task-definition/{id}", f"{ACME}/step/100", f"{ACME}/step/100/"):
        reply = await api("GET", path, accept=JSON)
        assert reply.json == expected and list(reply.json) == list(expected)
        assert (await api("GET", path)).find("script") == ['job.log("hi");']
    for path in (ACME, "/API/task-definition?type=ACME_HELLO", "/API/task-definition;type=ACME_HELLO"):
        assert (await api("GET", path, accept=JSON)).json == {"task": [expected]}
    everything = (await api("GET", "/API/task-definition", accept=JSON)).json["task"]
    assert expected in everything and any(task["jobType"] == "TRANSCODE" for task in everything)
    assert (await api("GET", "/API/task-definition?type=NOPE", accept=JSON)).json == {}


TASK = (
    "<task><bean>test</bean><method>work</method><plugin>true</plugin><step>100</step>"
    "<dependency><previous>true</previous></dependency><jobType>ACME_HELLO</jobType><flags/><description/></task>"
)


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (XML, f'<TaskDefinitionListDocument xmlns="{NAMESPACE}">{TASK}</TaskDefinitionListDocument>'),
        (XML, f"<TaskDefinitionListDocument>{TASK}</TaskDefinitionListDocument>"),
        # As examples in the field have it, and as the schema has it.
        (XML, f'<TaskDefinitionDocument xmlns="{NAMESPACE}">{TASK}</TaskDefinitionDocument>'),
        (XML, TASK.replace("task>", "TaskDefinitionDocument>")),
        ("application/xml; charset=utf-8", f"<TaskDefinitionListDocument>{TASK}</TaskDefinitionListDocument>"),
        (
            JSON,
            '{"task":[{"bean":"test","method":"work","plugin":"true","step":"100","script":"","Queue":1,'
            '"dependency":{"previous":"true"},"jobType":"ACME_HELLO","flags":"","cleanup":null}]}',
        ),
        (
            JSON,
            '{"task":{"bean":"test","method":"work","plugin":true,"step":100,"dependency":{"previous":true},'
            '"jobType":"ACME_HELLO"}}',
        ),
        (
            JSON,
            '{"bean":"test","method":"work","plugin":true,"step":100,"dependency":{"previous":true},'
            '"jobType":"ACME_HELLO"}',
        ),
    ],
)
async def test_what_real_clients_send(api: Api, type: str, body: str) -> None:
    await define(api)
    reply = await api("POST", "/API/task-definition", accept=TEXT, type=type, body=body)
    assert reply.status == 200 and reply.text.endswith("\r\n"), reply.text
    task = (await api("GET", f"/API/task-definition/{reply.text.strip()}", accept=JSON)).json
    del task["id"]
    assert task == {
        "bean": "test",
        "method": "work",
        "plugin": True,
        "step": 100,
        "dependency": {"step": 0, "previous": True, "allPrevious": False},
        "parallelDependency": {"step": 0, "previous": False, "allPrevious": False},
        "jobType": "ACME_HELLO",
        "cleanup": False,
        "critical": True,
    }


async def test_a_form_that_says_no_to_what_a_script_is_not(api: Api) -> None:
    (id,) = await define(api, {"step": "1", "script": "1;", "bean": "", "method": "", "plugin": "false"})
    assert "plugin" not in (await api("GET", f"/API/task-definition/{id}", accept=JSON)).json


async def test_urls_that_can_be_followed(api: Api) -> None:
    await define(api)
    body = '{"task":[{"step":1,"script":"1;","jobType":"ACME_HELLO"},{"step":2,"script":"2;","jobType":"ACME_HELLO"}]}'
    reply = await api("POST", "/API/task-definition?url=true", type=JSON, body=body)
    first, second = reply.find("uri")
    assert first.startswith("http://") and first != second
    path = "/" + second.partition("//")[2].partition("/")[2]
    assert (await api("GET", path, accept=JSON)).json["step"] == 2


BAD = [
    ({"step": 300}, "task"),
    ({"step": 300, "script": "1;", "bean": "a", "method": "b"}, "task"),
    ({"step": 300, "bean": "a"}, "task"),
    ({"step": 300, "bean": "  ", "method": "b"}, "bean"),
    ({"step": 300, "bean": "script", "method": "run"}, "bean"),
    ({"step": 300, "script": "1;", "plugin": True}, "plugin"),
    ({"script": "1;"}, "step"),
    ({"step": 0, "script": "1;"}, "step"),
    ({"step": -100, "script": "1;"}, "step"),
    ({"step": 32768, "script": "1;"}, "step"),
    ({"step": 10**30, "script": "1;"}, "task[1].step"),
    ({"step": "1.5", "script": "1;"}, "task[1].step"),
    ({"step": 100, "script": "1;"}, "task"),
    ({"step": 300, "script": "1;", "flags": -1}, "flags"),
    ({"step": 300, "script": "1;", "dependency": {"step": -1}}, "dependency/step"),
    ({"step": 300, "script": "1;", "dependency": {"step": 300}}, "dependency"),
    ({"step": 300, "script": "1;", "dependency": {"step": 999}}, "task"),
    ({"step": 300, "script": "1;", "dependency": {"step": 5000}}, "task"),
    ({"step": 300, "script": "1;", "parallelDependency": {"step": 999}}, "task"),
    ({"step": 50, "script": "1;", "dependency": {"step": 200}}, "task"),
    ({"step": 300, "script": "1;", "jobType": "NOPE"}, "jobType"),
    ({"step": 300, "script": "1;", "jobType": "NONE"}, "jobType"),
    ({"step": 300, "script": "1;", "description": "x" * 1001}, "description"),
    ({"step": 300, "script": "\x00"}, "task[1].script"),
    ({"step": 300, "script": "1;", "metadata": {"field": [{"key": "", "value": "x"}]}}, "metadata"),
]


@pytest.mark.parametrize(("task", "context"), BAD, ids=[f"{n}-{context}" for n, (_, context) in enumerate(BAD)])
async def test_one_that_cannot_be_taken_and_nothing_is_changed(api: Api, task: dict[str, Any], context: str) -> None:
    await define(api, bean(100, dependency={"previous": True}), bean(200), bean(5000, cleanup=True, dependency=None))
    before = await all_of(api)
    # A good one goes with it, and must not stay.
    reply = await post(api, {"jobType": "ACME_HELLO", **bean(250)}, {"jobType": "ACME_HELLO", **task})
    assert reply.status == 400, reply.text
    assert reply.json["invalidInput"]["context"] in (context, "task[1]")
    assert len(reply.json["invalidInput"]["explanation"]) > 15
    assert await all_of(api) == before


async def test_circles_and_what_is_left_hanging_are_refused(api: Api) -> None:
    first, second, third = await define(
        api, bean(100), bean(200, dependency={"step": 100}), bean(300, dependency={"previous": True})
    )
    before = await all_of(api)
    body = '{"bean":"test","method":"work","dependency":{"step":300}}'
    circle = await api("PUT", f"/API/task-definition/{first}", accept=JSON, type=JSON, body=body)
    assert circle.status == 400 and "circle" in circle.json["invalidInput"]["explanation"]
    for id in (first, second):
        other = await api("PUT", f"/API/task-definition/{id}", type=JSON, body='{"script":"1;","step":300}')
        assert other.status == 400
    assert (await api("DELETE", f"/API/task-definition/{first}")).status == 400
    assert await all_of(api) == before
    assert (await api("DELETE", f"/API/task-definition/{second}")).status == 200
    assert (await api("DELETE", f"{ACME}/step/100")).status == 200
    assert (await api("DELETE", f"{ACME}/step/100")).status == 404
    assert [task["id"] for task in (await api("GET", ACME, accept=JSON)).json["task"]] == [int(third)]


@pytest.mark.parametrize("body", [None, "", "{}", '{"task":[]}', "[]", "{", '{"task":7}', "<task/>"])
async def test_bodies_without_a_task(api: Api, body: str | None) -> None:
    before = await all_of(api)
    type = XML if body and body.startswith("<") else JSON
    reply = await api("POST", "/API/task-definition", accept=JSON, type=type, body=body)
    assert reply.status == 400 and reply.json["invalidInput"]["explanation"]
    assert await all_of(api) == before


async def test_change(api: Api) -> None:
    (id,) = await define(
        api,
        {
            "step": 100,
            "bean": "test",
            "method": "work",
            "flags": 12,
            "description": "Old",
            "critical": False,
            "metadata": {"field": [{"key": "retries", "value": "1"}]},
        },
    )
    path = f"/API/task-definition/{id}"
    # The whole is replaced; only what names it, and metadata, which old clients do not know, stay.
    reply = await api("PUT", path, type=JSON, body='{"script":"1;","description":"New"}')
    assert (reply.status, reply.body) == (200, b"")
    task = (await api("GET", path, accept=JSON)).json
    assert (task["script"], task["description"], task["step"], task["critical"]) == ("1;", "New", 100, True)
    assert task["metadata"] == {"field": [{"key": "retries", "value": "1"}]} and task["id"] == int(id)
    assert "flags" not in task and "bean" not in task
    xml = f'<TaskDefinitionDocument xmlns="{NAMESPACE}"><bean>b</bean><method>m</method><step>200</step></TaskDefinitionDocument>'
    assert (await api("PUT", f"{ACME}/step/100", type=XML, body=xml)).status == 200
    assert (await api("GET", f"{ACME}/step/100")).status == 404
    assert (await api("GET", f"{ACME}/step/200")).find("method") == ["m"]
    await define(api, name="ACME_OTHER", id=20002)
    moved = '{"script":"1;","jobType":"ACME_OTHER"}'
    assert (await api("PUT", f"{ACME}/step/200", type=JSON, body=moved)).status == 200
    assert (await api("GET", ACME, accept=JSON)).json == {}
    assert (await api("GET", path, accept=JSON)).json["jobType"] == "ACME_OTHER"
    assert (await api("PUT", path, type=JSON, body=moved.replace("OTHER", "NOPE"))).status == 400
    assert (await api("PUT", path)).status == 400


async def test_a_character_that_no_name_holds(api: Api) -> None:
    for path in ("%00", "jobtype/%00", "jobtype/A%00/step/1", "jobtype/TRANSCODE/step/100/metadata/%00"):
        for method in ("GET", "PUT", "DELETE", "POST"):
            reply = await api(method, f"/API/task-definition/{path}", accept="*/*", type=JSON, body="{}")
            assert reply.status in (400, 404, 405)


@pytest.mark.parametrize("id", ["999999", "0", "-1", "x", "2147483648", "1e3", "1%20", "%D9%A3"])
async def test_one_that_is_not_there(api: Api, id: str) -> None:
    for path in (f"/API/task-definition/{id}", f"/API/task-definition/jobtype/TRANSCODE/step/{id}"):
        for tail in ("", "/validate", "/script", "/metadata", "/metadata/a"):
            assert (await api("GET", path + tail, accept="*/*")).status == 404
        body = '{"script":"1;"}'
        for method, tail in (("PUT", ""), ("DELETE", ""), ("PUT", "/script"), ("DELETE", "/metadata")):
            assert (await api(method, path + tail, type=JSON, body=body)).status == 404
    reply = await api("GET", "/API/task-definition/999999", accept=JSON)
    assert reply.json["notFound"] == {"type": "TaskDefinition", "id": "999999", "context": None}


@pytest.mark.parametrize("type", ["NOPE", "transcode", "%2f", "all"])
async def test_a_type_that_is_not_there(api: Api, type: str) -> None:
    path = f"/API/task-definition/jobtype/{type}"
    for method, tail in (("GET", ""), ("DELETE", ""), ("GET", "/graph"), ("GET", "/graph/dot"), ("GET", "/step/100")):
        assert (await api(method, path + tail, accept="*/*")).status == 404, tail


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        ("ACME_NEW", "", 400),
        ("ACME_NEW", "id=", 400),
        ("ACME_NEW", "id=x", 400),
        ("ACME_NEW", "id=19999", 400),
        ("ACME_NEW", "id=30001", 400),
        ("ACME_NEW", "id=-20000", 400),
        ("ACME_NEW", "id=20001", 409),
        ("ACME_HELLO", "id=20002", 409),
        ("TRANSCODE", "id=20002", 409),
        ("all", "id=20002", 400),
        ("A,B", "id=20002", 400),
        ("A%20B", "id=20002", 400),
        ("A%00", "id=20002", 400),
        ("7UP", "id=20002", 400),
        ("A" * 101, "id=20002", 400),
        ("%C3%84", "id=20002", 400),
    ],
)
async def test_a_type_that_cannot_be_made(api: Api, name: str, query: str, status: int) -> None:
    await define(api)
    before = await all_of(api)
    reply = await api("POST", f"/API/task-definition/jobtype/{name}?{query}", accept=JSON)
    assert reply.status == status
    assert reply.json["conflict" if status == 409 else "invalidInput"]["explanation"]
    assert await all_of(api) == before


@pytest.mark.parametrize("id", [20000, 30000])
async def test_the_first_and_the_last_id(api: Api, id: int) -> None:
    for name in ("metadata", "script", "ACME.x-1"):
        await define(api, {"step": 1, "script": "1;"}, name=name, id=id)
        assert len((await api("GET", f"/API/task-definition/jobtype/{name}", accept=JSON)).json["task"]) == 1
        assert (await api("DELETE", f"/API/task-definition/jobtype/{name}")).status == 200
        assert (await api("GET", f"/API/task-definition/jobtype/{name}")).status == 404


async def test_delete_a_type(api: Api, engine: Engine) -> None:
    (id,) = await define(api, {"step": 1, "script": "1;"})
    job = await api.create("type=ACME_HELLO")
    assert (await api("DELETE", ACME)).status == 200
    assert (await api("GET", f"/API/task-definition/{id}")).status == 404
    assert "ACME_HELLO" not in (await api("GET", "/API/jobtype", accept=JSON)).json["uri"]
    assert (await api("POST", "/API/job?type=ACME_HELLO")).status == 400
    # Its jobs have their own copy of the steps.
    assert (await api("GET", f"/API/job/{job}", accept=TEXT)).text == "READY"
    for shipped in ("TRANSCODE", "NONE", "WORK"):
        reply = await api("DELETE", f"/API/task-definition/jobtype/{shipped}", accept=JSON)
        assert reply.status == 400 and reply.json["invalidInput"]["id"] == shipped


async def test_a_new_type_runs(api: Api, finish: Finish) -> None:
    await define(
        api, bean(100, description="One"), bean(200, description="Two"), bean(5000, cleanup=True, dependency=None)
    )
    job = await api.create("type=ACME_HELLO")
    await finish(job)
    read = (await api("GET", f"/API/job/{job}", accept=JSON)).json
    assert read["status"] == "FINISHED" and read["totalSteps"] == 2
    assert [(task["step"], task["description"]) for task in read["log"]["task"]] == [(100, "One"), (200, "Two")]


async def test_steps_of_ones_own_in_a_shipped_type(api: Api, finish: Finish) -> None:
    await add(api, {"jobType": "WORK", **bean(150, critical=False)})
    job = await api.create("type=WORK")
    await finish(job)
    steps = [task["step"] for task in (await api("GET", f"/API/job/{job}", accept=JSON)).json["log"]["task"]]
    assert steps == [100, 150, 200]
    for step in (540, 545):
        await add(api, {"jobType": "PLACEHOLDER_IMPORT", **bean(step)})


async def test_a_type_of_clean_up_alone_cannot_be_run(api: Api) -> None:
    await define(api, bean(5000, cleanup=True))
    assert (await api("POST", "/API/job?type=ACME_HELLO")).status == 400


async def test_metadata_reaches_the_steps_of_a_job_and_a_script_by_its_key(api: Api, engine: Engine) -> None:
    await define(
        api,
        bean(100, metadata={"field": [{"key": "retries", "value": "7"}]}),
        {"step": 200, "script": "job.wait();"},
    )
    await engine.commands.submit(ADMIN, "ACME_HELLO", Priority.MEDIUM, {})
    async with engine.database.session() as session:
        rows = await session._connection.fetch(
            "SELECT s.executor, s.method, s.metadata, k.source FROM step s"
            " LEFT JOIN script k ON k.digest = s.metadata->>'script' ORDER BY s.number"
        )
    assert [tuple(row)[:2] for row in rows] == [("test", "work"), ("script", "run")]
    assert rows[0]["metadata"] == {"retries": "7"} and rows[1]["source"] == "job.wait();"


async def test_validate(api: Api, engine: Engine, finish: Finish) -> None:
    ids = await define(
        api,
        {"step": 1, "bean": "media", "method": "transcode"},
        {"step": 2, "script": "this is no JavaScript"},
        {"step": 3, "bean": "media", "method": "dance"},
        {"step": 4, "bean": "test", "method": "anything"},
    )

    async def validate(index: int, accept: str = TEXT) -> Reply:
        return await api("GET", f"/API/task-definition/{ids[index]}/validate", accept=accept)

    for accept in (TEXT, JSON, XML, "*/*"):
        assert [(await validate(index, accept)).status for index in range(4)] == [200, 200, 400, 400]
    assert (await validate(0)).body == b""
    assert "has the methods" in (await validate(2)).text
    assert (await validate(2)).headers["Content-Type"].startswith(TEXT)
    assert (await validate(3, JSON)).json["invalidInput"]["value"] == "test"
    # Now there is a worker with that executor.
    await finish(await api.create())
    assert (await validate(3)).status == 200
    assert (await api("GET", f"{ACME}/step/4/validate", accept=TEXT)).status == 200


async def test_scripts(api: Api) -> None:
    script, other = await define(api, {"step": 1, "script": "// ä <&>\n1;"}, bean(2))
    for path in (f"/API/task-definition/{script}/script", f"{ACME}/step/1/script"):
        reply = await api("GET", path, accept="application/javascript")
        assert reply.headers["Content-Type"] == "application/javascript; charset=utf-8"
        assert reply.text == "// ä <&>\n1;"
        assert (await api("GET", path, accept="text/javascript")).text == reply.text
        assert (await api("GET", path, accept="*/*")).headers["Content-Type"].startswith("application/javascript")
        assert (await api("GET", path, accept=TEXT)).headers["Content-Type"].startswith(TEXT)
        assert (await api("GET", path, accept="image/png")).status == 406
    for type in (
        "application/javascript",
        "text/javascript",
        TEXT,
        JSON,
        "application/javascript; charset=utf-8",
        None,
    ):
        source = f"// {type}\r\n"
        put = await api("PUT", f"{ACME}/step/1/script", type=type, body=source.encode())
        assert (put.status, put.body) == (200, b"")
        assert (await api("GET", f"{ACME}/step/1/script", accept=TEXT)).text == source
    before = await all_of(api)
    for body in (b"", b" \n", b"\xff", b"\x00", b"x" * 1_000_001):
        assert (await api("PUT", f"{ACME}/step/1/script", type="application/javascript", body=body)).status == 400
    assert (await api("PUT", f"/API/task-definition/{other}/script", body=b"1;")).status == 400
    assert await all_of(api) == before
    reply = await api("GET", f"/API/task-definition/{other}/script", accept="application/javascript")
    assert reply.status == 404 and reply.find("notFound/type") == ["Script"]


async def test_metadata(api: Api) -> None:
    (id,) = await define(api, bean(1))
    path = f"/API/task-definition/{id}/metadata"
    assert (await api("GET", path, accept=JSON)).json == {}
    body = '{"field":[{"key":"retries","value":"2"},{"key":"retryDelay","value":"0.5"},{"key":"a/b","value":"x"}]}'
    assert (await api("PUT", path, type=JSON, body=body)).status == 200
    assert (await api("PUT", f"{path}/remark", type=TEXT, body="30 ä".encode())).status == 200
    assert (await api("GET", f"{path}/remark", accept=TEXT)).text == "30 ä"
    assert (await api("GET", f"{path}/remark")).find("field/value") == ["30 ä"]
    assert (await api("GET", f"{path}/a%2Fb", accept=TEXT)).text == "x"
    one = f'<SimpleMetadataDocument xmlns="{NAMESPACE}"><field><key>retries</key><value>3</value></field></SimpleMetadataDocument>'
    assert (await api("PUT", f"{path}/retries", type=XML, body=one)).status == 200
    assert (await api("PUT", f"{path}/remark", type=XML, body=one)).status == 400
    fields = (await api("GET", f"{ACME}/step/1/metadata", accept=JSON)).json["field"]
    assert {pair["key"]: pair["value"] for pair in fields} == {
        "retries": "3",
        "retryDelay": "0.5",
        "a/b": "x",
        "remark": "30 ä",
    }
    assert (await api("DELETE", f"{path}/retr*")).status == 200
    assert (await api("DELETE", f"{path}/retr*")).status == 200
    assert (await api("DELETE", f"{path}/retries")).status == 404
    assert (await api("GET", f"{path}/retries", accept=TEXT)).status == 404
    assert (await api("DELETE", f"{path}/rem[a]rk")).status == 404
    assert (await api("DELETE", f"{path}/remark")).status == 200
    assert (await api("GET", path)).find("field/key") == ["a/b"]
    assert (await api("PUT", f"{path}/a%00", type=TEXT, body=b"x")).status == 400
    assert (await api("PUT", f"{path}/a", type=TEXT, body=b"\xff")).status == 400
    assert (await api("PUT", f"{path}/a", type=TEXT, body=b"x\x00")).status == 400
    for key, value in (
        ("retries", "-1"),
        ("retries", "2.5"),
        ("retryDelay", "soon"),
        ("timeout", "1e3"),
        ("timeout", "30 s"),
    ):
        refused = await api("PUT", f"{path}/{key}", accept=JSON, type=TEXT, body=value.encode())
        fault = refused.json["invalidInput"]
        assert refused.status == 400 and fault["context"] == "metadata" and fault["value"] == value
        assert f"{key} is how" in fault["explanation"]
    assert (await api("GET", path)).find("field/key") == ["a/b"]
    assert (await api("DELETE", path)).status == 200
    assert (await api("GET", path, accept=JSON)).json == {}


async def test_graphs(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    await define(api, bean(100, description='<One> & "two"'), bean(200))
    monkeypatch.setenv("PATH", str(tmp_path))
    for accept in ("image/svg+xml", "*/*", "image/*", "image/png;q=0.9, image/svg+xml;q=0.1", None):
        reply = await api("GET", f"{ACME}/graph", accept=accept)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "image/svg+xml")
        assert "&lt;One&gt; &amp; " in reply.text and reply.text.startswith("<svg ")
    reply = await api("GET", f"{ACME}/graph", accept="image/png")
    assert reply.status == 501 and reply.find("notYetImplemented") == [""]
    assert "Graphviz" in reply.headers["Reason"]
    # A program of that name stands for Graphviz: it gets the graph and makes a file.
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\n[ "$1 $2" = "-Tpng -o" ] || exit 1\n(printf "PNG "; exec /bin/cat "$4") > "$3"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for accept in ("image/png", "*/*", None):
        reply = await api("GET", f"{ACME}/graph", accept=accept)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "image/png")
        assert reply.text.startswith('PNG digraph "ACME_HELLO"')
    assert (await api("GET", f"{ACME}/graph", accept="image/svg+xml")).text.startswith("<svg ")
    program.write_text("#!/bin/sh\necho no >&2\nexit 3\n")
    assert (await api("GET", f"{ACME}/graph", accept="image/png")).status == 501


async def test_only_so_many_pictures_are_drawn_at_once_and_each_with_so_much_memory(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await define(api, bean(100))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jobtypes, "_PICTURE_WAIT", 0.2)
    # It notes that it was started, waits for leave, and draws how much memory it may have, in KiB, and how large a core.
    program, started, leave = tmp_path / "dot", tmp_path / "started", tmp_path / "leave"
    program.write_text(
        f"#!/bin/sh\necho . >> {started}\nwhile [ ! -e {leave} ]; do /bin/sleep 0.02; done\n"
        '(ulimit -v; ulimit -c) > "$3"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    asked = [asyncio.create_task(api("GET", f"{ACME}/graph", accept="image/png")) for _ in range(12)]
    refused = []
    for one in asyncio.as_completed(asked, timeout=15):
        refused.append(await one)
        if len(refused) == 10:
            break
    assert {reply.status for reply in refused} == {503}
    assert refused[0].headers["Retry-After"] == "1" and "Graphviz is not available" in refused[0].text
    leave.touch()
    drawn = [reply for one in asked if (reply := await one) not in refused]
    assert [(reply.status, reply.text.split()) for reply in drawn] == [(200, [str(512 * 1024), "0"])] * 2
    assert started.read_text().count(".") == 2, "the others have not even been begun"
    # Its place is free again.
    assert (await api("GET", f"{ACME}/graph", accept="image/png")).status == 200


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
async def test_a_graph_whose_picture_would_take_gigabytes_is_not_drawn(api: Api) -> None:
    high = "\n".join(["W" * 20] * 14)
    chain = [bean(step, description=high, dependency={"previous": step > 1}) for step in range(1, 101)]
    await define(api, *chain, *(bean(step, description=high, dependency={}) for step in range(101, 201)))
    reply = await api("GET", f"{ACME}/graph", accept="image/png")
    assert reply.status == 501 and "could not draw" in reply.headers["Reason"]
    assert (await api("GET", f"{ACME}/graph", accept="image/svg+xml")).status == 200


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
async def test_the_picture_of_the_real_graphviz(api: Api) -> None:
    await define(
        api, bean(100, description='<One> & "two" \\N ü'), bean(200), bean(300, parallelDependency={"step": 100})
    )
    sizes = []
    for name in ("ACME_HELLO", "TRANSCODE"):
        reply = await api("GET", f"/API/task-definition/jobtype/{name}/graph", accept="image/png")
        assert (reply.status, reply.headers["Content-Type"]) == (200, "image/png")
        # The signature, then a header whose first eight bytes are the width and the height; the end of a whole file.
        assert reply.body.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
        assert reply.body.endswith(b"IEND\xaeB`\x82")
        sizes.append(struct.unpack(">II", reply.body[16:24]))
    assert all(60 < width < 4000 and 100 < height < 4000 for width, height in sizes), sizes
    assert sizes[0] != sizes[1] and sizes[1][1] > 300, "five steps below each other take their room"


async def test_dot(api: Api) -> None:
    for accept, type in ((TEXT, TEXT), ("text/vnd.graphviz", "text/vnd.graphviz"), ("*/*", "text/vnd.graphviz")):
        reply = await api("GET", "/API/task-definition/jobtype/TRANSCODE/graph/dot", accept=accept)
        assert reply.headers["Content-Type"] == f"{type}; charset=utf-8"
        assert "100 -> 300;" in reply.text
    assert (await api("GET", "/API/task-definition/jobtype/NONE/graph", accept="image/svg+xml")).status == 200
