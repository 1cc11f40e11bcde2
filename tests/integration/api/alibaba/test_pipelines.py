"""Pipelines through the MPS face, and what is told of the jobs in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.api.alibaba.conftest import Mps
from tests.integration.engine.conftest import Engine
from vidijob.api.alibaba.messages import Messages
from vidijob.application import Telling
from vidijob.engine.identities import Identities
from vidijob.engine.notifier import Notifier
from vidijob.engine.task_groups import TaskGroups
from vidijob.jobs.task_groups import TaskGroup
from vidijob.store.database import Database

TOPIC = {"Topic": "http://receiver.example/topic"}


async def told(database: Database) -> list[str]:
    """Return where the notifications that there are go."""
    async with database.session() as session:
        rows = await session._connection.fetch("SELECT url FROM notification WHERE form = 'mps' ORDER BY id")
    return [row[0] for row in rows]


async def test_a_pipeline_is_made_shown_changed_and_deleted(mps: Mps, database: Database) -> None:
    reply = await mps("AddPipeline", Name="one", Speed="Boost", SpeedLevel="2", Role="r", NotifyConfig=TOPIC)
    assert list(reply.json) == ["RequestId", "Pipeline"]
    pipeline = reply.json["Pipeline"]
    id = pipeline["Id"]
    assert pipeline == {
        "Id": id, "Name": "one", "State": "Active", "Speed": "Boost", "SpeedLevel": 2, "Role": "r", "NotifyConfig": TOPIC,
    }  # fmt: skip
    assert await told(database) == [TOPIC["Topic"]]
    reply = await mps("UpdatePipeline", PipelineId=id, Name="ü", State="Paused")
    assert reply.json["Pipeline"] == {**pipeline, "Name": "ü", "State": "Paused"}
    other = {"QueueName": "https://other.example/", "MqTag": "kept"}
    reply = await mps("UpdatePipeline", PipelineId=id, Name="ü", State="Active", NotifyConfig=other, Role="s")
    changed = {**pipeline, "Name": "ü", "Role": "s", "NotifyConfig": other}
    assert reply.json["Pipeline"] == changed
    assert await told(database) == [other["QueueName"]]
    assert (await mps("QueryPipelineList", PipelineIds=f"{id},{'0' * 32}")).json | {"RequestId": ""} == {
        "RequestId": "", "PipelineList": {"Pipeline": [changed]}, "NonExistPids": {"String": ["0" * 32]},
    }  # fmt: skip
    await mps("UpdatePipeline", PipelineId=id, Name="ü", State="Active", NotifyConfig={"Topic": "only-a-name"})
    assert await told(database) == []
    await mps("UpdatePipeline", PipelineId=id, Name="ü", State="Active", NotifyConfig=TOPIC)
    assert await told(database) == [TOPIC["Topic"]]
    assert (await mps("DeletePipeline", PipelineId=id)).json["PipelineId"] == id
    assert await told(database) == []
    for action in ("UpdatePipeline", "DeletePipeline"):
        reply = await mps(action, PipelineId=id, Name="x", State="Active")
        assert (reply.status, reply.code) == (404, "InvalidParameter.ResourceNotFound")


async def test_pipelines_are_found_by_their_state_page_by_page(mps: Mps) -> None:
    ids = sorted([await mps.pipeline(Name=f"p{n}") for n in range(5)])
    for id in ids[:2]:
        await mps("UpdatePipeline", PipelineId=id, Name="p", State="Paused")

    async def found(**given: Any) -> list[str]:
        reply = (await mps("SearchPipeline", **given)).json
        assert list(reply) == ["RequestId", "TotalCount", "PageNumber", "PageSize", "PipelineList"]
        return [pipeline["Id"] for pipeline in reply["PipelineList"]["Pipeline"]]

    assert await found() == ids == await found(State="All")
    assert (await found(State="Paused"), await found(State="Active")) == (ids[:2], ids[2:])
    assert [await found(PageNumber=str(page), PageSize="2") for page in (1, 2, 3, 4)] == [
        ids[:2],
        ids[2:4],
        ids[4:],
        [],
    ]
    for given, code in (({"State": "paused"}, "InvalidParameter.InvalidState"), ({"PageSize": "101"}, "InvalidParameter.OutOfRange"),
                        ({"PageNumber": "0"}, "InvalidParameter.OutOfRange"), ({"PageNumber": "one"}, "InvalidParameter.NumberFormatInvalid")):  # fmt: skip
        assert (await mps("SearchPipeline", **given)).code == code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Name": None}, "MissingParameter"),
        ({"Name": ""}, "InvalidParameter.EmptyValue"),
        ({"Name": "ü" * 65}, "InvalidParameter.OutOfRange"),
        ({"Name": "\x00"}, "InvalidParameter"),
        ({"Role": "r" * 129}, "InvalidParameter.OutOfRange"),
        ({"Speed": "s" * 129}, "InvalidParameter.OutOfRange"),
        ({"SpeedLevel": "fast"}, "InvalidParameter.NumberFormatInvalid"),
        ({"NotifyConfig": "x"}, "InvalidParameter.JsonFormatInvalid"),
        ({"NotifyConfig": "[]"}, "InvalidParameter.JsonObjectFormatInvalid"),
        ({"NotifyConfig": {"Url": "http://x/"}}, "InvalidParameter.NotSupported"),
        ({"NotifyConfig": {"Topic": 1}}, "InvalidParameter"),
        ({"NotifyConfig": {"Topic": "http://a b/"}}, "InvalidParameter"),
        ({"NotifyConfig": {"Topic": "http:"}}, "InvalidParameter"),
    ],
)
async def test_pipelines_that_cannot_be(mps: Mps, database: Database, given: dict[str, Any], code: str) -> None:
    reply = await mps("AddPipeline", **{"Name": "p", **given})
    assert (reply.status, reply.code) == (400, code)
    kept = await mps.pipeline()
    if "Speed" not in given and "SpeedLevel" not in given:
        reply = await mps("UpdatePipeline", **{"PipelineId": kept, "Name": "q", "State": "Active", **given})
        assert (reply.status, reply.code) == (400, code)
    for state, wrong in ((None, "MissingParameter"), ("active", "InvalidParameter.InvalidState")):
        assert (await mps("UpdatePipeline", PipelineId=kept, Name="q", State=state)).code == wrong
    (pipeline,) = (await mps("SearchPipeline")).json["PipelineList"]["Pipeline"]
    assert (pipeline["Name"], await told(database)) == ("p", [])


async def test_there_are_only_so_many(mps: Mps, engine: Engine) -> None:
    groups = TaskGroups(engine.database, engine.bell)
    for n in range(100):
        await groups.put(TaskGroup(f"{n:032x}", metadata={"mpsName": ["p"]}))
    reply = await mps("AddPipeline", Name="one more")
    assert (reply.status, reply.code) == (403, "PermissionDenied.ResourceQuotaExceed")


async def test_a_pipeline_is_a_task_group_and_another_group_is_none(mps: Mps, engine: Engine) -> None:
    groups = TaskGroups(engine.database, engine.bell)
    id = await mps.pipeline()
    await groups.put(TaskGroup("f" * 32, paused=True))
    assert (await mps("SearchPipeline")).json["TotalCount"] == 1
    for action in ("UpdatePipeline", "DeletePipeline"):
        assert (
            await mps(action, PipelineId="f" * 32, Name="x", State="Active")
        ).code == "InvalidParameter.ResourceNotFound"
    assert (await groups.one("f" * 32)).paused
    # What an administrator does to the group shows, whatever that is.
    await groups.pause(id, True)
    await groups.set_metadata(id, {"mpsNotify": ["no JSON"], "mpsSpeedLevel": ["x"], "mpsTold": ["x"]})
    (pipeline,) = (await mps("SearchPipeline", State="Paused")).json["PipelineList"]["Pipeline"]
    assert (pipeline["SpeedLevel"], pipeline["NotifyConfig"]) == (0, {})
    await mps.job(id)
    assert (await mps("DeletePipeline", PipelineId=id)).status == 200


async def test_the_end_of_a_job_is_told_once_in_the_words_of_the_face(
    mps: Mps, engine: Engine, database: Database
) -> None:
    uuids = await Identities(database).uuids()
    notifier, messages = Notifier(database, engine.bell, Telling("VX", uuids).compose), Messages(uuids)
    id = await mps.pipeline(NotifyConfig=TOPIC)
    job, quiet = await mps.job(id, UserData='{"a": 1}'), await mps.job(await mps.pipeline())
    for one in (job, quiet):
        await mps("CancelJob", JobId=one)
    await notifier.tick()
    async with database.session() as session:
        rows = await session._connection.fetch("SELECT action, payload FROM delivery")
    ((action, payload),) = rows
    assert (action["form"], action["url"]) == ("mps", TOPIC["Topic"])
    body, media = messages.write([(key, value) for key, value in payload], "application/json")
    told = json.loads(body)
    assert media == "application/json" and told["RequestId"]
    assert told == {
        "jobId": job, "JobId": job, "requestId": told["RequestId"], "RequestId": told["RequestId"],
        "type": "Transcode", "Type": "Transcode", "state": "Fail", "State": "Fail",
        "userData": '{"a": 1}', "UserData": '{"a": 1}', "code": "TranscodeCancelled", "msg": "",
    }  # fmt: skip
