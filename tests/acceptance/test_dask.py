"""Steps on a Dask cluster of separate processes: what is killed is followed by another, nothing runs twice at once."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import ENDED, Client, Installation, ffmpegs, is_running, until
from tests.acceptance.dask_cluster import DaskCluster, write_program
from tests.acceptance.test_custom_types import data, define, metadata
from tests.acceptance.test_kills import kill, states
from vidijob.executors.media import ffmpeg

JOBS = 12


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """A cluster that is not started yet."""
    made = DaskCluster(tmp_path)
    yield made
    made.end()


async def problems(client: Client) -> list[Any]:
    """Return the problems that there are."""
    return list((await client.document("/job/problem")).get("problem", []))


async def test_steps_on_a_cluster(
    installation: Installation, client: Client, cluster: DaskCluster, long_clip: Path
) -> None:
    cluster.start(3)
    program = write_program(installation.folder, ffmpeg.find(), 1)
    placed = {"allow_program": program, "dask_scheduler": cluster.address, "problem_interval": 1}
    installation.run("serve", "--role", "api", "--role", "scheduler", concurrent_jobs=100, **placed)
    dispatcher = installation.run("worker", "--engine", "dask", **placed)
    await client.ready()
    work = {"step": "100", "bean": "shell", "method": "run", "metadata": metadata(placement="dask", program="work")}
    await define(client, "ACME_WORK", 20001, [work])
    step = {"bean": "media", "metadata": metadata(placement="dask")}
    tasks = [{"step": "100", "method": "transcode", **step}, {"step": "200", "method": "cleanUp", "cleanup": True, **step}]
    await define(client, "ACME_TRANSCODE", 20002, tasks)

    # A worker of the cluster and the dispatcher are killed in the middle.
    ids = [await client.submit("ACME_WORK") for _ in range(JOBS)]
    await until((installation.folder / "begun").exists, 20)
    job = await client.until(ids[-1], "VIDINET_JOB", *ENDED)
    assert job["status"] == "VIDINET_JOB"
    busy = next(worker for worker in cluster.workers if worker.poll() is None)
    cluster.kill(busy)
    await asyncio.sleep(0.5)
    kill(dispatcher)
    dispatcher = installation.run("worker", "--engine", "dask", **placed)
    jobs = [await client.until(id, seconds=40) for id in ids]
    assert [job["status"] for job in jobs] == ["FINISHED"] * JOBS, jobs
    assert all(data(job)["made"] == [job["jobId"]] and data(job)["database"] == [""] for job in jobs)
    assert all(states(job, 100)[-1] == "FINISHED" for job in jobs)
    assert any("DISAPPEARED" in states(job, 100) for job in jobs)
    assert all("begun by" in str(job["log"]["task"][-1]["subStep"]) for job in jobs)
    assert not (installation.folder / "overlaps").exists()

    # An abort ends the ffmpeg there; progress came back meanwhile.
    source = Path(shutil.copy(long_clip, installation.storage / "clip.mov")).as_uri()
    target = installation.storage / "clip.mp4"
    order = {"sourceUri": source, "destinationUri": target.as_uri(), "tag": "lowres"}
    id = await client.submit("ACME_TRANSCODE", **order)
    await client.until_transcoding(id)
    running = [child for worker in cluster.workers if worker.poll() is None for child in ffmpegs(worker.pid)]
    assert len(running) == 1
    began = time.monotonic()
    assert (await client.call("DELETE", f"/job/{id}"))[0] == 200
    await until(lambda: not is_running(running[0]), 3)
    job = await client.until(id, seconds=10)
    assert (job["status"], time.monotonic() - began < 5) == ("ABORTED", True)
    assert not target.exists()

    # Without its scheduler the cluster is waited for.
    id = await client.submit("ACME_WORK")
    await until(lambda: f"{id}\n" in (installation.folder / "begun").read_text(), 10)
    assert cluster.scheduler is not None
    cluster.kill(cluster.scheduler)
    async with asyncio.timeout(20):
        while [one["type"] for one in await problems(client)] != ["REMOTE_UNAVAILABLE"]:
            await asyncio.sleep(0.05)
    cluster.start(1)
    job = await client.until(id, seconds=20)
    assert (job["status"], states(job, 100)) == ("FINISHED", ["WAITING", "FINISHED"])
    assert not (installation.folder / "overlaps").exists()
    assert "a bug" not in installation.log()
