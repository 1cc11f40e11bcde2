"""What the pages print, request by request: the ledger names each with its test; those that stand beside others are here."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.integration.api.azure.conftest import MINIMAL, VERBOSE, Media
from tests.integration.api.azure.test_jobs import HEADERS, LINKS, PROPERTIES
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from tests.integration.serving import served
from vidijob.api.azure import messages, translate
from vidijob.api.azure.documents import MODEL
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.odata import query
from vidijob.store.database import Database

#: The headers of the printed requests, but for who asks.
ASKED = {"DataServiceVersion": "3.0", "MaxDataServiceVersion": "3.0", "x-ms-version": "2.11"}
#: Property → type, as the tables have them, and what is read-only there.
JOB = {
    "Id": "String", "Name": "String", "Created": "DateTime", "LastModified": "DateTime", "EndTime": "DateTime", "Priority": "Int32",
    "RunningDuration": "Double", "StartTime": "DateTime", "State": "Int32", "TemplateId": "String",
    "JobNotificationSubscriptions": "[JobNotificationSubscription]",
}  # fmt: skip
READ_ONLY = {"Id", "Created", "LastModified", "EndTime", "RunningDuration", "StartTime", "State"}
OPERATION = dict.fromkeys(("Id", "State", "TargetEntityId", "ErrorCode", "ErrorMessage"), "String")


def test_the_numbers_of_the_page() -> None:
    states = ("Queued", "Scheduled", "Processing", "Finished", "Error", "Canceled", "Canceling")
    assert {name: number for number, name in enumerate(translate.NAMES)} == {name: n for n, name in enumerate(states)}
    kinds = ("JobStateChange", "NotificationEndPointRegistration", "NotificationEndPointUnregistration")
    assert {kind: messages._TYPES[kind] for kind in kinds} == {kind: n for n, kind in enumerate(kinds, 1)}


def test_the_tables_of_properties() -> None:
    job, operation = MODEL.entities["Jobs"], MODEL.entities["Operations"]
    assert job.properties == JOB and job.writable == set(JOB) - READ_ONLY
    assert set(job.links) == set(LINKS)
    assert operation.properties == OPERATION and not operation.writable
    element = MODEL.elements["JobNotificationSubscription"]
    assert element.properties == {"TargetJobState": "Int32", "NotificationEndPointId": "String"}


async def test_a_job_is_asked_for_as_the_page_shows(media: Media) -> None:
    id = await media.submit("NewTestJob", Priority=40)
    # By GET, and yet with a Content-Type.
    reply = await media("GET", f"api/Jobs('{id}')", headers={**ASKED, "Content-Type": VERBOSE})
    assert reply.status == 200 and set(HEADERS) <= set(reply.headers)
    assert reply.headers["Content-Type"] == f"{VERBOSE};charset=utf-8" and reply.headers["DataServiceVersion"] == "3.0;"
    assert list(reply.d) == ["__metadata", *LINKS, *PROPERTIES]
    assert (reply.d["Id"], reply.d["Name"], reply.d["Priority"], reply.d["State"]) == (id, "NewTestJob", 40, 0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z", reply.d["Created"])
    for link in LINKS:
        assert list(reply.d[link]) == ["__deferred"] and reply.d[link]["__deferred"]["uri"].endswith(f"/{link}")
    # The page's own, which is nobody's.
    missing = await media("GET", "api/Jobs('nb:jid:UUID:b1f956b3-774c-bb44-a3f7-ee47e23add31')", headers=ASKED)
    assert missing.status == 404 and "Resource not found" in missing.message


async def test_a_job_is_deleted_as_the_page_shows(media: Media, engine: Engine) -> None:
    id = await media.submit()
    await engine.commands.abort(ADMIN, "VX-1", reason=None, cleanup=False)
    reply = await media(
        "DELETE", f"api/Jobs('{id}')", headers={**ASKED, "Content-Type": VERBOSE, "Content-Length": "0"}
    )
    assert (reply.status, reply.body) == (204, b"") and "Content-Type" not in reply.headers
    assert set(HEADERS) - {"Content-Type"} <= set(reply.headers)
    again = await media("DELETE", f"api/Jobs('{id}')", headers=ASKED)
    assert again.status == 404
    unknown = await media("DELETE", "api/Jobs('nb:jid:UUID:9f5b35d0-68ac-c249-8ece-ece9ea22a461')", headers=ASKED)
    assert unknown.status == 404


async def test_lists_have_a_thousand_entries_at_most(
    media: Media, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert query.MOST == 1000
    monkeypatch.setattr(query, "MOST", 2)
    for _ in range(3):
        await engine.submit()
    ids = []
    for part in ("", "?$top=1000", "?$skip=2", "?$top=1&$skip=1"):
        reply = await media("GET", f"api/Jobs{part}", headers=ASKED)
        assert reply.status == 200 and list(reply.d) == ["results"]
        ids.append([job["Id"] for job in reply.d["results"]])
    assert [len(one) for one in ids] == [2, 2, 1, 1]
    assert ids[0] == ids[1] and ids[3] == ids[0][1:] and ids[2][0] not in ids[0]


async def test_an_operation_is_answered_as_the_page_shows(media: Media) -> None:
    started = await media("DELETE", f"api/Assets('{await media.asset()}')", headers={"Prefer": "respond-async"})
    operation = started.headers["operation-id"]
    asked = {
        "MaxDataServiceVersion": "3.0;NetFx",
        "Content-Type": MINIMAL,
        "x-ms-version": "2.11",
        "Content-Length": "0",
    }
    reply = await media("GET", f"api/Operations('{operation}')", accept=MINIMAL, headers=asked)
    assert reply.status == 200 and set(HEADERS) <= set(reply.headers)
    assert reply.headers["Cache-Control"] == "no-cache" and reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Type"] == "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
    assert reply.headers["DataServiceVersion"] == "3.0;"
    assert reply.headers["request-id"] == reply.headers["x-ms-request-id"]
    document = json.loads(reply.body)
    assert list(document) == ["odata.metadata", *OPERATION]
    assert document["odata.metadata"].endswith("/api/$metadata#Operations/@Element")
    assert re.fullmatch(r"nb:opid:UUID:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["Id"])
    assert document["State"] == "InProgress" and document["ErrorCode"] is document["ErrorMessage"] is None


async def test_durations_are_in_seconds_or_milliseconds(media: Media, engine: Engine, database: Database) -> None:
    async def done(step: StepContext) -> Outcome:
        await asyncio.sleep(0.02)
        return Done()

    id = await media.submit()
    engine.worker(ScriptedExecutor(run=done), name="task")
    engine.scheduler()
    await engine.until("VX-1")
    seconds = (await media("GET", f"api/Jobs('{id}')")).d["RunningDuration"]
    async with served(engine, storage_root=media.root, azure_options=messages.Options(unit=1000)) as client:
        other = Media(client, media.root)
        await other.log_in("account001")
        assert (await other("GET", f"api/Jobs('{id}')")).d["RunningDuration"] == pytest.approx(1000 * seconds)
        (task,) = (await other("GET", "api/Tasks")).d["results"]
        assert task["RunningDuration"] >= 19
        for shown, asked in ((media, seconds), (other, 1000 * seconds)):
            for sign, found in (("gt", "0"), ("le", "1")):
                reply = await shown(
                    "GET", f"api/Jobs/$count?$filter=RunningDuration%20{sign}%20{asked + 0.0005 * asked}d"
                )
                assert reply.text == found
