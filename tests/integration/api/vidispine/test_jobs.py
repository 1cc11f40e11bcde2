"""Jobs over HTTP, in each form."""

from __future__ import annotations

import re

import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api, Finish
from tests.integration.engine.conftest import Engine

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}")


async def test_create_answers_the_job_without_data_and_log(api: Api) -> None:
    reply = await api("POST", "/API/job?type=WORK&priority=HIGH&jobmetadata=a%3Db", accept=JSON)
    assert reply.status == 200
    document = reply.json
    assert list(document) == ["jobId", "user", "started", "status", "type", "priority"]
    assert re.fullmatch(TIME.pattern + r"\+0000", document.pop("started"))
    assert document == {"jobId": "VX-1", "user": "admin", "status": "READY", "type": "WORK", "priority": "HIGH"}


async def test_create_in_xml(api: Api) -> None:
    reply = await api("POST", "/API/job?type=WORK")
    assert reply.status == 200
    assert reply.body.startswith(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>')
    assert [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in reply.xml] == [
        "jobId", "user", "started", "status", "type", "priority",
    ]  # fmt: skip
    assert re.fullmatch(TIME.pattern + "Z", reply.find("started")[0])
    assert reply.find("priority") == ["MEDIUM"]


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (JSON, '{"field":[{"key":"a","value":"c"},{"key":"d","value":"1"},{"key":"d","value":"2"}]}'),
        (
            XML,
            f'<SimpleMetadataDocument xmlns="{NAMESPACE}"><field><key>a</key><value>c</value></field>'
            "<field><key>d</key><value>1</value></field><field><key>d</key><value>2</value></field>"
            "</SimpleMetadataDocument>",
        ),
    ],
)
async def test_the_body_wins_over_the_parameters(api: Api, type: str, body: str) -> None:
    id = await api.create("type=WORK&jobmetadata=a%3Db&jobmetadata=e%3Df%3Dg&jobmetadata=h%253dk", body=body, type=type)
    reply = await api("GET", f"/API/job/{id}?metadata=true", accept=JSON)
    pairs = sorted((pair["key"], pair["value"]) for pair in reply.json["data"])
    assert pairs == [("a", "c"), ("d", "1"), ("d", "2"), ("e", "f=g"), ("h", "k")]
    assert all(list(pair) == ["key", "value"] for pair in reply.json["data"])


@pytest.mark.parametrize("type", [None, JSON, XML, "application/json; charset=utf-8"])
async def test_an_empty_body_is_no_body_whatever_its_type(api: Api, type: str | None) -> None:
    assert (await api("POST", "/API/job?type=WORK", type=type, body=b"")).status == 200


@pytest.mark.parametrize(
    ("type", "charset", "body"),
    [
        (f"{XML}; charset=ISO-8859-1", "latin-1", '<?xml version="1.0" encoding="UTF-8"?><SimpleMetadataDocument '
         f'xmlns="{NAMESPACE}"><field><key>name</key><value>Zoë</value></field></SimpleMetadataDocument>'),
        (f"{JSON}; charset=ISO-8859-1", "latin-1", '{"field": [{"key": "name", "value": "Zoë"}]}'),
        (JSON, "utf-16", '{"field": [{"key": "name", "value": "Zoë"}]}'),
    ],
)  # fmt: skip
async def test_a_body_is_read_in_its_charset(api: Api, type: str, charset: str, body: str) -> None:
    id = await api.create("type=WORK", body=body.encode(charset), type=type)
    assert (await api("GET", f"/API/job/{id}?metadata=true")).find("data/value") == ["Zoë"]
    wrong = await api("POST", "/API/job?type=WORK", type=JSON, body=b'{"field": "\xe9"}', accept=JSON)
    assert wrong.json["invalidInput"]["explanation"] == "The body is not UTF-8 (at byte 11)."


async def test_an_empty_json_object_is_no_data(api: Api) -> None:
    assert (await api("POST", "/API/job?type=WORK", type=JSON, body="{}")).status == 200


