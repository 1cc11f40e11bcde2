"""The example on the page of each job type: it works as it is printed, a shell runs it and the real curl sends it; and at
whatever moment such a job is aborted, nothing half done is left.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from tests.acceptance import examples
from tests.acceptance.conftest import PASSWORD, Client, Installation, children_of
from vidijob.jobs.catalogue import PAGES

RUNNABLE = [name for name, page in PAGES.items() if page.kind.runnable]
#: How often each type is aborted, and with which moments.
ABORTS, SEED = 4, 5


@dataclass
class Prepared:
    """A server, and for each job type a folder with the files that its example speaks of."""

    client: Client
    files: Path
    pid: int

    def folder(self, name: str) -> Path:
        """Return a new folder with those files."""
        return Path(shutil.copytree(self.files / "all", self.files / name))

    async def carry_out(self, type: str, files: Path, item: str) -> str:
        """Run the example of a type as a user would, and return the id of the job."""
        # What is imported without a destination goes to the folder of its item, which is to be another one each time.
        example = re.sub(r"itemId%3d[A-Z0-9-]+", f"itemId%3d{item}", PAGES[type].example)
        ended = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-euc", example],
            env={"API": self.client.api, "LOGIN": f"admin:{PASSWORD}", "FILES": str(files), "PATH": "/usr/bin:/bin"},
            cwd=files,
            capture_output=True,
            text=True,
            timeout=30,
        )
        found = re.search(r"<jobId>([^<]+)</jobId>|\"jobId\":\"([^\"]+)\"", ended.stdout)
        assert ended.returncode == 0 and found is not None, (example, ended.stdout, ended.stderr)
        return found[1] or found[2]


@pytest.fixture
async def prepared(installation: Installation, client: Client) -> AsyncIterator[Prepared]:
    """A server with the files of the examples."""
    assert shutil.which("curl") is not None, "the examples need curl; install it"
    server = installation.run("serve", concurrent_jobs=4, worker_slots=4)
    files = installation.storage / "all"
    files.mkdir()
    await asyncio.to_thread(examples.prepare, files)
    await client.ready()
    yield Prepared(client, installation.storage, server.pid)


def made(folder: Path, item: Path) -> dict[str, Path]:
    """Return what is in a job's folder, and in that of its item, by name."""
    return {
        str(path.relative_to(place)): path
        for place in (folder, item)
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def content(path: Path) -> tuple[int, ...]:
    """Return what tells a whole file from a part of it: the pictures and samples in it, or its size."""
    if path.suffix in (".mov", ".mp4"):
        with av.open(str(path)) as media:
            return tuple(sum(1 for _ in media.demux(stream) if _.size) for stream in [media.streams[0]])
    # Reports name their files, and these have names of different lengths; nothing else is compared so loosely.
    return (0,) if path.suffix in (".json", ".csv", ".xml") and path.read_bytes() else (path.stat().st_size,)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_example_works_as_printed_and_an_abort_leaves_nothing_half_done(prepared: Prepared) -> None:
    began: dict[str, float] = {}
    lasted: dict[str, float] = {}
    whole: dict[str, dict[str, tuple[int, ...]]] = {}

    async def work(type: str) -> Any:
        folder = prepared.folder(f"{type}-whole")
        before = set(made(folder, folder))
        began[type] = time.monotonic()
        id = await prepared.carry_out(type, folder, f"VX-1{RUNNABLE.index(type)}")
        job = await prepared.client.until(id, seconds=120)
        lasted[type] = time.monotonic() - began[type]
        results = made(folder, prepared.files / f"VX-1{RUNNABLE.index(type)}")
        whole[type] = {name: content(path) for name, path in results.items()}
        if type == "DELETE_FILE":
            assert before - set(results) == {"delete.mov"}
        return job

    # A few at once: as many as may run.
    ended = dict(zip(RUNNABLE, await _few(work, RUNNABLE), strict=True))
    assert {type: job["status"] for type, job in ended.items()} == dict.fromkeys(RUNNABLE, "FINISHED"), [
        job for job in ended.values() if job["status"] != "FINISHED"
    ]
    for type, job in ended.items():
        assert job["type"] == type
        told = {pair["key"] for pair in job["data"]}
        assert told & set(PAGES[type].gives), f"{type} has given nothing of what its page says: {sorted(told)}"
    assert _left(prepared) == []

    given = {name: content(path) for name, path in made(prepared.files / "all", prepared.files / "none").items()}
    chance = random.Random(SEED)
    moments = [(type, n, chance.uniform(0, lasted[type])) for n in range(ABORTS) for type in RUNNABLE]

    async def abort(moment: tuple[str, int, float]) -> tuple[str, str]:
        type, n, delay = moment
        folder, item = prepared.folder(f"{type}-{n}"), f"VX-{2 + n}{RUNNABLE.index(type)}"
        id = await prepared.carry_out(type, folder, item)
        await asyncio.sleep(delay)
        status, _ = await prepared.client.call("DELETE", f"/job/{id}")
        job = await prepared.client.until(id, seconds=60)
        assert (status, job["status"]) in ((200, "ABORTED"), (400, "FINISHED")), (status, job)
        # Whatever has its final name is whole.
        for name, path in made(folder, prepared.files / item).items():
            assert content(path) == {**given, **whole[type]}[name], (moment, name)
        if type == "MOVE_FILE":
            assert (folder / "move.mov").exists() or (folder / "moved" / "move.mov").exists()
        return type, job["status"]

    outcomes = await _few(abort, moments)
    assert _left(prepared) == []
    assert children_of(prepared.pid) == []
    aborted = {type for type, state in outcomes if state == "ABORTED"}
    assert len(aborted) > len(RUNNABLE) / 2, f"most were over before they could be aborted: {outcomes}"


async def _few(work: Any, orders: list[Any]) -> list[Any]:
    """Carry out orders, a few at once; returns the answers in their order."""
    turn = asyncio.Semaphore(4)

    async def one(order: Any) -> Any:
        async with turn:
            return await work(order)

    return await asyncio.gather(*(one(order) for order in orders))


def _left(prepared: Prepared) -> list[Path]:
    return [
        path
        for path in prepared.files.rglob("*")
        if path.is_file() and (".vidijob-" in str(path.relative_to(prepared.files)) or path.name.endswith(".part"))
    ]
