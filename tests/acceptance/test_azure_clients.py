"""Microsoft's own queue client, and a web hook, against a server that really transcodes: tasks in a chain, told of as they go."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from tests.acceptance.conftest import PASSWORD, Client, Installation
from tests.receiver import receiving
from vidijob.executors.media.probing import probe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
VERBOSE = "application/json;odata=verbose"
ENCODER = "nb:mpid:UUID:70bdc2c3-ebf4-42a9-8542-5afc1e55d217"
KEY = base64.b64encode(b"k" * 64).decode()
FINAL = (3, 4, 5)
#: A preset with two sizes.
SIZES = '{"Codecs": [{"H264Layers": [{"Height": 80}, {"Height": 120}]}]}'


class Azure:
    """A client of the face."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._base = f"http://127.0.0.1:{port}/azure/"
        self._token = ""

    async def log_in(self) -> None:
        """Have a token."""
        given = {"grant_type": "client_credentials", "client_id": "admin", "client_secret": PASSWORD}
        async with self._session.post(self._base + "v2/OAuth2-13", data=given) as answer:
            self._token = (await answer.json())["access_token"]

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; returns what the answer holds."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": VERBOSE, "Content-Type": VERBOSE}
        data = None if body is None else json.dumps(body)
        async with self._session.request(method, self._base + "api/" + path, data=data, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 300, text
            return json.loads(text)["d"] if text else None

    async def until_ended(self, job: str) -> int:
        """Wait until a job has ended, as clients do; returns its state."""
        async with asyncio.timeout(60):
            while (state := (await self("GET", f"Jobs('{job}')/State"))["State"]) not in FINAL:
                await asyncio.sleep(0.1)
        return int(state)


def body(sources: Sequence[str], *numbers: int) -> str:
    """Return the body of a task."""
    read = "".join(f"<inputAsset>{source}</inputAsset>" for source in sources)
    return (
        f"<taskBody>{read}{''.join(f'<outputAsset>JobOutputAsset({one})</outputAsset>' for one in numbers)}</taskBody>"
    )


def connection(account: str, secret: str, port: int) -> str:
    """Return what a storage client is configured with."""
    key = base64.b64encode(secret.encode()).decode()
    endpoint = f"http://127.0.0.1:{port}/azure/queues/{account}"
    return f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};QueueEndpoint={endpoint}"


async def test_a_chain_of_transcodes_is_told_to_a_queue_and_a_hook(
    installation: Installation, client: Client, session: aiohttp.ClientSession, short_clip: Path
) -> None:
    async with receiving() as receiver:
        installation.run("serve", concurrent_jobs=2, webhook_networks="127.0.0.1/32")
        await client.ready()
        command = [
            sys.executable,
            "-m",
            "vidijob",
            "user",
            "key",
            "add",
            "admin",
            "--database-url",
            str(installation.database_url),
        ]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
        account, secret = re.findall(r"AccessKey\w+ +(\S+)", said)
        azure = Azure(session, installation.port)
        await azure.log_in()
        hook = {"EndPointType": 3, "EndPointAddress": receiver.url("/hook"), "EncryptedEndPointCredential": KEY}
        points = [
            (await azure("POST", "NotificationEndPoints", {"Name": "n", **given}))["Id"]
            for given in ({"EndPointType": 1, "EndPointAddress": "notifications"}, {**hook, "CredentialType": 1})
        ]
        asset = await azure("POST", "Assets", {"Name": "short"})
        folder = Path(unquote(urlsplit(asset["Uri"]).path))
        folder.mkdir(parents=True)
        shutil.copy(short_clip, folder / "short.mov")
        await azure("POST", "Files", {"Name": "short.mov", "ParentAssetId": asset["Id"], "IsPrimary": True})
        encode = {"MediaProcessorId": ENCODER}
        job = await azure(
            "POST", "Jobs",
            {
                "Name": "chain",
                "InputMediaAssets": [{"__metadata": {"uri": asset["__metadata"]["uri"]}}],
                "Tasks": [
                    {
                        "Name": "joined", "Configuration": "H264 Broadband 100p",
                        "TaskBody": body(["JobOutputAsset(1)", "JobInputAsset(0)", "JobOutputAsset(2)"], 0), **encode,
                    },
                    {"Name": "sizes", "Configuration": SIZES, "TaskBody": body(["JobInputAsset(0)"], 1, 2), **encode},
                ],
                "JobNotificationSubscriptions": [
                    {"NotificationEndPointId": point, "TargetJobState": target} for point, target in zip(points, (2, 1), strict=True)
                ],
            },
        )  # fmt: skip
        assert await azure.until_ended(job["Id"]) == 3, installation.log()
        joined, large, small = made = await files(azure, job["Id"])
        assert [(await picture(path))[0] for path in made] == [100, 120, 80]
        _, length = await picture(small)
        # What is put together lasts as long as its three parts, which are of the same source.
        assert (await picture(joined))[1] == pytest.approx(3 * length, abs=0.3)
        assert not [left for path in made for left in path.parent.glob(".*")]
        await asyncio.to_thread(read_queue, account, secret, installation.port, job["Id"])
        async with asyncio.timeout(30):
            while len(receiver.received) < 2:
                await asyncio.sleep(0.1)
        for call in receiver.received:
            digest = hmac.new(base64.b64decode(KEY), call.body, hashlib.sha256).hexdigest().upper()
            assert call.headers["ms-signature"] == f"sha256={digest}"
        assert [json.loads(call.body)["EventType"] for call in receiver.received] == [2, 1]
        about = json.loads(receiver.received[1].body)["Properties"]
        assert (about["JobId"], about["OldState"], about["NewState"]) == (job["Id"], "Processing", "Finished")
        # What is gone is gone with its files.
        for one in (await azure("GET", f"Jobs('{job['Id']}')/OutputMediaAssets"))["results"]:
            await azure("DELETE", f"Assets('{one['Id']}')")
        async with asyncio.timeout(30):
            while any(path.exists() for path in (joined, large, small)):
                await asyncio.sleep(0.1)
        await azure("DELETE", f"Jobs('{job['Id']}')")
    assert "Traceback" not in installation.log(), installation.log()