async def test_one_job_in_three_forms(api: Api, finish: Finish) -> None:
    id = await api.create("type=WORK&jobmetadata=a%3Db")
    text = await api("GET", f"/API/job/{id}", accept=TEXT)
    assert (text.body, text.headers["Content-Type"]) == (b"READY", "text/plain; charset=utf-8")
    document = (await api("GET", f"/API/job/{id}", accept=JSON)).json
    assert document["log"] == {"task": []} and "data" not in document and "totalSteps" not in document
    await finish(id)
    assert (await api("GET", f"/API/job/{id}", accept=TEXT)).text == "FINISHED"
    document = (await api("GET", f"/API/job/{id}?metadata=true", accept=JSON)).json
    assert list(document) == [
        "jobId", "user", "started", "finished", "status", "type", "priority", "currentStep", "data", "totalSteps", "log",
    ]  # fmt: skip
    assert document["currentStep"] == {"description": "Step 200", "number": 2, "status": "FINISHED"}
    assert document["totalSteps"] == 2
    assert [(one["step"], one["attempts"], one["status"], one["subTask"]) for one in document["log"]["task"]] == [
        (100, 0, "FINISHED", []), (200, 0, "FINISHED", []),
    ]  # fmt: skip
    xml = await api("GET", f"/API/job/{id}?metadata=true")
    assert xml.find("log/task/step") == ["100", "200"]
    assert xml.find("data/key") == ["a"]


async def test_only_the_fields_asked_for(api: Api) -> None:
    id = await api.create("type=WORK&jobmetadata=a%3Db&jobmetadata=c%3Dd")
    assert (await api("GET", f"/API/job/{id}?field=c,x")).find("data/key") == ["c"]
    assert (await api("GET", f"/API/job/{id}?metadata=true&field=a")).find("data/key") == ["a"]
    assert (await api("GET", f"/API/job/{id}")).find("data/key") == []


async def test_without_accept_it_is_xml(api: Api) -> None:
    for accept in (None, "*/*", "application/*", "text/html, */*;q=0.1"):
        assert (await api("GET", "/API/jobtype", accept=accept)).headers["Content-Type"] == XML


@pytest.mark.parametrize(
    ("accept", "type"),
    [
        ("application/json", JSON),
        ("application/json;q=0.9, application/xml;q=0.8", JSON),
        ("text/xml", XML),
        ("APPLICATION/JSON", JSON),
        ("application/json, text/plain, */*", JSON),
    ],
)
async def test_accept_decides(api: Api, accept: str, type: str) -> None:
    reply = await api("GET", "/API/jobtype", accept=accept)
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (200, type)


@pytest.mark.parametrize("accept", ["text/html", "image/png, application/xml;q=0", "text/plain"])
async def test_a_form_that_cannot_be_had_changes_nothing(api: Api, engine: Engine, accept: str) -> None:
    reply = await api("POST", "/API/job?type=WORK", accept=accept)
    assert reply.status == 406
    assert await engine.events() == []


async def test_the_list(api: Api) -> None:
    for priority in ("LOW", "HIGH", "LOW"):
        await api.create(f"type=WORK&priority={priority}")
    await api.create("type=WORK", user="other")
    reply = await api("GET", "/API/job")
    assert reply.find("hits") == ["3"] and reply.find("job/jobId") == ["VX-3", "VX-2", "VX-1"]
    assert reply.find("job/log") == [] and reply.find("job/data") == []
    everybody = (await api("GET", "/API/job?user=false", accept=JSON)).json
    assert everybody["hits"] == 4 and len(everybody["job"]) == 4
    low = (await api("GET", "/API/job/?priority=LOW,&state=READY,STARTED,&type=all&user=False", accept=JSON)).json
    assert [job["jobId"] for job in low["job"]] == ["VX-3", "VX-1"]
    page = await api("GET", "/API/job?first=2&number=1&sort=jobId%20asc")
    assert page.find("hits") == ["3"] and page.find("job/jobId") == ["VX-2"]
    assert (await api("GET", "/API/job?number=0", accept=JSON)).json == {"hits": 3}
    assert (await api("GET", "/API/job", accept=TEXT)).body == b"VX-1\r\nVX-2\r\nVX-3\r\n"
    only = (await api("GET", "/API/job?idonly=true&number=1", accept=JSON)).json["job"]
    assert only == [{"jobId": "VX-3", "status": "READY", "type": "WORK", "priority": "LOW"}]
    assert (await api("GET", "/API/job?type=NOPE", accept=JSON)).json == {"hits": 0}


