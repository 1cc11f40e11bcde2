"""``python -m tests.acceptance.dask_storm``: the long form of ``test_dask.py``, on a Postgres of its own: many steps on a Dask
cluster while a worker of the cluster, the dispatcher and the scheduler are killed; then the event log is read.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import aiohttp
import asyncpg

from tests.acceptance.conftest import ENDED, Client, Installation, ffmpegs, is_running, until
from tests.acceptance.dask_cluster import DaskCluster, write_program
from tests.acceptance.test_custom_types import define, metadata
from tests.acceptance.test_dask import is_long, problems, told
from tests.acceptance.test_kills import ENDS, kill, states
from vidijob.executors.media import ffmpeg
from vidijob.store.embedded import EmbeddedPostgres

#: What is killed, by how large a part of the jobs has been begun then.
PLAN = {"a worker of the cluster": 0.25, "the dispatcher": 0.5}


def _say(words: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stdout.flush()


async def storm(folder: Path, steps: int) -> list[str]:
    """Run it; returns what was wrong."""
    faults: list[str] = []
    installation, cluster = Installation(folder), DaskCluster(folder)
    installation.storage.mkdir()
    program, begun = write_program(folder, ffmpeg.find()), folder / "begun"
    placed = {"allow_program": program, "dask_scheduler": cluster.address, "problem_interval": 1}
    try:
        cluster.start(3)
        installation.run("serve", "--role", "api", "--role", "scheduler", concurrent_jobs=1000, **placed)
        dispatcher = installation.run("worker", "--engine", "dask", **placed)
        async with aiohttp.ClientSession() as session:
            client = Client(session, installation)
            await client.ready()
            work = {
                "step": "100",
                "bean": "shell",
                "method": "run",
                "metadata": metadata(placement="dask", program="work"),
            }
            await define(client, "ACME_WORK", 20001, [work])
            started = time.monotonic()
            ids = [await client.submit("ACME_WORK") for _ in range(steps)]

            async def share(of: float) -> None:
                await until(lambda: begun.exists() and len(set(begun.read_text().split())) >= of * steps, 300)

            await share(PLAN["a worker of the cluster"])
            cluster.kill(cluster.workers[0])
            _say("a worker of the cluster is killed")
            cluster.add()
            await share(PLAN["the dispatcher"])
            kill(dispatcher)
            _say("the dispatcher is killed")
            installation.run("worker", "--engine", "dask", **placed)
            jobs = [await client.until(id, seconds=600) for id in ids]
            counts = Counter(job["status"] for job in jobs)
            attempts = Counter(state for job in jobs for state in states(job, 100))
            _say(f"{steps} jobs in {time.monotonic() - started:.0f} s: {dict(counts)}; attempts: {dict(attempts)}")
            if counts != {"FINISHED": steps}:
                faults.append(f"not all jobs are FINISHED: {dict(counts)}")
            faults += await _abort(client, cluster)
            faults += await _without_scheduler(client, cluster, begun)
    finally:
        installation.end()
        cluster.end()
    faults += [f"steps ran twice at once: {line}" for line in _lines(folder / "overlaps")]
    faults += await _ended_more_than_once(folder)
    return faults


async def _abort(client: Client, cluster: DaskCluster) -> list[str]:
    id = await client.submit("ACME_WORK", seconds="60")
    async with asyncio.timeout(30):
        while not told(await client.job(id)):
            await asyncio.sleep(0.05)
    (running,) = [
        child for worker in cluster.workers if worker.poll() is None for child in ffmpegs(worker.pid) if is_long(child)
    ]
    began = time.monotonic()
    await client.call("DELETE", f"/job/{id}")
    await until(lambda: not is_running(running), 30)
    seconds = time.monotonic() - began
    _say(f"an abort ends the remote ffmpeg after {seconds:.2f} s")
    return [] if seconds < 3 else [f"an abort took {seconds:.1f} s"]


async def _without_scheduler(client: Client, cluster: DaskCluster, begun: Path) -> list[str]:
    id = await client.submit("ACME_WORK", seconds="5")
    await until(lambda: f"{id}\n" in begun.read_text(), 20)
    assert cluster.scheduler is not None
    cluster.kill(cluster.scheduler)
    killed = time.monotonic()
    async with asyncio.timeout(60):
        while [one["type"] for one in await problems(client)] != ["REMOTE_UNAVAILABLE"]:
            await asyncio.sleep(0.05)
    _say(f"the scheduler is killed; the problem is there after {time.monotonic() - killed:.1f} s")
    cluster.start(1)
    restarted = time.monotonic()
    job = await client.until(id, seconds=60)
    _say(
        f"the scheduler is started again: {job['status']} after {time.monotonic() - restarted:.1f} s, {states(job, 100)}"
    )
    return [] if job["status"] == "FINISHED" else [f"after the scheduler came back, a job is {job['status']}"]


async def _ended_more_than_once(folder: Path) -> list[str]:
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    connection = await asyncpg.connect(postgres.url)
    ends = {row["job_id"]: row["count"] for row in await connection.fetch(ENDS, list(ENDED))}
    await connection.close()
    await postgres.stop()
    _say(f"the event log has {len(ends)} jobs that ended, {sum(ends.values())} ends")
    return [f"job {job} ended {count} times" for job, count in ends.items() if count != 1]


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def main() -> int:
    """Run it; the exit code is 1 when something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.dask_storm", description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="how many steps, each a real ffmpeg")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="vidijob-dask-") as folder:
        faults = asyncio.run(storm(Path(folder), given.steps))
    for fault in faults:
        _say(f"wrong: {fault}")
    _say("all promises were kept" if not faults else "promises were broken")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