async def files(azure: Azure, job: str) -> list[Path]:
    """Return what the tasks of a job made, in their order."""
    found = []
    for task in (await azure("GET", f"Jobs('{job}')/Tasks"))["results"]:
        for asset in (await azure("GET", f"Tasks('{task['Id']}')/OutputMediaAssets"))["results"]:
            (file,) = (await azure("GET", f"Assets('{asset['Id']}')/Files"))["results"]
            found.append(Path(unquote(urlsplit(asset["Uri"]).path)) / file["Name"])
    return found


async def picture(path: Path) -> tuple[int, float]:
    """Return how high the picture of a file is, and for how many seconds it lasts."""
    info = await probe(path)
    return int(re.findall(r'"height": ?(\d+)', info.text())[0]), float(info.duration or 0)


def read_queue(account: str, secret: str, port: int, job: str) -> None:
    """Read the notifications of a job as a program of Microsoft's SDK does."""
    with QueueServiceClient.from_connection_string(connection(account, secret, port)) as service:
        queue = service.get_queue_client("notifications")
        assert [one.name for one in service.list_queues()] == ["notifications"]
        assert queue.get_queue_properties().approximate_message_count == 4
        assert len(queue.peek_messages(max_messages=10)) == 4
        found = []
        for message in queue.receive_messages(messages_per_page=2, visibility_timeout=60):
            assert message.dequeue_count == 1
            found.append(json.loads(message.content))
            queue.delete_message(message)
        assert [one["EventType"] for one in found] == ["NotificationEndPointRegistration", *["JobStateChange"] * 3]
        states = [(one["Properties"]["OldState"], one["Properties"]["NewState"]) for one in found[1:]]
        assert states == [("Queued", "Scheduled"), ("Scheduled", "Processing"), ("Processing", "Finished")]
        assert all(one["Properties"]["JobId"] == job for one in found[1:])
        assert queue.get_queue_properties().approximate_message_count == 0
        # What was taken and not deleted shows again, and only who took it last may delete it.
        own = service.create_queue("own-queue")
        own.send_message("<text & more>")
        (taken,) = own.receive_messages(visibility_timeout=2)
        assert taken.content == "<text & more>"
        assert list(own.receive_messages()) == []
        again: list[Any] = []
        for _ in range(100):
            again = list(own.receive_messages(visibility_timeout=30))
            if again:
                break
            time.sleep(0.1)
        assert again
        with pytest.raises(ResourceNotFoundError):
            own.delete_message(taken)
        own.clear_messages()
        service.delete_queue("own-queue")
        with pytest.raises(ResourceNotFoundError):
            list(own.receive_messages())
        with pytest.raises(HttpResponseError):
            service.create_queue("No Such Name")
    for wrong in (connection(account, "wrong", port), connection("VJnobody", secret, port)):
        with QueueServiceClient.from_connection_string(wrong) as service, pytest.raises(ClientAuthenticationError):
            list(service.list_queues())