@pytest.mark.parametrize(
    "path",
    [
        "/API/job/?first=0&number=10&sort=jobId%20desc&user=false",
        "/API/job;state=READY,STARTED,;user=false;first=0?metadata=true",
        "/API/job;user=false/",
        "/API/job?&type=all",
        "/API/job;user=false;sort=jobId%20desc?STATE=READY&state=",
        "/API/job?state=&sort=",
    ],
)
async def test_what_real_clients_send(api: Api, path: str) -> None:
    await api.create()
    reply = await api("GET", path)
    assert reply.status == 200 and reply.find("hits") == ["1"]


async def test_the_query_wins_over_the_matrix(api: Api) -> None:
    await api.create("type=WORK&priority=LOW")
    assert (await api("GET", "/API/job;priority=HIGH?priority=LOW")).find("hits") == ["1"]
    assert (await api("GET", "/API/job;priority=HIGH")).find("hits") == ["0"]


async def test_priority_can_be_changed(api: Api) -> None:
    id = await api.create()
    reply = await api("PUT", f"/API/job/{id}?priority=LOW")
    assert (reply.status, reply.body) == (200, b"")
    assert (await api("GET", f"/API/job/{id}")).find("priority") == ["LOW"]
    assert (await api("PUT", f"/API/job/{id}", accept=JSON)).status == 200
    assert (await api("GET", f"/API/job/{id}")).find("priority") == ["MEDIUM"]


async def test_abort(api: Api) -> None:
    id = await api.create()
    reply = await api("DELETE", f"/API/job/{id}?reason=x&cleanup=false")
    assert (reply.status, reply.body) == (200, b"")
    assert (await api("GET", f"/API/job/{id}", accept=TEXT)).text == "ABORTED"
    second = await api.create()
    assert (await api("DELETE", f"/API/job/{second}")).status == 200
    assert (await api("GET", f"/API/job/{second}", accept=TEXT)).text == "ABORTED_PENDING"


async def test_rerun_answers_the_new_job(api: Api) -> None:
    first = await api.create("type=WORK&priority=HIGH&jobmetadata=a%3Db")
    reply = await api("POST", f"/API/job/{first}/re-run", user="other")
    assert reply.find("jobId") == ["VX-2"] and reply.find("priority") == ["HIGH"] and reply.find("user") == ["other"]
    assert (await api("POST", f"/API/job/{first}/re-run?priority=LOW")).find("priority") == ["LOW"]
    data = (await api("GET", "/API/job/VX-2?metadata=true", accept=JSON)).json["data"]
    assert {"key": "rerunOf", "value": "VX-1"} in data and {"key": "a", "value": "b"} in data


async def test_delete_is_all_or_none(api: Api, finish: Finish) -> None:
    first, second = await api.create(), await api.create()
    await api("DELETE", f"/API/job/{first}?cleanup=false")
    reply = await api("DELETE", f"/API/job?id={first},{second}", accept=JSON)
    assert reply.status == 400 and reply.json["invalidInput"]["id"] == second
    assert (await api("DELETE", f"/API/job?id={first},VX-99")).status == 404
    assert (await api("GET", f"/API/job/{first}")).status == 200
    assert (await api("DELETE", f"/API/job?id={first},")).status == 200
    assert (await api("GET", f"/API/job/{first}")).status == 404
    await finish(second)
    assert (await api("DELETE", f"/API/job?id={second}")).status == 200
    assert (await api("DELETE", "/API/job")).status == 400


async def test_job_types(api: Api) -> None:
    names = (await api("GET", "/API/jobtype", accept=JSON)).json["uri"]
    assert names[:3] == ["NONE", "IMPORT", "PLACEHOLDER_IMPORT"] and {"TRANSCODE", "COPY_FILE"} <= set(names)
    assert (await api("GET", "/API/jobtype")).find("uri") == names
    assert (await api("GET", "/API/jobtype/", accept=TEXT)).text == "".join(f"{name}\r\n" for name in names)


async def test_version_and_whoami(api: Api) -> None:
    from importlib.metadata import version

    assert (await api("GET", "/API/version", accept=TEXT)).text == version("vidijob")
    assert (await api("GET", "/API/version")).find("component/version") == [version("vidijob")]
    assert (await api("GET", "/API/whoami", accept=TEXT, user="plain")).text == "plain"
