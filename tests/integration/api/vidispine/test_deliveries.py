"""The delivery log over HTTP, and the secret that deliveries are signed with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from yarl import URL

from tests.integration.api.vidispine.conftest import JSON, TEXT, Api
from tests.integration.engine.conftest import Engine
from vidijob.engine.sender import Sender
from vidijob.jobs.deliveries import Letter, Reply

Log = Callable[..., Awaitable[Any]]


class Receiver:
    """Answers as the test says."""

    def __init__(self) -> None:
        self.reply = Reply(200)
        self.came: list[Letter] = []

    async def __call__(self, letter: Letter) -> Reply:
        self.came.append(letter)
        return self.reply


@pytest.fixture
async def receiver(engine: Engine) -> AsyncIterator[Receiver]:
    """A receiver of what a running sender sends."""
    receiver = Receiver()
    engine.notifier()
    sender = Sender(engine.database, engine.bell, receiver)
    engine.parts.append(sender)
    sender.start()
    yield receiver


async def define(api: Api, path: str, **http: object) -> str:
    """Define a notification of submissions and what follows; returns its path."""
    action = {"url": "http://receiver.example/", "timeout": "5", "synchronous": "false", **http}
    document = {"action": {"http": action}, "trigger": {"job": {"create" if "/job/VX" not in path else "stop": ""}}}
    reply = await api("POST", path, type=JSON, body=json.dumps(document), accept=JSON)
    assert reply.status == 200, reply.text
    return URL(reply.json["uri"][0]).path


async def until(api: Api, path: str, *states: str) -> Any:
    """Wait until the log has these states, the newest first; returns its entries."""
    while True:
        entries = (await api("GET", f"{path}/delivery", accept=JSON)).json.get("delivery", [])
        if [entry["state"] for entry in entries] == list(states):
            return entries


async def test_the_log_at_each_place(api: Api, receiver: Receiver) -> None:
    general = await define(api, "/API/job/notification")
    named = await define(api, "/API/notification")
    first = await api.create()
    of_job = await define(api, f"/API/job/{first}/notification")
    assert (await api("GET", f"{of_job}/delivery")).xml.tag.endswith("DeliveryListDocument")
    second = await api.create(f"type=WORK&notification={named.rpartition('/')[2]}")
    await api("DELETE", f"/API/job/{first}?cleanup=false")
    newest, oldest = await until(api, general, "delivered", "delivered")
    assert (newest["job"], oldest["job"]) == (second, first)
    assert {key: newest[key] for key in ("action", "attempts", "status")} == {
        "action": "CREATE", "attempts": 1, "status": 200,
    }  # fmt: skip
    assert newest["sequenceNumber"] > oldest["sequenceNumber"]
    assert {"id", "created", "attempted", "ended"} < set(newest) and "error" not in newest
    assert [entry["job"] for entry in await until(api, named, "delivered")] == [second]
    assert [entry["action"] for entry in await until(api, of_job, "delivered")] == ["STOP"]
    reply = await api("GET", f"{general}/delivery?number=1&state=delivered,failed")
    assert reply.find("delivery/job") == [second]
    assert (await api("GET", f"{general}/delivery?state=failed")).find("delivery") == []


async def test_the_log_of_what_cannot_be_asked_for(api: Api) -> None:
    path = await define(api, "/API/job/notification")
    for query in ("state=lost", "number=-1", "number=10001"):
        assert (await api("GET", f"{path}/delivery?{query}")).status == 400
    for other in ("/API/job/notification/VX-99", "/API/notification/VX-1", "/API/job/notification/nonsense"):
        assert (await api("GET", f"{other}/delivery")).status == 404
    for id in ("nonsense", "6f1c0c1e-0b8e-4c55-9a3f-2f3f1e0b7c11"):
        reply = await api("POST", f"{path}/delivery/{id}/retry")
        assert (reply.status, "Delivery" in reply.text) == (404, True)


async def test_one_that_was_given_up_is_tried_again(api: Api, receiver: Receiver) -> None:
    path = await define(api, "/API/job/notification", retry="0")
    receiver.reply = Reply(410, "The answer was 410.")
    await api.create()
    (entry,) = await until(api, path, "failed")
    assert (entry["status"], entry["error"], entry["attempts"]) == (410, "The answer was 410.", 1)
    receiver.reply = Reply(200)
    # Where the notification now says.
    document = json.dumps(
        {
            "action": {"http": {"url": "https://other.example/", "synchronous": True}},
            "trigger": {"job": {"create": ""}},
        }
    )
    assert (await api("PUT", path, type=JSON, body=document)).status == 200
    assert (await api("POST", f"{path}/delivery/{entry['id']}/retry")).status == 200
    (again,) = await until(api, path, "delivered")
    assert (again["id"], again["attempts"]) == (entry["id"], 2)
    assert receiver.came[-1].call.url == "https://other.example/"
    reply = await api("POST", f"{path}/delivery/{entry['id']}/retry")
    assert (reply.status, "invalidInput" in reply.text) == (400, True)


async def test_the_secret(api: Api) -> None:
    reply = await api("GET", "/API/configuration/webhook-secret", accept=TEXT)
    assert reply.status == 200 and len(reply.text) >= 32
    assert (await api("GET", "/API/configuration/webhook-secret", accept=TEXT)).text == reply.text
    assert (await api("GET", "/API/configuration/webhook-secret", accept=TEXT, user="plain")).status == 403
