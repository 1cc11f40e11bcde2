"""POST /job/bulk (ours): jobs of a list, all or none."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, XML, Api, Finish, Reply
from tests.integration.engine.conftest import Engine

ORDERS = [
    {"type": "WORK", "priority": "HIGH", "data": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]},
    {"type": "WORK", "holdJob": True},
    {"type": "WORK"},
]


async def send(api: Api, orders: object, key: str | None = None, user: str = "admin") -> Reply:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await api(
        "POST", "/API/job/bulk", body=json.dumps({"job": orders}), type=JSON, accept=JSON, headers=headers, user=user
    )


async def made(api: Api, orders: object, key: str | None = None) -> list[str]:
    reply = await send(api, orders, key)
    assert reply.status == 200, reply.text
    return [job["jobId"] for job in reply.json["job"]]


async def hits(api: Api) -> int:
    return int((await api("GET", "/API/job?user=false&number=0", accept=JSON)).json["hits"])


async def test_jobs_of_a_list_are_answered_in_its_order_and_run(api: Api, engine: Engine, finish: Finish) -> None:
    reply = await send(api, ORDERS)
    assert reply.json["hits"] == 3
    answered = [(job["priority"], job["status"], job["user"]) for job in reply.json["job"]]
    assert answered == [("HIGH", "READY", "admin"), ("MEDIUM", "HOLD", "admin"), ("MEDIUM", "READY", "admin")]
    first, held, last = (job["jobId"] for job in reply.json["job"])
    shown: Any = (await api("GET", f"/API/job/{first}?metadata=true", accept=JSON)).json
    assert shown["data"] == [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    await finish(first)
    await finish(last)
    assert (await api("GET", f"/API/job/{held}", accept="text/plain")).text == "HOLD"


async def test_jobs_of_a_list_in_xml(api: Api) -> None:
    body = f"""<JobOrderListDocument xmlns="{NAMESPACE}"><job><type>WORK</type><priority>LOW</priority>
    <data><key>a</key><value>b</value></data></job><job><type>WORK</type></job></JobOrderListDocument>"""
    reply = await api("POST", "/API/job/bulk", body=body, type=XML)
    assert reply.find("job/priority") == ["LOW", "MEDIUM"]
    assert len(reply.find("job/jobId")) == 2


async def test_jobs_of_a_list_ask_for_notifications(api: Api) -> None:
    action = {"http": {"url": "http://127.0.0.1:9/", "synchronous": False}}
    placeholder = {"action": action, "trigger": {"job": {"stop": "", "placeholder": ""}}}
    reply = await api("POST", "/API/notification", body=json.dumps(placeholder), type=JSON, accept="text/plain")
    assert reply.status == 200, reply.text
    url = reply.text.strip()
    await made(api, [{"type": "WORK", "notification": url}] * 2)
    refused = await send(api, [{"type": "WORK"}, {"type": "WORK", "notification": "VX-99"}])
    assert refused.status == 404
    assert await hits(api) == 2


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"type": "NOPE"}, "job[2]: There is no job type NOPE"),
        ({"type": "WORK", "priority": "SOON"}, "job[2].priority is one of"),
        ({"type": "WORK", "data": [{"key": "", "value": "x"}]}, "job[2]: A key is 1 to"),
        ({"type": "WORK", "notificationData": [{"key": "k", "value": "\x00"}]}, "job[2].notificationData[0].value"),
        ({"priority": "LOW"}, "job[2]"),
    ],
)
async def test_one_that_cannot_be_taken_refuses_the_list(api: Api, bad: object, said: str) -> None:
    reply = await send(api, [{"type": "WORK"}, {"type": "WORK"}, bad])
    assert reply.status == 400
    assert said in reply.json["invalidInput"]["explanation"]
    assert await hits(api) == 0


async def test_one_that_cannot_be_taken_for_want_of_a_role(api: Api) -> None:
    assert (await send(api, [{"type": "WORK"}, {"type": "WORK", "priority": "IMMEDIATE"}], user="plain")).status == 403
    assert await hits(api) == 0


async def test_how_many_a_list_may_have(api: Api) -> None:
    for orders in ([], [{"type": "WORK"}] * 1001):
        reply = await send(api, orders)
        assert reply.status == 400 and "1 to 1000 jobs" in reply.json["invalidInput"]["explanation"]
    assert (await api("POST", "/API/job/bulk")).status == 400
    ids = await made(api, [{"type": "WORK"}] * 1000)
    assert len(set(ids)) == 1000 == await hits(api)


async def test_a_list_can_be_repeated(api: Api) -> None:
    first = await made(api, ORDERS, "k")
    assert await made(api, ORDERS, "k") == first
    many = await asyncio.gather(*(made(api, ORDERS, "other") for _ in range(12)))
    assert all(ids == many[0] for ids in many)
    assert await hits(api) == 6
    await api("DELETE", f"/API/job/{first[1]}?cleanup=false")
    reply = await send(api, ORDERS, "k")
    assert [job["status"] for job in reply.json["job"]] == ["READY", "ABORTED", "READY"], "as they are now"


async def test_a_key_stands_for_one_list(api: Api) -> None:
    await made(api, ORDERS[:2], "k")
    for other in (ORDERS, ORDERS[:1], ORDERS[1::-1], [*ORDERS[:1], {"type": "WORK"}]):
        assert (await send(api, other, "k")).status == 409
    single = "/API/job?type=WORK&holdJob=true"
    assert (await api("POST", single, headers={"Idempotency-Key": "k"})).status == 409
    assert await hits(api) == 2
    assert (await api("POST", single, headers={"Idempotency-Key": "s"})).status == 200
    assert (await send(api, ORDERS, "s")).status == 409
    assert await hits(api) == 3
