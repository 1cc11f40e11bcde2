"""The example on the page of each job type works as it is printed: a shell runs it, the real curl sends it."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import examples
from tests.acceptance.conftest import PASSWORD, Client, Installation
from vidijob.jobs.catalogue import PAGES

RUNNABLE = [name for name, page in PAGES.items() if page.kind.runnable]


@pytest.fixture
async def prepared(installation: Installation, client: Client) -> AsyncIterator[Path]:
    """A server, and in its storage the files that the examples speak of."""
    assert shutil.which("curl") is not None, "the examples need curl; install it"
    installation.run("serve", concurrent_jobs=3)
    await asyncio.to_thread(examples.prepare, installation.storage)
    await client.ready()
    yield installation.storage


def carry_out(example: str, client: Client, files: Path) -> str:
    """Run an example as a user would, and return the id of the job."""
    ended = subprocess.run(
        ["bash", "-euc", example],
        env={"API": client.api, "LOGIN": f"admin:{PASSWORD}", "FILES": str(files), "PATH": "/usr/bin:/bin"},
        cwd=files,
        capture_output=True,
        text=True,
        timeout=30,
    )
    found = re.search(r"<jobId>([^<]+)</jobId>|\"jobId\":\"([^\"]+)\"", ended.stdout)
    assert ended.returncode == 0 and found is not None, (example, ended.stdout, ended.stderr)
    return found[1] or found[2]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_every_example_works_as_printed(prepared: Path, client: Client) -> None:
    jobs: dict[str, str] = {}
    for name in RUNNABLE:
        jobs[name] = await asyncio.to_thread(carry_out, PAGES[name].example, client, prepared)
    ended: dict[str, Any] = {name: await client.until(id, seconds=120) for name, id in jobs.items()}
    assert {name: job["status"] for name, job in ended.items()} == dict.fromkeys(RUNNABLE, "FINISHED"), [
        job for job in ended.values() if job["status"] != "FINISHED"
    ]
    for name, job in ended.items():
        assert job["type"] == name
        given = {pair["key"] for pair in job["data"]}
        assert given & set(PAGES[name].gives), f"{name} has given nothing of what its page says: {sorted(given)}"
    assert not [path for path in prepared.rglob("*") if ".vidijob-" in path.name], "something is left in the making"
