"""Processes are killed in the middle of real work; nothing is lost and nothing happens twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from tests.acceptance.conftest import ENDED, LEASE, Client, Installation, children_of, ffmpegs, is_running, until
from vidijob.store.embedded import EmbeddedPostgres

ENDS = "SELECT job_id, count(*) FROM happened WHERE step IS NULL AND new_state = ANY ($1) GROUP BY job_id"


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process without notice."""
    process.kill()
    process.wait()


def states(job: Any, step: int) -> list[str]:
    """Return the states of the attempts of a step."""
    return [task["status"] for task in job["log"]["task"] if task["step"] == step]


async def test_a_killed_worker_is_followed_by_another(
    installation: Installation, client: Client, long_clip: Path
) -> None:
    installation.run("serve", "--role", "api", "--role", "scheduler")
    await client.ready()
    worker = installation.run("worker")
    source = Path(shutil.copy(long_clip, installation.storage / "clip.mov"))
    target = installation.storage / "clip.mp4"
    id = await client.submit("TRANSCODE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), tag="lowres")
    await client.until_transcoding(id)
    orphans = ffmpegs(worker.pid)
    assert len(orphans) == 1
    kill(worker)
    killed = time.monotonic()
    await until(lambda: not is_running(orphans[0]), 2)
    installation.run("worker")
    async with asyncio.timeout(LEASE + 5):
        while "DISAPPEARED" not in states(await client.job(id), 600):
            await asyncio.sleep(0.05)
    assert time.monotonic() - killed < LEASE + 1.5
    job = await client.until(id, seconds=60)
    assert job["status"] == "FINISHED"
    assert states(job, 600) == ["DISAPPEARED", "FINISHED"]
    assert sorted(path.name for path in installation.storage.iterdir()) == ["clip.mov", "clip.mp4"]


async def test_a_stopped_worker_that_wakes_up_late_changes_nothing(
    installation: Installation, client: Client, long_clip: Path
) -> None:
    installation.run("serve", "--role", "api", "--role", "scheduler")
    await client.ready()
    sleeper = installation.run("worker")
    source = Path(shutil.copy(long_clip, installation.storage / "clip.mov"))
    target = installation.storage / "clip.mp4"
    id = await client.submit("TRANSCODE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), tag="lowres")
    await client.until_transcoding(id)
    children = ffmpegs(sleeper.pid)
    for pid in (sleeper.pid, *children):
        os.kill(pid, signal.SIGSTOP)
    try:
        installation.run("worker")
        async with asyncio.timeout(LEASE + 10):
            while states(await client.job(id), 600)[:1] != ["DISAPPEARED"]:
                await asyncio.sleep(0.1)
    finally:
        for pid in (*children, sleeper.pid):
            os.kill(pid, signal.SIGCONT)
    await until(lambda: not any(is_running(pid) for pid in children), 5)
    job = await client.until(id, seconds=60)
    assert job["status"] == "FINISHED"
    assert states(job, 600) == ["DISAPPEARED", "FINISHED"]
    assert sleeper.poll() is None
    await until(lambda: sorted(p.name for p in installation.storage.iterdir()) == ["clip.mov", "clip.mp4"], 5)


async def test_a_worker_that_is_asked_to_stop_hands_back_what_it_cannot_finish(
    installation: Installation, client: Client, long_clip: Path
) -> None:
    installation.run("serve", "--role", "api", "--role", "scheduler")
    await client.ready()
    worker = installation.run("worker", grace=0)
    source = Path(shutil.copy(long_clip, installation.storage / "clip.mov"))
    target = installation.storage / "clip.mp4"
    id = await client.submit("TRANSCODE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), tag="lowres")
    await client.until_transcoding(id)
    worker.terminate()
    began = time.monotonic()
    assert await asyncio.to_thread(worker.wait, 10) == 0
    assert time.monotonic() - began < 5
    assert states(await client.job(id), 600) == ["DISAPPEARED"]
    installation.run("worker")
    job = await client.until(id, seconds=60)
    assert states(job, 600) == ["DISAPPEARED", "FINISHED"]


async def test_everything_is_killed_at_once_and_started_again(
    embedded: Installation, session: aiohttp.ClientSession, long_clip: Path
) -> None:
    client = Client(session, embedded)
    server = embedded.run("serve", concurrent_jobs=2)
    await client.ready()
    source = Path(shutil.copy(long_clip, embedded.storage / "clip.mov"))
    small = embedded.storage / "a.bin"
    small.write_bytes(b"x" * 100_000)
    ids = [
        await client.submit(
            "TRANSCODE", sourceUri=source.as_uri(), destinationUri=(embedded.storage / "a.mp4").as_uri(), tag="lowres"
        )
    ]
    ids += [
        await client.submit(
            "COPY_FILE", sourceUri=small.as_uri(), destinationUri=(embedded.storage / f"{n}.bin").as_uri()
        )
        for n in range(10)
    ]
    await client.until_transcoding(ids[0])
    tree = [server.pid, *children_of(server.pid), *servers_of(embedded.folder)]
    assert len(tree) > 5, "the server, ffmpeg, the supervisor, the postmaster, its processes"
    for pid in tree:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(server.wait)
    await until(lambda: not any(is_running(pid) for pid in tree), 5)

    second = embedded.run("serve", concurrent_jobs=2)
    await client.ready()
    jobs = [await client.until(id, seconds=90) for id in ids]
    assert [job["status"] for job in jobs] == ["FINISHED"] * len(ids)
    assert "DISAPPEARED" in states(jobs[0], 600)
    assert (await client.document("/job?user=false&number=0"))["hits"] == len(ids)
    # The event log, read from the database itself: each job ended once.
    postgres = EmbeddedPostgres(embedded.folder)
    await postgres.start()
    connection = await asyncpg.connect(postgres.url)
    ends = Counter({row["job_id"]: row["count"] for row in await connection.fetch(ENDS, list(ENDED))})
    await connection.close()
    await postgres.stop()
    assert ends == Counter({int(id.removeprefix("VX-")): 1 for id in ids})
    names = sorted(path.name for path in embedded.storage.iterdir())
    assert names == sorted(["a.bin", "a.mp4", "clip.mov", *(f"{n}.bin" for n in range(10))])
    second.terminate()
    assert await asyncio.to_thread(second.wait, 20) == 0
    await until(lambda: not servers_of(embedded.folder), 10)


async def test_a_killed_postgres_comes_back_under_the_running_server(
    embedded: Installation, session: aiohttp.ClientSession
) -> None:
    client = Client(session, embedded)
    server = embedded.run("serve")
    await client.ready()
    source = embedded.storage / "a.bin"
    source.write_bytes(b"x" * 1000)
    (postmaster,) = [int((embedded.folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])]
    os.kill(postmaster, signal.SIGKILL)
    async with asyncio.timeout(20):
        while (await client.call("GET", "/job"))[0] != 200:
            await asyncio.sleep(0.05)
    id = await client.submit(
        "COPY_FILE", sourceUri=source.as_uri(), destinationUri=(embedded.storage / "b.bin").as_uri()
    )
    assert (await client.until(id, seconds=20))["status"] == "FINISHED"
    assert server.poll() is None


def servers_of(folder: Path) -> list[int]:
    """Return the Postgres processes, and their supervisor, of a data folder."""
    found = []
    cluster = folder / "postgres" / "cluster"
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if (entry / "cwd").readlink() == cluster or (
                    b"supervisor" in command and str(folder).encode() in command
                ):
                    found.append(int(entry.name))
    return found
