"""Notifications that really arrive: a server as a process, a receiver, and what may go wrong between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.acceptance.conftest import Client, Installation
from tests.receiver import Behaviour, Receiver, receiving

SECRET = "only for this test too"
SETTINGS = {"webhook_networks": "127.0.0.0/8", "webhook_secret": SECRET}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver."""
    async with receiving() as receiver:
        yield receiver


async def define(
    client: Client, url: str, trigger: str = "stop", where: str = "/job/notification", **http: object
) -> str:
    """Define a notification; returns its path."""
    action = {"url": url, "method": "POST", "timeout": 5, "synchronous": False, **http}
    document = {"action": {"http": action}, "trigger": {"job": {trigger: ""}}}
    status, body = await client.call("POST", where, json=document)
    assert status == 200, body
    return str(json.loads(body)["uri"][0]).partition("/API")[2]


async def copy(installation: Installation, client: Client, name: str) -> str:
    """Submit a job that is soon done."""
    source = installation.storage / "a.bin"
    source.write_bytes(b"x" * 1000)
    target = installation.storage / name
    return await client.submit("COPY_FILE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), itemId="VX-7")


async def test_the_end_of_a_job_is_told(installation: Installation, client: Client, receiver: Receiver) -> None:
    installation.run("serve", **SETTINGS)
    await client.ready()
    await define(client, receiver.url("/hook").replace("//", "//anna:s%C3%A9cret@"))
    job = await copy(installation, client, "b.bin")
    (told,) = await receiver.until("/hook")
    assert (told.method, told.headers["Content-Type"]) == ("POST", "application/xml")
    assert told.headers["Authorization"] == "Basic YW5uYTpzw6ljcmV0"
    assert told.signed_with(SECRET) and not told.signed_with("another")
    fields = told.fields
    assert {key: fields[key] for key in ("jobId", "action", "status", "type", "user", "itemId")} == {
        "jobId": job, "action": "STOP", "status": "FINISHED", "type": "COPY_FILE", "user": "admin", "itemId": "VX-7",
    }  # fmt: skip


async def hang() -> int:
    """Answer never."""
    await asyncio.Event().wait()
    return 200


def refusing(*statuses: int) -> Behaviour:
    """Answer so, one call after the other; then take them."""
    left = iter(statuses)

    async def answer() -> int:
        return next(left, 200)

    return answer


async def test_a_receiver_that_hangs_one_that_refuses_and_one_that_is_well(
    installation: Installation, client: Client, receiver: Receiver
) -> None:
    installation.run("serve", **SETTINGS)
    await client.ready()
    receiver.behaviours = {"/hangs": hang, "/shaky": refusing(500, 302)}
    paths = {
        name: await define(client, receiver.url(f"/{name}"), trigger, **more)
        for name, trigger, more in (
            ("hangs", "update", {"timeout": "none"}),
            ("shaky", "stop", {"contentType": "application/json", "method": "PUT"}),
            ("well", "update", {"contentType": "text/plain"}),
        )
    }
    ids = [await copy(installation, client, f"{n}.bin") for n in range(3)]
    for id in ids:
        await client.until(id)
    shaky = await receiver.until("/shaky", 5)
    assert {call.method for call in shaky} == {"PUT"}
    assert len({call.delivery for call in shaky[:3]}) == 1 and len({call.delivery for call in shaky}) == 3
    assert [call.headers["Vidijob-Attempt"] for call in shaky] == ["1", "2", "3", "1", "1"]
    assert all(call.signed_with(SECRET) for call in shaky)
    told = [dict((one["key"], one["value"]) for one in json.loads(call.body)["field"]) for call in shaky[2:]]
    assert sorted(one["jobId"] for one in told) == sorted(ids) and {one["action"] for one in told} == {"STOP"}

    async with asyncio.timeout(20):
        while len(told := [told_as_text(call.body) for call in receiver.at("/well")]) < 3 * 12:
            await asyncio.sleep(0.05)
            if [one["status"] for one in told].count("FINISHED") == 3:
                break
    numbers = [int(one["sequenceNumber"]) for one in told]
    assert numbers == sorted(numbers), "one after the other, in the order of events"
    assert receiver.most_at_once == {"/hangs": 1, "/shaky": 1, "/well": 1}
    assert len(receiver.at("/hangs")) == 1
    log = (await client.document(f"{paths['hangs']}/delivery"))["delivery"]
    assert log[-1]["state"] == "sending" and {entry["state"] for entry in log[:-1]} == {"pending"}


def told_as_text(body: bytes) -> dict[str, str]:
    """Read a payload as plain text: key, TAB, value."""
    lines = [line.partition("\t") for line in body.decode().splitlines()]
    return {key: value for key, _, value in lines}


async def test_a_server_killed_between_sending_and_noting_it_sends_again(
    installation: Installation, client: Client, receiver: Receiver
) -> None:
    server = installation.run("serve", **SETTINGS)
    await client.ready()
    arrived = asyncio.Event()

    async def held() -> int:
        arrived.set()
        await asyncio.Event().wait()
        return 200

    receiver.behaviours["/hook"] = held
    await define(client, receiver.url("/hook"), timeout="none")
    ids = [await copy(installation, client, f"{n}.bin") for n in range(3)]
    for id in ids:
        await client.until(id)
    async with asyncio.timeout(10):
        await arrived.wait()
    server.kill()
    await asyncio.to_thread(server.wait)
    del receiver.behaviours["/hook"]
    assert len(receiver.received) == 1
    installation.run("serve", **SETTINGS)
    calls = await receiver.until("/hook", 4, seconds=45)
    assert calls[0].delivery == calls[1].delivery and calls[0].body == calls[1].body
    assert [call.headers["Vidijob-Attempt"] for call in calls] == ["1", "2", "1", "1"]
    assert sorted(call.fields["jobId"] for call in calls[1:]) == sorted(ids)
    await asyncio.sleep(0.3)
    assert len(receiver.received) == 4
