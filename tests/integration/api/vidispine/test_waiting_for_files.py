"""Jobs on real files whose storage is not as it should be: they wait for it, and go on by themselves when it is."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.vidispine.conftest import JSON, Api
from tests.integration.engine.conftest import Engine
from tests.integration.executors.conftest import root as root
from tests.integration.executors.conftest import small_disk as small_disk
from vidijob.engine.worker import Worker
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.storage import Storage, uri_of
from vidijob.jobs.states import JobState


class Copies:
    """Submits jobs that copy, and looks at what they wait for."""

    def __init__(self, api: Api, engine: Engine, worker: Worker) -> None:
        self.api = api
        self.engine = engine
        self.worker = worker

    async def submit(self, target: Path, *sources: Path) -> str:
        """Submit a job that copies files."""
        wanted = "&".join(f"jobmetadata=sourceUri%3D{uri_of(source)}" for source in sources)
        uri = uri_of(target) + ("/" if len(sources) > 1 else "")
        return await self.api.create(f"type=COPY_FILE&{wanted}&jobmetadata=destinationUri%3D{uri}")

    async def waits(self, id: str) -> dict[str, Any]:
        """Wait until a job waits, and return its problem."""
        await self.engine.until(id, JobState.WAITING)
        (problem,) = (await self.api("GET", f"/API/job/{id}/problem", accept=JSON)).json["problem"]
        job = (await self.api("GET", f"/API/job/{id}", accept=JSON)).json
        assert job["waiting"]["resourceType"] == problem["type"]
        assert dict(problem)["job"].count(id) == 1
        return {**problem, "requirement": job["waiting"]["requirement"]}

    async def look(self) -> None:
        """Let the time come when a worker looks again."""
        async with self.engine.database.session() as session:
            await session._connection.execute("UPDATE problem SET next_check = now() - interval '1 s'")
        await self.worker.check()


Start = Callable[..., Awaitable[Copies]]


@pytest.fixture
async def start(api: Api, engine: Engine) -> Start:
    """Start a worker on storage roots."""

    async def start(*roots: Path) -> Copies:
        engine.scheduler()
        return Copies(api, engine, engine.worker(FileExecutor(Storage(roots)), name="file"))

    return start


async def test_a_missing_file_is_waited_for_until_it_appears(start: Start, root: Path) -> None:
    copies = await start(root)
    first = await copies.submit(root / "out.mov", root / "in.mov")
    second = await copies.submit(root / "out 2.mov", root / "in.mov")
    other = await copies.submit(root / "out 3.mov", root / "other.mov")
    for id in (second, first, other):
        problem = await copies.waits(id)
        name = "other.mov" if id == other else "in.mov"
        assert problem["type"] == "SOURCE_UNAVAILABLE" and problem["job"] == (
            [other] if id == other else [first, second]
        )
        assert problem["data"][0] == {"key": "source", "value": uri_of(root / name)}
        assert name in problem["requirement"] and "does not exist" in problem["requirement"]
    await copies.look()
    assert (await copies.engine.insights.job(first)).state is JobState.WAITING
    (root / "in.mov").write_bytes(b"here I am")
    await copies.look()
    for id in (first, second):
        assert (await copies.engine.until(id)).state is JobState.FINISHED
    assert (root / "out.mov").read_bytes() == (root / "out 2.mov").read_bytes() == b"here I am"
    problem = await copies.waits(other)
    # An operator does not want to wait for it.
    assert (await copies.api("POST", f"/API/job/problem/{problem['id']}/fail")).status == 200
    job = await copies.engine.until(other)
    assert job.state is JobState.FAILED_TOTAL and "other.mov" in job.data["errorMessage"][0]
    assert (await copies.api("GET", "/API/job/problem", accept=JSON)).json == {}


async def test_a_root_that_is_not_mounted_is_one_problem_for_all(start: Start, root: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    copies = await start(root, away)
    (root / "in.mov").write_bytes(b"x")
    ids = [
        await copies.submit(root / "out.mov", away / "in.mov"),
        await copies.submit(away / "new" / "out.mov", root / "in.mov"),
    ]
    for id in ids:
        await copies.engine.until(id, JobState.WAITING)
    problem = await copies.waits(ids[0])
    assert problem["job"] == ids and problem["data"][0] == {"key": "storage", "value": uri_of(away)}
    assert not away.exists(), "a folder below a mount that is away would be a folder on the wrong disk"
    away.mkdir()
    (away / "in.mov").write_bytes(b"y")
    await copies.look()
    for id in ids:
        assert (await copies.engine.until(id)).state is JobState.FINISHED
    assert (away / "new" / "out.mov").read_bytes() == b"x" and (root / "out.mov").read_bytes() == b"y"


async def test_a_full_disk_is_waited_for_until_there_is_room(start: Start, root: Path, small_disk: Path) -> None:
    copies = await start(root, small_disk)
    (root / "in.mov").write_bytes(os.urandom(600_000))
    (small_disk / "in the way").write_bytes(bytes(700_000))
    id = await copies.submit(small_disk / "out.mov", root / "in.mov")
    problem = await copies.waits(id)
    assert problem["type"] == "OUT_OF_STORAGE" and "make room" in problem["requirement"]
    assert problem["data"][0] == {"key": "storage", "value": uri_of(small_disk)}
    with (small_disk / "more").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    await copies.look()
    assert (await copies.engine.insights.job(id)).state is JobState.WAITING
    for name in ("more", "in the way"):
        (small_disk / name).unlink()
    await copies.look()
    job = await copies.engine.until(id)
    assert job.state is JobState.FINISHED, job.data
    assert (small_disk / "out.mov").read_bytes() == (root / "in.mov").read_bytes()


async def test_several_files_are_sub_tasks_in_both_forms(start: Start, root: Path) -> None:
    copies = await start(root)
    for place, name in enumerate(("a.mov", "b.mov"), 1):
        (root / name).write_bytes(bytes(1000 * place))
    id = await copies.submit(root / "copies", root / "a.mov", root / "b.mov")
    assert (await copies.engine.until(id)).state is JobState.FINISHED
    job = (await copies.api("GET", f"/API/job/{id}?metadata=true", accept=JSON)).json
    (transfer,) = (one for one in job["log"]["task"] if one["step"] == 200)
    assert transfer["totalSubTasks"] == 2
    assert [{**one, "timestamp": ""} for one in transfer["subTask"]] == [
        {
            "step": 200, "attempts": 0, "status": "FINISHED", "timestamp": "", "description": name,
            "progress": {"value": size, "total": size, "unit": "bytes"}, "subTask": [],
        }
        for name, size in (("a.mov", 1000), ("b.mov", 2000))
    ]  # fmt: skip
    data = {pair["key"]: pair["value"] for pair in job["data"]}
    assert (data["progress-200-0-0"], data["progress-200-1-0"]) == ("bytes 1000/1000", "bytes 2000/2000")
    reply = await copies.api("GET", f"/API/job/{id}")
    assert reply.find("log/task/totalSubTasks") == ["2"]
    assert reply.find("log/task/subTask/description") == ["a.mov", "b.mov"]
    assert reply.find("log/task/subTask/status") == ["FINISHED", "FINISHED"]
    assert reply.find("log/task/subTask/progress") == ["1000", "2000"]
    listed = await copies.api("GET", "/API/job?step=true&user=false")
    assert listed.find("job/log/task/subTask/description") == ["a.mov", "b.mov"]
    assert (await copies.api("DELETE", f"/API/job?id={id}")).status == 200
