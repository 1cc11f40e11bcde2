"""The commands of the README and of the help pages, run as they stand there: every block of ``sh`` that says ``run``."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.conftest import PASSWORD, Client, Installation, free_port
from vidijob import help

# Each starts servers, and Postgres anew, which on a busy machine takes its time.
pytestmark = pytest.mark.timeout(240)

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def blocks(text: str, kind: str) -> list[str]:
    """Return the fenced blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def bash(script: str, folder: Path, **variables: str) -> str:
    """Run commands in a folder; returns what they print. One that fails fails the test."""
    programs = Path(sys.executable).parent
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        **{name: value for name, value in os.environ.items() if name.startswith("LD_")},
        **variables,
    }
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    said, complaints = await process.communicate()
    assert process.returncode == 0, f"{script}\n{said.decode()}\n{complaints.decode()}"
    return said.decode()


async def test_the_tour_of_the_readme(tmp_path: Path, url: str, short_clip: Path) -> None:
    shutil.copy(short_clip, tmp_path / "clip.mov")
    port = str(free_port())
    start, submit, look = (block.replace("8080", port) for block in blocks(README, "sh run"))
    # What the server says would otherwise keep the pipe open after the shell has ended.
    assert start.startswith("vidijob serve &\n")
    start = start.replace("vidijob serve &", "vidijob serve > log 2>&1 & SERVER=$!; trap 'kill $SERVER; wait' EXIT")
    wait = f"""
        echo; echo =====
        while :; do
          STATE=$(curl -fsS -u $LOGIN "$API/job/VX-1" -H 'Accept: text/plain')
          case $STATE in F*|A*) break;; esac
          sleep 0.1
        done
        ls $FILES/out; {look.replace("curl ", "echo; curl -fsS ")}
    """
    said = await bash(
        f"{start}\n{submit.replace('curl ', 'curl -fsS ')}\n{wait}",
        tmp_path,
        VIDIJOB_DATABASE_URL=url,
        VIDIJOB_PORT=port,
    )
    submitted, _, then = said.partition("=====")
    assert '"jobId":"VX-1"' in submitted.replace(" ", "")
    made, document, state, listed, facets, again, *_ = [line for line in then.splitlines() if line]
    assert made.endswith(".mp4") and "<jobId>VX-1</jobId>" in document and state == "FINISHED"
    assert json.loads(listed)["hits"] == 1
    assert "FINISHED" in facets and "VX-2" in again


async def test_a_backup_is_restored(embedded: Installation, session: aiohttp.ClientSession, short_clip: Path) -> None:
    # Where the page's commands are run, its data folder is the installation's.
    home = embedded.folder.with_name(f"{embedded.folder.name}-home")
    home.mkdir()
    (home / "vidijob-data").symlink_to(embedded.folder)
    client = Client(session, embedded)
    embedded.run("serve")
    await client.ready()
    shutil.copy(short_clip, embedded.storage / "clip.mov")
    source, target = (embedded.storage / name for name in ("clip.mov", "copy.mov"))
    id = await client.submit("COPY_FILE", sourceUri=source.as_uri(), destinationUri=target.as_uri())
    before = await client.until(id)
    assert before["status"] == "FINISHED"
    save, restore = blocks(help.page("backup").text, "sh run")
    # While the server runs.
    await bash(save, home)
    late = await client.submit("COPY_FILE", sourceUri=source.as_uri(), destinationUri=target.as_uri())
    embedded.end()
    await bash(restore, home)
    restored = Installation(home / "restored")
    try:
        restored.run("serve")
        client = Client(session, restored)
        await client.ready()
        assert await client.job(id) == before
        assert (await client.call("GET", f"/job/{late}"))[0] == 404
        assert (restored.storage / "copy.mov").read_bytes() == short_clip.read_bytes()
    finally:
        restored.end()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package of the page, as pip would lay it out."""
    text = help.page("executors").text
    (program,), (project,) = blocks(text, "python"), blocks(text, "toml")
    about = tomllib.loads(project)
    folder = tmp_path / "site"
    place = folder / "acme_lines-1.0.dist-info"
    place.mkdir(parents=True)
    (included,) = about["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]
    (folder / included).write_text(program)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['project']['name']}\nVersion: 1.0\n")
    points = about["project"]["entry-points"]["vidijob.executors"]
    lines = "\n".join(f"{name} = {value}" for name, value in points.items())
    (place / "entry_points.txt").write_text(f"[vidijob.executors]\n{lines}\n")
    return folder


def variables(installation: Installation) -> Mapping[str, str]:
    """What the pages take for granted in a shell."""
    return {
        "API": f"http://127.0.0.1:{installation.port}/API",
        "LOGIN": f"admin:{PASSWORD}",
        "FILES": str(installation.storage),
    }


def quoted(script: str) -> str:
    """The pages' passwords have no spaces; that of the tests has."""
    return script.replace("$LOGIN", '"$LOGIN"').replace("$OLD_LOGIN", '"$OLD_LOGIN"')


