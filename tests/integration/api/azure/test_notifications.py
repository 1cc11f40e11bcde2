"""What is told of jobs: into a queue, as the page shows it, and to an address, signed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.integration.api.azure.conftest import MINIMAL, Media
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.api.azure import messages
from vidijob.api.azure.messages import Teller
from vidijob.engine import commands
from vidijob.engine.identities import Identities
from vidijob.engine.letters import Called, Queued
from vidijob.engine.queues import Queues
from vidijob.engine.sender import Sender
from vidijob.engine.watcher import Watcher
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.deliveries import PREPARED, Letter, Reply
from vidijob.jobs.states import JobState
from vidijob.store import records
from vidijob.store.database import Database

KEY = base64.b64encode(b"k" * 64).decode()


async def done(step: StepContext) -> Outcome:
    """Do nothing, well."""
    return Done()


async def told(database: Database, queue: str, count: int) -> list[dict[str, Any]]:
    """Wait for so many messages in a queue, and return them."""
    async with asyncio.timeout(20):
        while len(found := await Queues(database).peek(queue, 32)) < count:
            await asyncio.sleep(0.05)
    return [json.loads(message.body) for message in found]


async def endpoint(media: Media, **more: Any) -> str:
    """Register an end point and return its id."""
    given = {"Name": "c9251969", "EndPointType": 1, "EndPointAddress": "notifications", **more}
    made = await media("POST", "api/NotificationEndPoints", given)
    assert made.status == 201, made.text
    return str(made.d["Id"])


def subscribed(id: str, target: int = 2) -> dict[str, Any]:
    """Return what a job says of who is to be told."""
    return {"JobNotificationSubscriptions": [{"NotificationEndPointId": id, "TargetJobState": target}]}


async def test_a_queue_is_told_what_the_page_shows(
    media: Media, engine: Engine, database: Database, watcher: Watcher
) -> None:
    id = await endpoint(media)
    job = await media.submit("My MP4 to Smooth Streaming encoding job", **subscribed(id))
    engine.worker(ScriptedExecutor(run=done), name="task")
    engine.scheduler()
    await engine.until("VX-1")
    registered, *changes = await told(database, "notifications", 4)
    assert list(registered) == ["MessageVersion", "EventType", "ETag", "TimeStamp", "Properties"]
    assert registered["EventType"] == "NotificationEndPointRegistration" and registered["MessageVersion"] == "1.0"
    assert list(registered["Properties"]) == ["NotificationEndPointId", "State", "Name", "Created"]
    assert (registered["Properties"]["NotificationEndPointId"], registered["Properties"]["State"]) == (id, "Registered")
    steps = [(one["Properties"]["OldState"], one["Properties"]["NewState"]) for one in changes]
    assert steps == [("Queued", "Scheduled"), ("Scheduled", "Processing"), ("Processing", "Finished")]
    for one in changes:
        assert list(one["Properties"]) == ["JobId", "JobName", "NewState", "OldState", "AccountName"]
        assert one["EventType"] == "JobStateChange" and one["Properties"]["JobId"] == job
        assert one["Properties"]["JobName"] == "My MP4 to Smooth Streaming encoding job"
    assert len({one["ETag"] for one in changes}) == 3


async def test_who_wants_only_what_is_final_hears_only_that(
    media: Media, engine: Engine, database: Database, watcher: Watcher
) -> None:
    id = await endpoint(media)
    await media.submit(**subscribed(id, 1))
    other = await media.submit(**subscribed(id, 2))
    assert (await media("GET", f"api/CancelJob?jobid='{other}'")).status == 204
    engine.worker(ScriptedExecutor(run=done), name="task")
    engine.scheduler()
    await engine.until("VX-1")
    await engine.until("VX-2", JobState.ABORTED)
    found = [one["Properties"] for one in (await told(database, "notifications", 4))[1:]]
    assert sorted((one["OldState"], one["NewState"]) for one in found) == [
        ("Canceling", "Canceled"), ("Processing", "Finished"), ("Queued", "Canceling"),
    ]  # fmt: skip
    assert (await media("DELETE", f"api/NotificationEndPoints('{id}')")).status == 204
    last = (await told(database, "notifications", 5))[-1]
    assert last["EventType"] == "NotificationEndPointUnregistration"
    assert (await media("GET", "api/NotificationEndPoints/$count")).text == "0"


async def test_an_address_is_called_with_a_signature(
    media: Media, engine: Engine, database: Database, watcher: Watcher
) -> None:
    calls: list[tuple[bytes, dict[str, str]]] = []
    broken = 1

    async def deliver(letter: Letter) -> Reply:
        nonlocal broken
        assert letter.call.form == PREPARED and letter.call.url == "https://example.org/hook"
        if broken:
            broken -= 1
            return Reply(503, "not now")
        assert letter.call.content_type == "application/json"
        headers = dict(letter.fields)
        calls.append((headers.pop("").encode(), headers))
        return Reply(200)

    sender = Sender(database, engine.bell, deliver)
    sender.start()
    try:
        id = await endpoint(
            media,
            EndPointType="3",
            EndPointAddress="https://example.org/hook",
            CredentialType=1,
            EncryptedEndPointCredential=KEY,
        )
        job = await media.submit(**subscribed(id))
        engine.worker(ScriptedExecutor(run=done), name="task")
        engine.scheduler()
        async with asyncio.timeout(20):
            while len(calls) < 4:
                await asyncio.sleep(0.05)
    finally:
        await sender.stop()
    for body, headers in calls:
        digest = hmac.new(base64.b64decode(KEY), body, hashlib.sha256).hexdigest().upper()
        assert headers["ms-signature"] == f"sha256={digest}"
        document = json.loads(body)
        assert document["MessageVersion"] == "1.1" and document["Properties"]["NotificationEndPointId"] == id
        assert headers["ms-mediaservices-accountid"] == document["Properties"]["AccountId"]
    assert [json.loads(body)["EventType"] for body, _ in calls] == [2, 1, 1, 1]
    assert [json.loads(body)["Properties"].get("NewState") for body, _ in calls[1:]] == [
        "Scheduled",
        "Processing",
        "Finished",
    ]
    assert json.loads(calls[1][0])["Properties"]["JobId"] == job


async def test_a_job_of_another_face_is_subscribed_to(
    media: Media, engine: Engine, database: Database, watcher: Watcher
) -> None:
    id = await endpoint(media)
    await engine.submit()
    (other,) = (await media("GET", "api/Jobs")).d["results"]
    wanted = {"NotificationEndPointId": id, "TargetJobState": 2}
    path = f"api/Jobs('{other['Id']}')/JobNotificationSubscriptions"
    assert (await media("POST", path, {**wanted, "TargetJobState": 3})).status == 400
    assert (await media("POST", path, wanted)).status == 204
    await engine.commands.abort(ADMIN, "VX-1", reason=None, cleanup=False)
    (_, change) = await told(database, "notifications", 2)
    assert change["Properties"]["JobId"] == other["Id"]
    assert (change["Properties"]["OldState"], change["Properties"]["NewState"]) == ("Queued", "Canceled")
    assert (await media("POST", path, wanted)).status == 400
    assert (await media("DELETE", f"api/Jobs('{other['Id']}')")).status == 204


async def test_a_job_is_not_deleted_before_its_end_is_told(
    media: Media, engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await media.submit(**subscribed(await endpoint(media)))
    await engine.commands.abort(ADMIN, "VX-1", reason=None, cleanup=False)
    with monkeypatch.context() as impatient:
        impatient.setattr(commands, "_UNTOLD_WAIT", 0.1)
        refused = await media("DELETE", f"api/Jobs('{id}')")
    assert refused.status == 503 and "not entered" in refused.message
    late = Watcher(database, engine.bell, Teller(await Identities(database).uuids()))
    late.start()
    try:
        assert (await media("DELETE", f"api/Jobs('{id}')")).status == 204
    finally:
        await late.stop()
    assert (await told(database, "notifications", 2))[1]["Properties"]["NewState"] == "Canceled"


async def test_a_signing_key_is_encrypted_to_the_certificate(media: Media, database: Database) -> None:
    id = json.loads((await media("GET", "api/GetProtectionKeyId?contentKeyType=2", accept=MINIMAL)).body)
    assert list(id) == ["odata.metadata", "value"] and id["odata.metadata"].endswith("/api/$metadata#Edm.String")
    assert re.fullmatch(r"[0-9A-F]{40}", id["value"])
    found = await media("GET", f"api/GetProtectionKey?protectionKeyId='{id['value']}'")
    der = base64.b64decode(found.d["GetProtectionKey"])
    assert hashlib.sha1(der, usedforsecurity=False).hexdigest().upper() == id["value"]
    public = x509.load_der_x509_certificate(der).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    sent = public.encrypt(b"k" * 64, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    hook = {"EndPointType": 3, "EndPointAddress": "https://example.org/hook", "ProtectionKeyId": id["value"]}
    encrypted = base64.b64encode(sent).decode()
    made = await endpoint(media, **hook, EncryptedEndPointCredential=encrypted)
    shown = await media("GET", f"api/NotificationEndPoints('{made}')")
    assert shown.d["EncryptedEndPointCredential"] == encrypted and KEY not in shown.text
    (record,) = await records.of(database, "azure", "endpoint", [UUID(made[-36:])])
    letter = messages.registration(record, messages.Options(camel=True), registered=True)
    assert isinstance(letter, Called)
    digest = hmac.new(b"k" * 64, letter.body.encode(), hashlib.sha256).hexdigest().upper()
    assert letter.headers["ms-signature"] == f"sha256={digest}"
    about = json.loads(letter.body)["Properties"]
    assert about["notificationEndPointId"] == about["NotificationEndPointId"] == made
    # Another server's, one that was cut, one that is none; the key itself, which is not encrypted.
    for wrong in (
        {"ProtectionKeyId": "A" * 40},
        {"EncryptedEndPointCredential": encrypted[:-8]},
        {"EncryptedEndPointCredential": KEY},
    ):
        given = {"Name": "x", **hook, "EncryptedEndPointCredential": encrypted, **wrong}
        assert (await media("POST", "api/NotificationEndPoints", given)).status == 400
    assert (await media("GET", f"api/GetProtectionKey?ProtectionKeyId='{'A' * 40}'")).status == 404
    assert (
        await media("MERGE", f"api/NotificationEndPoints('{made}')", {"EncryptedEndPointCredential": "x"})
    ).status == 204
    assert (await media("GET", f"api/NotificationEndPoints('{made}')")).d == shown.d


async def test_a_queue_holds_base64_where_that_is_wanted(media: Media, database: Database) -> None:
    (record,) = await records.of(database, "azure", "endpoint", [UUID((await endpoint(media))[-36:])])
    letter = messages.registration(record, messages.Options(base64=True), registered=False)
    assert isinstance(letter, Queued) and letter.queue == "notifications"
    assert json.loads(base64.b64decode(letter.body))["EventType"] == "NotificationEndPointUnregistration"


@pytest.mark.parametrize(
    "given",
    [
        {"EndPointType": 2}, {"EndPointType": None}, {"EndPointAddress": "Not A Queue"}, {"EndPointAddress": ""}, {"EndPointType": 3, "EndPointAddress": "ftp://x"},
        {"EndPointType": 3, "EndPointAddress": "https://x/", "EncryptedEndPointCredential": "no base64!"},
        {"EndPointType": 3, "EndPointAddress": "https://x/", "ProtectionKeyId": "nb:kid:UUID:x"},
    ],
)  # fmt: skip
async def test_an_end_point_that_cannot_be_is_refused(media: Media, given: dict[str, Any]) -> None:
    asked = {"Name": "x", "EndPointType": 1, "EndPointAddress": "notifications", **given}
    assert (await media("POST", "api/NotificationEndPoints", asked)).status == 400
    assert (await media("GET", "api/NotificationEndPoints/$count")).text == "0"
