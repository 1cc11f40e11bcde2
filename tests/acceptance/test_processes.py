"""``vidijob serve --processes``: several processes on one port, and the parent that keeps them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from contextlib import suppress
from pathlib import Path

import aiohttp

from tests.acceptance.conftest import PASSWORD, Client, Installation, children_of, is_running, until


def listening(port: int, pids: list[int]) -> set[int]:
    """Return those of some processes that listen on a port, from the kernel."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if int(line[1].split(":")[1], 16) == port and line[3] == "0A"}
    found = set()
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if os.readlink(descriptor) in sockets:
                        found.add(pid)
    return found


async def start(installation: Installation, **settings: object) -> tuple[int, set[int], int]:
    """Start a server of two processes that answer and one that works; return the ids of the parent and of these."""
    parent = installation.run("serve", "--processes", "2", **settings).pid
    await until(lambda: "stop with Ctrl-C" in installation.log(), 40)
    children = {int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
    answering = listening(installation.port, list(children))
    assert len(answering) == 2, installation.log()
    (working,) = children - answering
    return parent, answering, working


async def requests_counted(installation: Installation, route: str) -> float:
    """Return how many requests to a route some process says that there were."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{installation.port}/metrics") as answer,
    ):
        text = await answer.text()
    found = re.findall(
        rf'^vidijob_http_requests_total{{[^}}]*route="{re.escape(route)}"[^}}]*}} (\S+)$', text, re.MULTILINE
    )
    return sum(map(float, found))


async def test_requests_are_answered_by_more_than_one_process(installation: Installation) -> None:
    parent, answering, working = await start(installation, log_level="debug")
    for _ in range(40):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{installation.port}/health") as answer,
        ):
            assert answer.status == 200
    # Whichever answers tells what all have counted.
    for _ in range(4):
        assert await requests_counted(installation, "/health") == 40
    answered = set(re.findall(r"(\d+) vidijob\.http: GET", installation.log()))
    assert {int(pid) for pid in answered} == answering
    other = installation.run("serve", "--processes", "2")
    assert other.wait(20) == 1
    assert f"Cannot listen on 127.0.0.1:{installation.port}" in installation.log()
    os.kill(parent, signal.SIGTERM)
    assert installation.processes[0].wait(20) == 0
    assert not any(is_running(pid) for pid in (*answering, working))


async def test_killed_ones_come_back_and_no_job_is_lost(installation: Installation, client: Client) -> None:
    parent, answering, working = await start(installation)
    accepted: set[str] = set()
    over = asyncio.Event()

    async def submit() -> None:
        while not over.is_set():
            with suppress(aiohttp.ClientError):
                status, body = await client.call("POST", "/job?type=COPY_FILE&holdJob=true")
                assert status == 200, body
                accepted.add(json.loads(body)["jobId"])

    clients = [asyncio.create_task(submit()) for _ in range(6)]
    await until(lambda: len(accepted) > 50, 20)
    killed = min(answering)
    os.kill(killed, signal.SIGKILL)
    os.kill(working, signal.SIGKILL)
    await until(lambda: len(listening(installation.port, children_of(parent)) - {killed}) == 2, 20)
    over.set()
    await asyncio.gather(*clients)
    # What one has counted that was killed is not lost.
    assert await requests_counted(installation, "/API/job") >= len(accepted)
    assert f"The process {killed} (api) was ended by SIGKILL" in " ".join(installation.log().split())
    listed = await client.document("/job?idonly=true&number=100000")
    assert accepted <= {job["jobId"] for job in listed["job"]}
    # The one that works is back as well.
    (installation.storage / "note").write_text("kept")
    id = await client.submit(
        "COPY_FILE",
        sourceUri=(installation.storage / "note").as_uri(),
        destinationUri=(installation.storage / "copy").as_uri(),
    )
    assert (await client.until(id))["status"] == "FINISHED"


async def test_a_killed_parent_leaves_nobody(embedded: Installation) -> None:
    parent, *_ = await start(embedded, admin_password="")
    assert embedded.log().count("First start") == 1
    password = (embedded.folder / "admin-password").read_text().strip()
    assert password in embedded.log()
    assert password != PASSWORD
    left = children_of(parent)
    # Postgres is among them.
    assert len(left) > 5
    os.kill(parent, signal.SIGKILL)
    await until(lambda: not any(is_running(pid) for pid in left), 20)


async def test_a_server_that_is_set_up_wrongly_ends(installation: Installation) -> None:
    presets = installation.folder / "presets"
    presets.mkdir()
    (presets / "mine.toml").write_text("[nothing")
    server = installation.run("serve", "--processes", "2", preset_dir=presets)
    assert server.wait(40) == 1
    assert installation.log().count("Error:") == 1
    assert "stop with Ctrl-C" not in installation.log()
