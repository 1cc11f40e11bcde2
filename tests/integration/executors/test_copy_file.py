"""COPY_FILE from its first step to its last, with real files."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import time
from pathlib import Path

import pytest

from tests.integration.executors.steps import Job
from tests.integration.pace import free
from vidijob.executors.base import Done, Fail, Retry, Wait
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.storage import Storage, uri_of

MEBIBYTE = 1024 * 1024


def fill(path: Path, size: int) -> str:
    """Write a file that is not all alike, and return its checksum."""
    content = (os.urandom(MEBIBYTE) * (size // MEBIBYTE + 1))[:size]
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, MEBIBYTE, 5 * MEBIBYTE + 17])
@pytest.mark.parametrize("mode", [None, "transfer", "verify"])
async def test_copies_a_file(files: FileExecutor, root: Path, size: int, mode: str | None) -> None:
    checksum = fill(root / "in.mov", size)
    target = root / "new" / "folder" / "out.mov"
    data = {"sourceUri": uri_of(root / "in.mov"), "destinationUri": uri_of(target)}
    job = Job("COPY_FILE", files, **data, **({"checksumMode": mode} if mode else {}))
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    assert target.read_bytes() == (root / "in.mov").read_bytes()
    assert os.listdir(target.parent) == ["out.mov"]
    assert target.stat().st_nlink == 1
    results = {key: list(values) for key, values in job.data.items() if key not in (*data, "checksumMode")}
    assert results == {
        "fileUri": [uri_of(target)],
        "fileSize": [str(size)],
        "checksum": [checksum],
        "checksumAlgorithm": ["SHA-256"],
    }
    told = next(step.told for step in job.steps if step.method == "transfer")
    assert told == sorted(told)
    if size:
        assert told[0] == (0, size, "bytes") and told[-1] == (size, size, "bytes")
    assert not any(step.parts for step in job.steps), "one file is no sub-task"


async def test_copies_several_into_a_folder(files: FileExecutor, root: Path) -> None:
    names = ["a.mov", "ü #1?.mov", "-i"]
    checksums = [fill(root / name, 1000 + place) for place, name in enumerate(names)]
    job = Job("COPY_FILE", files, sourceUri=[uri_of(root / name) for name in names], destinationUri=f"{root}/copies/")
    assert isinstance(await job.run(), Done)
    parts = next(step.parts for step in job.steps if step.method == "transfer")
    assert [(part.description, part.events) for part in parts] == [(name, ["start", "finish"]) for name in names]
    assert [part.told[-1] for part in parts] == [(1000 + place,) * 2 + ("bytes",) for place in range(3)]
    assert sorted(os.listdir(root / "copies")) == sorted(names)
    assert job.data["checksum"] == checksums
    assert job.data["fileUri"] == [uri_of(root / "copies" / name) for name in names]


async def test_abort_is_quick_and_leaves_nothing(files: FileExecutor, root: Path) -> None:
    with (root / "in.mov").open("wb") as file:
        file.truncate(2 * 1024 * MEBIBYTE)
    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(root / "out.mov"))
    await job.until("transfer")
    before = len(os.listdir("/proc/self/fd"))
    step = job.step("transfer")
    task = asyncio.create_task(files.run(step))
    async with asyncio.timeout(10):
        while len(step.told) < 2:
            await asyncio.sleep(0.01)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2
    # However quick the copying is: it did not go on to the end.
    done, total, _ = step.told[-1]
    assert done < total / 2
    assert os.listdir(root) == ["in.mov"]
    assert len(os.listdir("/proc/self/fd")) == before
    assert isinstance(await job.attempt("cleanUp"), Done)


async def test_the_loop_stays_free_while_files_are_copied(files: FileExecutor, root: Path) -> None:
    fill(root / "in.mov", 100 * MEBIBYTE)
    jobs = [
        Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(root / f"{number}.mov"))
        for number in range(8)
    ]
    async with free(0.25):
        outcomes = await asyncio.gather(*(job.run() for job in jobs))
    assert all(isinstance(outcome, Done) for outcome in outcomes)


async def test_a_missing_source_is_a_reason_to_wait(files: FileExecutor, root: Path) -> None:
    uri = uri_of(root / "in ü.mov")
    data = {"sourceUri": uri, "destinationUri": str(root / "out.mov")}
    outcome = await Job("COPY_FILE", files, **data).run()
    assert isinstance(outcome, Wait) and f"{uri}, which does not exist" in outcome.reason
    assert (outcome.type, outcome.data) == ("SOURCE_UNAVAILABLE", {"source": uri})
    assert outcome.type in files.problems
    assert os.listdir(root) == []
    assert not await files.is_gone(outcome.type, outcome.data)
    (root / "in ü.mov").mkdir()
    assert await files.is_gone(outcome.type, outcome.data), "there is something; what, the step finds out"
    (root / "in ü.mov").rmdir()
    fill(root / "in ü.mov", 10)
    assert await files.is_gone(outcome.type, outcome.data)
    assert isinstance(await Job("COPY_FILE", files, **data).run(), Done)


async def test_a_source_that_goes_away_before_the_transfer_is_waited_for(files: FileExecutor, root: Path) -> None:
    fill(root / "in.mov", 10)
    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(root / "out.mov"))
    await job.until("transfer")
    (root / "in.mov").unlink()
    outcome = await job.attempt("transfer")
    assert isinstance(outcome, Wait) and outcome.data == {"source": uri_of(root / "in.mov")}
    assert os.listdir(root) == []


async def test_a_root_that_is_not_there_is_waited_for_and_never_made(tmp_path: Path, root: Path) -> None:
    away = tmp_path / "away"
    files = FileExecutor(Storage([root, away]))
    fill(root / "in.mov", 10)
    for data in (
        {"sourceUri": str(away / "in.mov"), "destinationUri": str(root / "out.mov")},
        {"sourceUri": str(root / "in.mov"), "destinationUri": str(away / "folder" / "out.mov")},
        {"sourceUri": str(root / "in.mov"), "destinationUri": f"{away}/"},
    ):
        outcome = await Job("COPY_FILE", files, **data).run()
        assert isinstance(outcome, Wait) and f"{away} is not there; mount it" in outcome.reason
        assert (outcome.type, outcome.data) == ("SOURCE_UNAVAILABLE", {"storage": uri_of(away)})
        assert not await files.is_gone(outcome.type, outcome.data)
    assert not away.exists()
    away.mkdir()
    assert await files.is_gone("SOURCE_UNAVAILABLE", {"storage": uri_of(away)})


async def test_a_root_that_goes_away_meanwhile_is_waited_for(tmp_path: Path, root: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    files = FileExecutor(Storage([root, away]))
    fill(root / "in.mov", 10)
    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(away / "out.mov"))
    await job.until("finish")
    away.rename(tmp_path / "elsewhere")
    outcome = await job.attempt("finish")
    assert isinstance(outcome, Wait) and outcome.data == {"storage": uri_of(away)}, outcome
    (tmp_path / "elsewhere").rename(away)
    for method in ("finish", "cleanUp"):
        assert isinstance(await job.attempt(method), Done)
    assert os.listdir(away) == ["out.mov"]


async def test_a_full_disk_is_a_reason_to_wait(small_disk: Path) -> None:
    fill(small_disk / "in.mov", 600_000)
    files = FileExecutor(Storage([small_disk]))
    job = Job("COPY_FILE", files, sourceUri=str(small_disk / "in.mov"), destinationUri=str(small_disk / "out.mov"))
    outcome = await job.run()
    assert isinstance(outcome, Wait) and "600000 are needed; make room" in outcome.reason
    assert (outcome.type, outcome.data) == ("OUT_OF_STORAGE", {"storage": small_disk.as_uri()})
    assert not await files.is_gone(outcome.type, {"storage": (small_disk / "nothing").as_uri()})
    assert os.listdir(small_disk) == ["in.mov"]


async def test_a_disk_that_fills_up_meanwhile_too(
    small_disk: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root / "in.mov", 3 * MEBIBYTE)
    monkeypatch.setattr("vidijob.executors.files.executor.require_room", lambda files: None)
    files = FileExecutor(Storage([root, small_disk]))
    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(small_disk / "out.mov"))
    outcome = await job.run()
    assert isinstance(outcome, Wait) and "no space is left on the device" in outcome.reason
    assert os.listdir(small_disk) == []


@pytest.mark.parametrize(("code", "kind"), [(errno.EIO, Retry), (errno.EDQUOT, Wait), (errno.EACCES, Fail)])
async def test_what_the_system_refuses_leaves_nothing(
    files: FileExecutor, root: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type
) -> None:
    fill(root / "in.mov", 1000)

    def refuse(descriptor: int, content: bytes) -> int:
        raise OSError(code, os.strerror(code))

    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(root / "out.mov"))
    await job.until("transfer")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", refuse)
        outcome = await job.attempt("transfer")
    assert isinstance(outcome, kind)
    assert os.listdir(root) == ["in.mov"]


async def test_a_source_that_grows_is_tried_again(
    files: FileExecutor, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root / "in.mov", 1000)
    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(root / "out.mov"))
    await job.until("transfer")
    write = os.write

    def write_to_both(descriptor: int, content: bytes) -> int:
        with (root / "in.mov").open("ab") as source:
            source.write(b"more")
        monkeypatch.undo()
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", write_to_both)
    outcome = await job.attempt("transfer")
    assert outcome == Retry(f"{root}/in.mov changed while it was copied; wait until nobody writes to it.")
    assert isinstance(await job.attempt("transfer"), Done)


async def test_a_spoilt_copy_is_not_published(files: FileExecutor, root: Path) -> None:
    fill(root / "in.mov", 1000)
    data = {"sourceUri": str(root / "in.mov"), "destinationUri": str(root / "out.mov"), "checksumMode": "verify"}
    job = Job("COPY_FILE", files, **data)
    await job.until("verify")
    (partial,) = root.glob(".*.part*")
    status = partial.stat()
    with partial.open("r+b") as file:
        first = file.read(1)[0]
        file.seek(0)
        file.write(bytes([first ^ 1]))
    assert isinstance(await job.attempt("verify"), Fail), "it was changed after the transfer"
    os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
    outcome = await job.attempt("verify")
    assert isinstance(outcome, Fail) and "is not what was read" in outcome.reason, "only its bytes tell"
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root) == ["in.mov"]


async def test_finishing_can_be_repeated_even_when_the_source_is_gone(files: FileExecutor, root: Path) -> None:
    fill(root / "in.mov", 1000)
    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(root / "out.mov"))
    await job.until("finish")
    (root / "in.mov").unlink()
    for method in ("finish", "finish", "cleanUp", "cleanUp"):
        assert isinstance(await job.attempt(method), Done)
    assert os.listdir(root) == ["out.mov"]


async def test_an_older_attempt_is_swept_away(files: FileExecutor, root: Path) -> None:
    fill(root / "in.mov", 1000)
    job = Job("COPY_FILE", files, sourceUri=str(root / "in.mov"), destinationUri=str(root / "out.mov"))
    await job.until("transfer")
    assert isinstance(await files.run(job.step("transfer")), Done)
    assert isinstance(await files.run(job.step("transfer")), Done)
    assert len(list(root.glob(".*.part*"))) == 1


async def test_wrong_data_changes_nothing(files: FileExecutor, root: Path, tmp_path: Path) -> None:
    fill(root / "in.mov", 10)
    fill(tmp_path / "secret", 10)
    (root / "link").symlink_to(tmp_path)
    (root / "secret").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "fifo")
    source, out = str(root / "in.mov"), str(root / "out.mov")
    kept = sorted(os.listdir(root))
    wrong: list[tuple[dict[str, str | list[str]], str]] = [
        ({"sourceUri": source, "destinationUri": source}, "exists already"),
        (
            {"sourceUri": [source, source], "destinationUri": out},
            "2 values of sourceUri and 1 values of destinationUri",
        ),
        ({"sourceUri": [source, source], "destinationUri": f"{root}/x/"}, "Two files would become"),
        ({"sourceUri": str(root / "secret"), "destinationUri": out}, "outside the storage roots"),
        ({"sourceUri": str(root / "link" / "secret"), "destinationUri": out}, "outside the storage roots"),
        ({"sourceUri": source, "destinationUri": str(root / "link" / "x")}, "outside the storage roots"),
        ({"sourceUri": source, "destinationUri": str(root / "secret")}, "exists already"),
        ({"sourceUri": str(root / "fifo"), "destinationUri": out}, "no ordinary file"),
        ({"sourceUri": source, "destinationUri": out, "checksumMode": "md5"}, "give transfer or verify"),
        ({"sourceUri": "s3://bucket/x", "destinationUri": out}, "only file: is allowed"),
        ({"sourceUri": source, "destinationUri": str(root / ("n" * 256))}, "longer than 255 bytes"),
        ({"sourceUri": source, "destinationUri": f"{root}/../out.mov"}, "'..' is not allowed"),
    ]
    for data, words in wrong:
        outcome = await Job("COPY_FILE", files, **data).run()
        assert isinstance(outcome, Fail) and re.search(words, outcome.reason), outcome
        assert sorted(os.listdir(root)) == kept
        assert sorted(os.listdir(tmp_path)) == ["secret", "storage"]
    step = Job("COPY_FILE", files).step("setUp")
    step.method = "explode"
    assert isinstance(await files.run(step), Fail)
