"""Job types of one's own, defined over the API, on a live server: scripts, allowed programs, executors of other packages."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Client, Installation

PROGRAM = """\
#!/bin/sh
# A program that knows nothing of vidijob but its protocol.
echo "I am $0 with $# arguments, the last is <$2>"
echo "::progress 50 100 percent"
echo "::data job=$JOB_ID"
echo "::data user=$JOB_USER"
echo "::data order=$JOB_DATA_order"
echo "::data many=1"
echo "::data many=2"
echo "::data gone"
echo "::data secret=$VIDIJOB_ADMIN_PASSWORD"
printf '::data given=%s\\n' "$(cat)"
case "$JOB_DATA_end" in
  again) echo "not now" >&2; exit 75;;
  never) echo "noise" >&2; echo "no such tape" >&2; exit 3;;
esac
"""
PLUGIN = '''
"""An executor of somebody else, as its package has it."""

from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.storage import Storage


class Shouter:
    methods = frozenset({"shout"})
    short = frozenset({"shout"})
    problems = frozenset()

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def run(self, step: StepContext) -> Outcome:
        words = step.data.get("words")
        if not words:
            return Fail("Give words to shout.")
        step.progress(1, 1, "bytes")
        return Done({"shouted": [word.upper() + step.metadata.get("mark", "!") for word in words]})

    async def is_gone(self, type: str, data: object) -> bool:
        return False
'''


async def define(client: Client, type: str, id: int, tasks: Sequence[dict[str, Any]]) -> None:
    """Make a job type as an administrator does."""
    status, body = await client.call("POST", f"/task-definition/jobtype/{type}?id={id}")
    assert status == 200, body
    document = {"task": [{"jobType": type, **task} for task in tasks]}
    status, body = await client.call("POST", "/task-definition", json=document)
    assert status == 200, body


def data(job: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in job["data"]:
        found.setdefault(pair["key"], []).append(pair["value"])
    return found


def metadata(**values: str) -> dict[str, Any]:
    return {"field": [{"key": key, "value": value} for key, value in values.items()]}


async def test_scripts(installation: Installation, client: Client) -> None:
    installation.run("serve")
    await client.ready()
    previous = {"previous": "true"}
    await define(
        client,
        "ACME_SCRIPTED",
        20001,
        [
            {"step": "100", "script": "job.log('hello'); job.setData('acme_n', (job.getData('acme_n') || 0) * 1 + 1);"},
            {
                "step": "200",
                "dependency": previous,
                "script": """
                    var me = api.path("job").path(job.getId()).queryParam("metadata", "true").get();
                    job.setData("acme_seen", [me.status, me.user, me.type]);
                    job.setData("acme_whoami", api.path("whoami").dataType("text").get().trim());
                    api.path("/job/" + job.getId() + "/external-id/acme.1").put();
                    try { api.path("job/VX-999").get(); } catch (e) { job.setData("acme_error", e.status); }
                    try { api.path("../../etc").user("nobody").get(); } catch (e) { job.setData("acme_denied", e.status); }
                """,
            },
            {
                "step": "300",
                "dependency": previous,
                "script": """
                    if (job.getData("acme_n") < 3) { job.setData("acme_n", job.getData("acme_n") * 1 + 1); job.fail("soon"); return; }
                """,
                "metadata": metadata(retryDelay="0.1"),
            },
            {
                "step": "400",
                "dependency": previous,
                "script": "if (!job.containsKey('acme_go')) { job.setData('acme_go', 1); job.wait('for a person'); }",
            },
            {"step": "500", "dependency": previous, "critical": "false", "script": "job.fatalFail('not today')"},
        ],
    )
    id = await client.submit("ACME_SCRIPTED")
    waiting = await client.until(id, "WAITING")
    assert waiting["waiting"] == {"resourceType": "SCRIPT_WAIT", "requirement": "for a person"}
    (problem,) = (await client.document("/job/problem"))["problem"]
    assert problem["job"] == [id]
    status, body = await client.call("POST", f"/job/problem/{problem['id']}/retry")
    assert status == 200, body
    job = await client.until(id)
    assert job["status"] == "FINISHED_WARNING", job
    found = data(job)
    assert found["acme_n"] == ["3"]
    assert found["acme_seen"] == ["STARTED,admin,ACME_SCRIPTED"]
    assert found["acme_whoami"] == ["admin"]
    assert (found["acme_error"], found["acme_denied"]) == (["404"], ["401"])
    assert (await client.job("acme.1"))["jobId"] == id
    tries = [(task["step"], task["status"]) for task in job["log"]["task"]]
    assert tries == [
        (100, "FINISHED"), (200, "FINISHED"), (300, "FAILED_RETRY"), (300, "FAILED_RETRY"), (300, "FINISHED"),
        (400, "WAITING"), (400, "FINISHED"), (500, "FAILED_FATAL"),
    ]  # fmt: skip
    assert job["log"]["task"][0]["subStep"][0]["description"] == "hello"


async def test_a_program_that_is_allowed(installation: Installation, client: Client) -> None:
    program = installation.folder / "acme tool"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    installation.run("serve", allow_program=program)
    await client.ready()
    shell = {"bean": "shell", "method": "run", "step": "100"}
    settings = {"arguments": json.dumps(["-i", "; rm -rf $HOME"]), "retries": "1", "retryDelay": "0.1"}
    await define(client, "ACME_TOOL", 20001, [{**shell, "metadata": metadata(program="acme tool", **settings)}])
    await define(client, "ACME_OTHER", 20002, [{**shell, "metadata": metadata(program="/bin/true")}])
    hostile = "$(id) `id` ; id\n::data forged=1"
    done, failed, again, refused = await asyncio.gather(
        client.submit("ACME_TOOL", order=hostile, gone="x"),
        client.submit("ACME_TOOL", end="never"),
        client.submit("ACME_TOOL", end="again"),
        client.submit("ACME_OTHER"),
    )
    job = await client.until(done)
    assert job["status"] == "FINISHED", job
    found = data(job)
    assert (found["job"], found["user"], found["many"]) == ([done], ["admin"], ["1", "2"])
    # Its second line was a line of the program's own: an echo of data is a protocol's weak place, not the shell's.
    assert (found["order"], found["forged"]) == (["$(id) `id` ; id"], ["1"])
    assert json.loads(found["given"][0])["data"] == {"order": [hostile], "gone": ["x"]}
    assert found["secret"] == [""] and "gone" not in found
    (task,) = job["log"]["task"]
    assert task["progress"] == {"value": 50, "total": 100, "unit": "percent"}
    assert f"I am {program} with 2 arguments, the last is <; rm -rf $HOME>" in task["subStep"][0]["description"]
    job = await client.until(failed)
    assert (job["status"], data(job)["errorMessage"]) == ("FAILED_TOTAL", ["no such tape"])
    job = await client.until(again)
    assert [task["status"] for task in job["log"]["task"]] == ["FAILED_RETRY", "FAILED_FATAL"]
    job = await client.until(refused)
    assert job["status"] == "FAILED_TOTAL" and "/bin/true is not allowed" in data(job)["errorMessage"][0]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package as pip lays it out: a module, and the entry point that names its executor."""
    folder = tmp_path / "site"
    about = folder / "acme_shouter-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "acme_shouter.py").write_text(textwrap.dedent(PLUGIN))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-shouter\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vidijob.executors]\nshouter = acme_shouter:Shouter\n")
    return folder


async def test_an_executor_of_another_package(
    installation: Installation, client: Client, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(package))
    installation.run("serve")
    await client.ready()
    shout = {"bean": "shouter", "method": "shout", "step": "100"}
    await define(client, "ACME_SHOUT", 20001, [{**shout, "metadata": metadata(mark="?")}])
    status, _ = await client.call("GET", "/task-definition/jobtype/ACME_SHOUT/step/100/validate")
    assert status == 200
    job = await client.until(await client.submit("ACME_SHOUT", words=["hello", "world"]))
    assert (job["status"], data(job)["shouted"]) == ("FINISHED", ["HELLO?", "WORLD?"])
    assert (await client.until(await client.submit("ACME_SHOUT")))["status"] == "FAILED_TOTAL"
