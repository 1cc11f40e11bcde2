"""Steps on a Dask cluster of separate processes: what is killed is followed by another, nothing runs twice at once."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Client, Installation, ffmpegs, is_running, until
from tests.acceptance.dask_cluster import DaskCluster, write_program
from tests.acceptance.test_custom_types import data, define, metadata
from tests.acceptance.test_kills import kill, states
from vidijob.executors.media import ffmpeg

#: How many steps run on the cluster; the long form asks for 200, which take two minutes.
JOBS = int(os.environ.get("VIDIJOB_TEST_DASK", "12"))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """A cluster that is not started yet."""
    made = DaskCluster(tmp_path)
    yield made
    made.end()


async def problems(client: Client) -> list[Any]:
    """Return the problems that there are."""
    return list((await client.document("/job/problem")).get("problem", []))


@pytest.mark.slow
@pytest.mark.timeout(180 + 3 * JOBS)
async def test_steps_on_a_cluster(
    installation: Installation, client: Client, cluster: DaskCluster, short_clip: Path
) -> None:
    cluster.start(3, "--resources", "tape=1")
    program = write_program(installation.folder, ffmpeg.find())
    begun, overlaps = installation.folder / "begun", installation.folder / "overlaps"
    placed = {"allow_program": program, "dask_scheduler": cluster.address, "problem_interval": 1}
    installation.run("serve", "--role", "api", "--role", "scheduler", concurrent_jobs=max(100, JOBS + 10), **placed)
    dispatcher = installation.run("worker", "--engine", "dask", **placed)
    await client.ready()
    work = metadata(placement="dask", program="work", resources="tape=1")
    await define(client, "ACME_WORK", 20001, [{"step": "100", "bean": "shell", "method": "run", "metadata": work}])
    await place_transcodes(client)

    # A worker of the cluster and the dispatcher are killed in the middle.
    ids = [await client.submit("ACME_WORK") for _ in range(JOBS)]
    await until(lambda: begun.exists() and len(begun.read_text().split()) > 2, 20)
    await client.until(ids[-1], "VIDINET_JOB")
    cluster.kill(cluster.workers[0])
    kill(dispatcher)
    installation.run("worker", "--engine", "dask", **placed)

    # Meanwhile: an abort ends the whole group there, what is urgent goes first, and its progress is told.
    id = await client.submit("ACME_WORK", "HIGH", seconds="60")
    async with asyncio.timeout(15):
        while not told(await client.job(id)):
            await asyncio.sleep(0.05)
    (running,) = [child for worker in cluster.workers[1:] for child in ffmpegs(worker.pid) if is_long(child)]
    assert (await client.call("DELETE", f"/job/{id}"))[0] == 200
    await until(lambda: not is_running(running), 3)
    assert (await client.until(id, seconds=10))["status"] == "ABORTED"

    jobs = [await client.until(id, seconds=40 + JOBS) for id in ids]
    assert [job["status"] for job in jobs] == ["FINISHED"] * JOBS, jobs
    assert all(data(job)["made"] == [job["jobId"]] and data(job)["database"] == [""] for job in jobs)
    assert all(states(job, 100)[-1] == "FINISHED" for job in jobs)
    assert any("DISAPPEARED" in states(job, 100) for job in jobs)
    assert all("begun by" in str(job["log"]["task"][-1]["subStep"]) for job in jobs)

    # Executors of ours run there like here.
    source = Path(shutil.copy(short_clip, installation.storage / "clip.mov"))
    target = installation.storage / "clip.mp4"
    job = await client.until(
        await client.submit("TRANSCODE", sourceUri=source.as_uri(), destinationUri=target.as_uri(), tag="lowres")
    )
    assert (job["status"], data(job)["fileUri"]) == ("FINISHED", [target.as_uri()])

    # Without its scheduler the cluster is waited for.
    id = await client.submit("ACME_WORK", seconds="3")
    await until(lambda: f"{id}\n" in begun.read_text(), 10)
    assert cluster.scheduler is not None
    cluster.kill(cluster.scheduler)
    async with asyncio.timeout(20):
        while [one["type"] for one in await problems(client)] != ["REMOTE_UNAVAILABLE"]:
            await asyncio.sleep(0.05)
    assert (await client.job(id))["status"] == "WAITING"
    cluster.start(1, "--resources", "tape=1")
    job = await client.until(id, seconds=40)
    assert (job["status"], states(job, 100)) == ("FINISHED", ["WAITING", "FINISHED"])
    assert not overlaps.exists()
    assert "a bug" not in installation.log()


async def place_transcodes(client: Client) -> None:
    """Have the cluster carry out every step of TRANSCODE."""
    tasks = (await client.document("/task-definition/jobtype/TRANSCODE"))["task"]
    assert len(tasks) == 6
    for task in tasks:
        status, body = await client.call(
            "PUT", f"/task-definition/{task['id']}", json={**task, "metadata": metadata(placement="dask")}
        )
        assert status == 200, body


def told(job: Any) -> bool:
    """Tell whether a step of a job has told progress."""
    return any(task.get("progress", {}).get("value") == 10 for task in job.get("log", {}).get("task", []))


def is_long(pid: int) -> bool:
    """Tell whether a process is the ffmpeg of the step that is to be aborted."""
    return b"duration=60" in Path(f"/proc/{pid}/cmdline").read_bytes()
