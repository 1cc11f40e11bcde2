"""Notifications that really arrive: a server as a process, a receiver, and what may go wrong between them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.acceptance.conftest import Client, Installation
from tests.acceptance.receiver import Receiver, receiving

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
