"""The vendor's own SDKs, of both generations, against a server that really transcodes."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import alibabacloud_mts20140618.models as requests
import alibabacloud_tea_openapi.utils_models as openapi
import pytest
from alibabacloud_mts20140618.client import Client as NewClient
from alibabacloud_tea_openapi.exceptions import ClientException, ThrottlingException
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient

from tests.acceptance.conftest import Client, Installation
from tests.receiver import Receiver, receiving
from vidijob.executors.media.probing import probe

# The SDKs leave connections to be collected, and ask for times in a way that Python advises against.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SOURCE = {"Bucket": "in", "Location": "oss-cn-hangzhou", "Object": "short%20clip.mov"}
RATE = 20


class Refused(Exception):
    """What an SDK makes of a refusal."""

    def __init__(self, code: str, status: int, retry_after: int | None = None) -> None:
        self.code, self.status, self.retry_after = code, status, retry_after
        super().__init__(code)


class Sdk(Protocol):
    """An SDK, by the names of the wire."""

    def __call__(self, action: str, **given: Any) -> dict[str, Any]:
        """Call an action, or raise ``Refused``."""


class New:
    """``alibabacloud-mts20140618``: signs headers, or, asked to, as the old one does."""

    def __init__(self, key: str, secret: str, port: int, algorithm: str | None = None) -> None:
        self._client = NewClient(
            openapi.Config(
                access_key_id=key,
                access_key_secret=secret,
                endpoint=f"127.0.0.1:{port}",
                protocol="http",
                signature_algorithm=algorithm,
            )
        )

    def __call__(self, action: str, **given: Any) -> dict[str, Any]:
        """Call an action, or raise ``Refused``."""
        request = getattr(requests, f"{action}Request")().from_map(given)
        method = getattr(self._client, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", action).lower())
        try:
            return dict(method(request).body.to_map())
        except ThrottlingException as error:
            raise Refused(error.code, error.status_code, error.retry_after) from error
        except ClientException as error:
            raise Refused(error.code, error.status_code) from error


class Old:
    """``aliyun-python-sdk-mts``: signs parameters."""

    def __init__(self, key: str, secret: str, port: int) -> None:
        self._client = AcsClient(key, secret, "cn-hangzhou", auto_retry=False)
        self._endpoint = f"127.0.0.1:{port}"

    def __call__(self, action: str, **given: Any) -> dict[str, Any]:
        """Call an action, or raise ``Refused``."""
        name = f"{action}Request"
        request = getattr(importlib.import_module(f"aliyunsdkmts.request.v20140618.{name}"), name)()
        request.set_endpoint(self._endpoint)
        request.set_protocol_type("http")
        for key, value in given.items():
            getattr(request, f"set_{key}")(value)
        try:
            return dict(json.loads(self._client.do_action_with_exception(request)))
        except ServerException as error:
            raise Refused(error.get_error_code(), error.get_http_status()) from error


class Api:
    """An SDK that does not keep the others waiting."""

    def __init__(self, sdk: Sdk) -> None:
        self._sdk = sdk

    async def __call__(self, action: str, **given: Any) -> dict[str, Any]:
        """Call an action; what is not text is sent as JSON."""
        texts = {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in given.items()}
        return await asyncio.to_thread(lambda: self._sdk(action, **texts))

    async def refused(self, action: str, **given: Any) -> Refused:
        """Call an action that is refused."""
        with pytest.raises(Refused) as caught:
            await self(action, **given)
        return caught.value

    async def job(self, id: str) -> dict[str, Any]:
        """Return a job."""
        (found,) = (await self("QueryJobList", JobIds=id))["JobList"]["Job"]
        return dict(found)

    async def until(self, id: str, *states: str) -> dict[str, Any]:
        """Wait until a job is in one of the states."""
        async with asyncio.timeout(60):
            while (found := await self.job(id))["State"] not in states:
                await asyncio.sleep(0.1)
        return found


def vidijob(installation: Installation, *arguments: str) -> str:
    """Run a command on the database of an installation; returns what it says."""
    command = [sys.executable, "-m", "vidijob", *arguments, "--database-url", str(installation.database_url)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of notifications."""
    async with receiving() as receiver:
        yield receiver


