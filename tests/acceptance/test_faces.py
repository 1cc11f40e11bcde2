"""One job in four dialects: submitted by ApsaraVideo's SDK, watched as ArcGIS does, aborted through Vidispine's API, told in Azure's
form.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.conftest import PASSWORD, Client, Installation
from tests.acceptance.test_azure_clients import KEY, Azure
from tests.acceptance.test_mps_clients import SOURCE, Api, New, vidijob
from tests.receiver import receiving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def test_one_job_in_four_dialects(
    installation: Installation, client: Client, session: aiohttp.ClientSession, short_clip: Path
) -> None:
    async with receiving() as receiver:
        installation.run("serve", webhook_networks="127.0.0.1/32")
        await client.ready()
        (installation.storage / "in").mkdir()
        shutil.copy(short_clip, installation.storage / "in" / "short clip.mov")
        # Submitted, into a pipeline that is paused.
        key, secret = re.findall(r"AccessKey\w+ +(\S+)", vidijob(installation, "user", "key", "add", "admin"))
        mps = Api(New(key, secret, installation.port))
        pipeline = (await mps("AddPipeline", Name="waiting"))["Pipeline"]["Id"]
        await mps("UpdatePipeline", PipelineId=pipeline, Name="waiting", State="Paused")
        order = {"Input": SOURCE, "OutputBucket": "out", "OutputLocation": "oss-cn-hangzhou", "PipelineId": pipeline}
        outputs = [{"OutputObject": "made.mp4", "TemplateId": "mp4", "Priority": "9"}]
        (submitted,) = (await mps("SubmitJobs", Outputs=outputs, **order))["JobResultList"]["JobResult"]
        hexadecimal = submitted["Job"]["JobId"]
        # Watched.
        arcgis = f"http://127.0.0.1:{installation.port}/arcgis"
        given = {"username": "admin", "password": PASSWORD, "f": "json"}
        async with session.post(f"{arcgis}/tokens/generateToken", data=given) as answer:
            token = (await answer.json())["token"]

        async def watched(path: str) -> Any:
            async with session.get(f"{arcgis}/rest/jobs{path}", params={"f": "json", "token": token}) as answer:
                return await answer.json()

        (listed,) = (await watched(""))["jobs"]
        assert listed.replace("-", "")[1:] == hexadecimal
        assert (await watched(f"/job/{listed}"))["status"] == "SUBMITTED"
        # Told.
        azure = Azure(session, installation.port)
        await azure.log_in()
        hook = {"EndPointType": 3, "EndPointAddress": receiver.url("/hook"), "CredentialType": 1}
        point = await azure("POST", "NotificationEndPoints", {"Name": "n", "EncryptedEndPointCredential": KEY, **hook})
        (job,) = (await azure("GET", "Jobs"))["results"]
        assert job["Id"] == f"nb:jid:UUID:{listed[1:]}" and job["State"] == 0
        wanted = {"NotificationEndPointId": point["Id"], "TargetJobState": 2}
        await azure("POST", f"Jobs('{job['Id']}')/JobNotificationSubscriptions", wanted)
        # Aborted.
        assert (await client.call("DELETE", "/job/VX-1?reason=enough"))[0] == 200
        await client.until("VX-1", "ABORTED")
        assert (await watched(f"/job/{listed}"))["status"] == "CANCELLED"
        assert (await mps.job(hexadecimal))["State"] == "TranscodeCancelled"
        (cancelled,) = (await mps("ListJob", State="TranscodeCancelled"))["JobList"]["Job"]
        assert (cancelled["JobId"], cancelled["Output"]["Priority"]) == (hexadecimal, "9")
        assert (await mps("ListJob", State="Submitted"))["JobList"]["Job"] == []
        assert (await azure("GET", f"Jobs('{job['Id']}')/State"))["State"] == 5
        async with asyncio.timeout(30):
            while not receiver.received or b'"Canceled"' not in receiver.received[-1].body:
                await asyncio.sleep(0.1)
        told = [json.loads(call.body) for call in receiver.received]
        # The registration, and each state that it had since somebody followed it, once.
        assert [one["EventType"] for one in told] == [2, 1, 1]
        abouts = [one["Properties"] for one in told]
        states = [("Queued", "Canceling"), ("Canceling", "Canceled")]
        assert [(about["OldState"], about["NewState"]) for about in abouts[1:]] == states
        assert {about["JobId"] for about in abouts[1:]} == {job["Id"]}
        for call, about in zip(receiver.received, abouts, strict=True):
            digest = hmac.new(base64.b64decode(KEY), call.body, hashlib.sha256).hexdigest().upper()
            assert call.headers["ms-signature"] == f"sha256={digest}"
            assert about["NotificationEndPointId"] == point["Id"]
            assert call.headers["ms-mediaservices-accountid"] == about["AccountId"]
        # What was submitted is one job in all of them.
        assert (await azure("GET", "Jobs?$inlinecount=allpages&$filter=State%20eq%205"))["__count"] == "1"
        assert (await watched(""))["jobs"] == [listed]
    assert "Traceback" not in installation.log(), installation.log()