async def test_the_executor_of_the_page(
    installation: Installation, client: Client, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(package))
    installation.run("serve")
    (installation.storage / "poem.txt").write_text("one\ntwo\nthree\n")
    await client.ready()
    (script,) = blocks(help.page("executors").text, "sh run")
    await bash(quoted(script), installation.folder, **variables(installation))
    job = await client.until("VX-1")
    assert job["status"] == "FINISHED", job
    assert {"key": "lines", "value": "3"} in job["data"]
    assert job["log"]["task"][0]["subStep"][0]["description"] == "poem.txt has 3 lines."


async def test_a_job_type_moves_from_server_to_server(installation: Installation, client: Client) -> None:
    installation.run("serve")
    await client.ready()
    task: dict[str, Any] = {"step": "100", "description": "Packing", "script": "job.setData('packed', 'yes');"}
    status, body = await client.call("POST", "/task-definition/jobtype/ACME_PACK?id=20001")
    assert status == 200, body
    later = {"step": "200", "description": "Sending", "script": "job.log('sent')", "dependency": {"previous": "true"}}
    document = {"task": [{"jobType": "ACME_PACK", **one} for one in (task, later)]}
    status, body = await client.call("POST", "/task-definition", json=document)
    assert status == 200, body
    before = (await client.document("/task-definition/jobtype/ACME_PACK"))["task"]
    fetch, bring = blocks(help.page("vidicore").text, "sh run")
    given = variables(installation)
    await bash(quoted(fetch), installation.folder, OLD=given["API"], OLD_LOGIN=given["LOGIN"])
    # One server is both: what it has forgotten comes back.
    status, body = await client.call("DELETE", "/task-definition/jobtype/ACME_PACK")
    assert status == 200, body
    await bash(quoted(bring), installation.folder, **given)
    after = (await client.document("/task-definition/jobtype/ACME_PACK"))["task"]
    assert [{**one, "id": 0} for one in after] == [{**one, "id": 0} for one in before]
    job = await client.until(await client.submit("ACME_PACK"))
    assert job["status"] == "FINISHED" and {"key": "packed", "value": "yes"} in job["data"]


async def test_the_commands_of_an_upgrade(tmp_path: Path, empty_url: str) -> None:
    (script,) = blocks(help.page("upgrade").text, "sh run")
    said = await bash(script, tmp_path, VIDIJOB_DATABASE_URL=empty_url)
    first, second = said.split("\napplied", 1)
    assert set(line.split()[0] for line in first.splitlines()) == {"would"}
    assert first.replace("would apply", "applied").splitlines() == f"applied{second}".splitlines()


@pytest.fixture
def units(tmp_path: Path) -> Iterator[list[Path]]:
    """The units of the page, the second put on the first as it says, with a program that is there."""
    whole, change = blocks(help.page("systemd").text, "ini")
    (command,) = re.findall(r"^ExecStart=.*$", change, re.MULTILINE)
    program = Path(sys.executable).with_name("vidijob")
    made = []
    for name, text in (("server", whole), ("worker", re.sub(r"^ExecStart=.*$", command, whole, flags=re.MULTILINE))):
        assert "ExecStart=/opt/vidijob/bin/vidijob " in text
        made.append(tmp_path / f"{name}.service")
        made[-1].write_text(text.replace("/opt/vidijob/bin/vidijob", str(program)))
    yield made


async def test_systemd_takes_the_units(units: list[Path]) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    for unit in units:
        said = await bash(f"systemd-analyze verify --man=no {unit} 2>&1", unit.parent)
        assert [line for line in said.splitlines() if unit.name in line] == []
    # It would tell of a word that it does not know.
    units[0].write_text(units[0].read_text().replace("KillMode", "KillMood"))
    assert "KillMood" in await bash(f"systemd-analyze verify --man=no {units[0]} 2>&1 || true", units[0].parent)