async def test_each_sdk_does_all_that_there_is(
    installation: Installation, client: Client, short_clip: Path, receiver: Receiver
) -> None:
    installation.run("serve", mps_rate=RATE, concurrent_jobs=2, webhook_networks="127.0.0.1/32")
    await client.ready()
    (installation.storage / "in").mkdir()
    shutil.copy(short_clip, installation.storage / "in" / "short clip.mov")
    (installation.storage / "in" / "notes.txt").write_text("no film")
    (key, secret), hasty = [
        re.findall(r"AccessKey\w+ +(\S+)", vidijob(installation, "user", "key", "add", "admin")) for _ in range(2)
    ]
    assert key in vidijob(installation, "user", "key", "list", "admin")
    for generation in ("new", "new, signing as the old", "old"):
        await scenario(installation, receiver, generation, key, secret, hasty)
    vidijob(installation, "user", "key", "revoke", "admin", key)
    assert (await Api(Old(key, secret, installation.port)).refused("ListJob")).code == "InvalidAccessKeyId.NotFound"
    # A 500 is a bug.
    assert "Traceback" not in installation.log(), installation.log()


async def scenario(
    installation: Installation,
    receiver: Receiver,
    generation: str,
    known_key: str,
    known_secret: str,
    hasty: Sequence[str],
) -> None:
    """Do all that there is with one SDK; ``hasty`` is the key of one who asks too often."""

    def sdk(secret: str = known_secret, key: str = known_key) -> Api:
        if generation == "old":
            return Api(Old(key, secret, installation.port))
        return Api(New(key, secret, installation.port, "v2" if "old" in generation else None))

    mark = generation.replace(", signing as the ", "-")
    api, topic, bucket = sdk(), f"/mns/{mark}", f"out-{mark}"
    # Pipelines.
    made = (await api("AddPipeline", Name="fast", NotifyConfig={"Topic": receiver.url(topic)}))["Pipeline"]
    assert (made["Name"], made["State"], made["NotifyConfig"]["Topic"]) == ("fast", "Active", receiver.url(topic))
    pipeline = made["Id"]
    assert (await api("QueryPipelineList", PipelineIds=pipeline))["PipelineList"]["Pipeline"] == [made]
    paused = (await api("UpdatePipeline", PipelineId=pipeline, Name="slow", State="Paused"))["Pipeline"]
    assert (paused["Name"], paused["State"]) == ("slow", "Paused")
    found = await api("SearchPipeline", State="Paused", PageNumber=1, PageSize=10)
    assert (found["TotalCount"], found["PipelineList"]["Pipeline"]) == (1, [{**paused, "SpeedLevel": 0}])

    # Two jobs and an output that cannot be made; one is cancelled while the pipeline is paused.
    outputs = [
        {"OutputObject": "made%2F{FileName}.mp4", "TemplateId": "mp4", "Priority": "9", "UserData": "mine: ü"},
        {"OutputObject": "second.mp4", "TemplateId": "mp4"},
        {"OutputObject": "third.mp4", "TemplateId": "nothing"},
    ]
    submit = {"Input": SOURCE, "OutputBucket": bucket, "OutputLocation": "oss-cn-hangzhou", "PipelineId": pipeline}
    results = (await api("SubmitJobs", Outputs=outputs, **submit))["JobResultList"]["JobResult"]
    assert [one["Success"] for one in results] == [True, True, False]
    assert results[2]["Code"] == "InvalidParameter.TemplateNotFound"
    first, second = (one["Job"]["JobId"] for one in results[:2])
    assert results[0]["Job"]["Output"]["Priority"] == "9"
    assert results[0]["Job"]["Output"]["UserData"] == "mine: ü"
    assert (await api.job(second))["State"] == "Submitted"
    assert (await api("CancelJob", JobId=second))["JobId"] == second
    assert (await api.job(second))["State"] == "TranscodeCancelled"
    listed = await api("ListJob", State="TranscodeCancelled", PipelineId=pipeline, MaximumPageSize=5)
    assert [job["JobId"] for job in listed["JobList"]["Job"]] == [second]
    await api("UpdatePipeline", PipelineId=pipeline, Name="slow", State="Active")
    done = await api.until(first, "TranscodeSuccess", "TranscodeFail")
    assert (done["State"], done["Percent"], done["PipelineId"]) == ("TranscodeSuccess", 100, pipeline)
    media = await probe(installation.storage / bucket / "made" / "short clip.mp4")
    assert media.duration is not None and abs(media.duration - 2) < 0.2

    # The end of both was told.
    told = {call["JobId"]: call for call in (json.loads(one.body) for one in await receiver.until(topic, 2))}
    assert told[first] == {
        "jobId": first, "JobId": first, "requestId": told[first]["RequestId"], "RequestId": told[first]["RequestId"],
        "type": "Transcode", "Type": "Transcode", "state": "Success", "State": "Success",
        "userData": "mine: ü", "UserData": "mine: ü", "code": "", "msg": "",
    }  # fmt: skip
    assert (told[second]["State"], told[second]["code"]) == ("Fail", "TranscodeCancelled")

    # Each refusal of a cancellation.
    assert (await api.refused("CancelJob", JobId=first)).code == "PermissionDenied.JobInComplete"
    assert (await api.refused("CancelJob", JobId="0" * 32)).code == "InvalidParameter.ResourceNotFound"
    assert (await api.refused("CancelJob", JobId="d1ce4d3e")).code == "InvalidParameter.UUIDFormatInvalid"
    failing = await api("SubmitJobs", Outputs=[{"OutputObject": "x.mp4", "TemplateId": "mp4"}], **{
        **submit, "Input": {**SOURCE, "Object": "notes.txt"},
    })  # fmt: skip
    failed = failing["JobResultList"]["JobResult"][0]["Job"]["JobId"]
    assert (await api.until(failed, "TranscodeFail", "TranscodeSuccess"))["Code"] == "TranscodeFail"
    assert (await api.refused("CancelJob", JobId=failed)).code == "PermissionDenied.JobInFailure"
    # One whose source is not there yet has begun, and waits for it.
    waiting = await api("SubmitJobs", Outputs=[{"OutputObject": "y.mp4", "TemplateId": "mp4"}], **{
        **submit, "Input": {**SOURCE, "Object": "later.mov"},
    })  # fmt: skip
    begun = waiting["JobResultList"]["JobResult"][0]["Job"]["JobId"]
    await api.until(begun, "Transcoding")
    assert (await api.refused("CancelJob", JobId=begun)).code == "PermissionDenied.JobInRunning"

    # Who signs wrongly, who asks too often.
    wrong = await sdk("wrong").refused("CancelJob", JobId=first)
    # The old SDK sees for itself that it is the secret that is wrong.
    assert wrong.code == ("InvalidAccessKeySecret" if generation == "old" else "SignatureDoesNotMatch")
    assert (await sdk(key="nobody").refused("CancelJob", JobId=first)).code == "InvalidAccessKeyId.NotFound"
    many = sdk(hasty[1], hasty[0])
    together = await asyncio.gather(*(many("SearchPipeline") for _ in range(3 * RATE)), return_exceptions=True)
    throttled = [one for one in together if isinstance(one, Refused)]
    assert throttled and {(one.code, one.status) for one in throttled} == {("Throttling.User", 400)}
    if generation != "old":
        assert {one.retry_after for one in throttled} == {1000}
    assert len(together) - len(throttled) >= RATE

    assert (await api("DeletePipeline", PipelineId=pipeline))["PipelineId"] == pipeline
    assert (await api("QueryPipelineList", PipelineIds=pipeline))["NonExistPids"]["String"] == [pipeline]
