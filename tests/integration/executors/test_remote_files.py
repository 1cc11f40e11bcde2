"""Files elsewhere: copied, moved and deleted on servers of ftp and http."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.executors.peers import PASSWORD, USER, Peer, ended, remote_storage
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.remote.files import RemoteFile
from vidijob.executors.storage import uri_of
from vidijob.executors.threads import Stop

MEBIBYTE = 1024 * 1024
NAMES = ["a.mov", "ü 'x' \"#1?&=%41;.mov", "-i", " lead", "a*[b]{c}~$x`y`.mov"]


@pytest.fixture
def files(root: Path, ftp: Peer) -> FileExecutor:
    return FileExecutor(remote_storage(root, ftp))


def quoted(folder: str, name: str) -> str:
    """Return a URI with every byte of the name encoded."""
    return folder + "/" + "".join(f"%{byte:02X}" for byte in name.encode())


@pytest.mark.parametrize("mode", ["transfer", "verify"])
async def test_copies_by_ftp_there_and_back(files: FileExecutor, root: Path, ftp: Peer, mode: str) -> None:
    contents = {name: os.urandom(place * 700_000) for place, name in enumerate(NAMES)}
    for name, content in contents.items():
        (root / name).write_bytes(content)
    there = f"{ftp.origin}/new/ü folder"
    job = Job(
        "COPY_FILE",
        files,
        sourceUri=[str(root / name) for name in NAMES],
        destinationUri=f"{there}/",
        checksumMode=mode,
    )
    assert isinstance(await job.run(), Done)
    folder = ftp.folder / "new" / "ü folder"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    checksums = [hashlib.sha256(content).hexdigest() for content in contents.values()]
    assert job.data["checksum"] == checksums
    assert job.data["fileSize"] == [str(len(content)) for content in contents.values()]
    told = next(step.told for step in job.steps if step.method == "transfer")
    assert told[-1] == (7_000_000,) * 2 + ("bytes",) and told == sorted(told)

    back = Job("COPY_FILE", files, sourceUri=job.data["fileUri"], destinationUri=f"{root}/back/", checksumMode=mode)
    assert isinstance(await back.run(), Done)
    assert {path.name: path.read_bytes() for path in (root / "back").iterdir()} == contents
    assert back.data["checksum"] == checksums
    await ended()


async def test_copies_from_http_to_ftp(files: FileExecutor, root: Path, ftp: Peer, http: Peer) -> None:
    for name in NAMES:
        (http.folder / name).write_bytes(name.encode() * 100_000)
    (http.folder / "empty").write_bytes(b"")
    names = [*NAMES, "empty"]
    job = Job(
        "COPY_FILE",
        files,
        sourceUri=[quoted(http.origin, name) + "?key=secret#x" for name in names],
        destinationUri=f"{ftp.origin}/",
    )
    assert isinstance(await job.run(), Done)
    assert sorted(os.listdir(ftp.folder)) == sorted(names)
    for name in names:
        assert (ftp.folder / name).read_bytes() == (http.folder / name).read_bytes()
    assert os.listdir(root) == [], "nothing was kept here on the way"
    assert all("key=secret" in line for line in http.asked)


async def test_a_file_of_unknown_size(files: FileExecutor, root: Path, http: Peer) -> None:
    content = os.urandom(3 * MEBIBYTE)
    (http.folder / "a.mov").write_bytes(content)
    job = Job("COPY_FILE", files, sourceUri=f"{http.origin}/chunked/a.mov", destinationUri=str(root / "b.mov"))
    assert isinstance(await job.run(), Done)
    assert (root / "b.mov").read_bytes() == content and job.data["fileSize"] == [str(len(content))]


async def test_exports_and_moves_and_deletes_by_ftp(files: FileExecutor, root: Path, ftp: Peer) -> None:
    (root / "a.mov").write_bytes(b"content")
    job = Job(
        "EXPORT", files, sourceUri=f"{root}/a.mov", destinationUri=f"{ftp.origin}/out/b.mov", exportMetadata="xml"
    )
    assert isinstance(await job.run(), Done)
    assert sorted(os.listdir(ftp.folder / "out")) == ["b.mov", "b.mov.xml"]
    assert job.data["metadataUri"] == [f"{ftp.origin}/out/b.mov.xml"]

    job = Job("MOVE_FILE", files, sourceUri=f"{ftp.origin}/out/b.mov", destinationUri=f"{root}/c.mov")
    assert isinstance(await job.run(), Done)
    job = Job("MOVE_FILE", files, sourceUri=f"{root}/c.mov", destinationUri=f"{ftp.origin}/d.mov")
    assert isinstance(await job.run(), Done)
    assert os.listdir(root) == ["a.mov"]
    assert (ftp.folder / "d.mov").read_bytes() == b"content"

    job = Job("DELETE_FILE", files, sourceUri=[f"{ftp.origin}/d.mov", f"{ftp.origin}/out/b.mov.xml"])
    assert isinstance(await job.run(), Done)
    assert os.listdir(ftp.folder) == ["out"] and os.listdir(ftp.folder / "out") == []
    assert job.data["deletedUri"] == [f"{ftp.origin}/d.mov", f"{ftp.origin}/out/b.mov.xml"]


async def test_overwrites_only_when_asked(files: FileExecutor, root: Path, ftp: Peer) -> None:
    (root / "a.mov").write_bytes(b"new")
    (ftp.folder / "a.mov").write_bytes(b"old")
    data = {"sourceUri": f"{root}/a.mov", "destinationUri": f"{ftp.origin}/"}
    outcome = await Job("COPY_FILE", files, **data).run()
    assert outcome == Fail(
        f"{ftp.origin}/a.mov exists already and is never overwritten; choose another destinationUri."
    )
    assert (ftp.folder / "a.mov").read_bytes() == b"old"
    assert isinstance(await Job("COPY_FILE", files, **data, overwrite="true").run(), Done)
    assert (ftp.folder / "a.mov").read_bytes() == b"new"
    assert os.listdir(ftp.folder) == ["a.mov"]


async def test_finishing_can_be_repeated_and_newcomers_are_kept(files: FileExecutor, root: Path, ftp: Peer) -> None:
    for name in ("a.mov", "b.mov"):
        (root / name).write_bytes(b"content")
    job = Job("COPY_FILE", files, sourceUri=[f"{root}/a.mov", f"{root}/b.mov"], destinationUri=f"{ftp.origin}/")
    await job.until("finish")
    assert isinstance(await files.run(job.step("finish")), Done)
    assert isinstance(await files.run(job.step("finish")), Done)
    (ftp.folder / "b.mov").unlink()
    assert isinstance(await files.run(job.step("finish")), Fail), "there is nothing to be published any more"

    job = Job("COPY_FILE", files, sourceUri=[f"{root}/a.mov", f"{root}/b.mov"], destinationUri=f"{ftp.origin}/new/")
    await job.until("finish")
    (ftp.folder / "new" / "b.mov").write_bytes(b"another")
    outcome = await job.attempt("finish")
    assert isinstance(outcome, Fail) and "exists already" in outcome.reason
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(ftp.folder / "new") == ["b.mov"], "all or none"
    assert (ftp.folder / "new" / "b.mov").read_bytes() == b"another"


async def test_an_older_attempt_is_swept_away(files: FileExecutor, root: Path, ftp: Peer) -> None:
    (root / "a.mov").write_bytes(b"content")
    job = Job("COPY_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{ftp.origin}/")
    await job.until("transfer")
    for _ in range(2):
        assert isinstance(await files.run(job.step("transfer")), Done)
    assert len(os.listdir(ftp.folder)) == 1
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(ftp.folder) == []


async def test_an_abort_is_quick_although_the_server_is_silent(files: FileExecutor, root: Path, http: Peer) -> None:
    (http.folder / "a.mov").write_bytes(b"x" * MEBIBYTE)
    job = Job("COPY_FILE", files, sourceUri=f"{http.origin}/slow/a.mov", destinationUri=f"{root}/b.mov")
    await job.until("transfer")
    step = job.step("transfer")
    task = asyncio.create_task(files.run(step))
    async with asyncio.timeout(10):
        while sum(path.stat().st_size for path in root.iterdir()) < MEBIBYTE // 2:
            await asyncio.sleep(0.01)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root) == []
    http.hold.set()
    await ended()


async def test_an_abort_of_an_upload_leaves_nothing(files: FileExecutor, root: Path, ftp: Peer) -> None:
    with (root / "a.mov").open("wb") as file:
        file.truncate(1 << 30)
    job = Job("COPY_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{ftp.origin}/")
    await job.until("transfer")
    step = job.step("transfer")
    task = asyncio.create_task(files.run(step))
    async with asyncio.timeout(10):
        while len(step.told) < 3:
            await asyncio.sleep(0.01)
    assert len(os.listdir(ftp.folder)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended()
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(ftp.folder) == []


async def test_a_password_in_a_uri_is_used_and_not_told(root: Path, ftp: Peer, http: Peer) -> None:
    files = FileExecutor(remote_storage(root))
    (ftp.folder / "a.mov").write_bytes(b"x")
    (http.folder / "a.mov").write_bytes(b"x")
    login = f"{USER}:p%40ss%3Aw%2Ford@"
    there = ftp.origin.replace("://", f"://{login}")
    job = Job("COPY_FILE", files, sourceUri=f"{there}/a.mov", destinationUri=f"{there}/b.mov")
    assert isinstance(await job.run(), Done)
    assert job.data["fileUri"] == [f"{ftp.origin}/b.mov"]
    uri = http.origin.replace("://", f"://{login}") + "/private/a.mov"
    job = Job("EXPORT", files, sourceUri=uri, destinationUri=f"{root}/b.mov", exportMetadata="json")
    assert isinstance(await job.run(), Done)
    assert PASSWORD not in (root / "b.mov.json").read_text() and "p%40" not in (root / "b.mov.json").read_text()
    assert uri_of(root / "b.mov") in (root / "b.mov.json").read_text()


class Killed(BaseException):
    """What a test throws where the process would have been killed."""


@contextmanager
def killed_after(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[None]:
    """Be killed right after that many calls of a server."""
    calls, real = 0, RemoteFile._call

    def call(self: RemoteFile, work: Any, stop: Stop) -> Any:
        nonlocal calls
        result = real(self, work, stop)
        calls += 1
        if calls == number:
            raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(RemoteFile, "_call", call)
        yield


@pytest.mark.parametrize("way", ["there", "back"])
async def test_a_move_can_be_killed_between_any_two_calls_of_the_server(
    files: FileExecutor, root: Path, ftp: Peer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    source, target = (
        (root / "a.mov", ftp.folder / "b.mov") if way == "there" else (ftp.folder / "a.mov", root / "b.mov")
    )
    uris = (str(source), f"{ftp.origin}/b.mov") if way == "there" else (f"{ftp.origin}/a.mov", str(target))
    number, killed = 0, True
    while killed:
        number += 1
        for path in (*root.iterdir(), *ftp.folder.iterdir()):
            path.unlink()
        source.write_bytes(b"content")
        job = Job("MOVE_FILE", files, sourceUri=uris[0], destinationUri=uris[1])
        await job.until("finishMove")
        killed = False
        with killed_after(monkeypatch, number):
            try:
                await job.attempt("finishMove")
            except Killed:
                killed = True
        assert b"content" in [path.read_bytes() for path in (source, target) if path.exists()], number
        assert isinstance(await job.attempt("finishMove"), Done), number
        assert isinstance(await job.attempt("cleanUp"), Done)
        assert [*root.iterdir(), *ftp.folder.iterdir()] == [target] and target.read_bytes() == b"content"
    assert number >= 3
