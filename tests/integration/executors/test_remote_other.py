"""Any other scheme of fsspec: one that has no rename, so that the last step copies and deletes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.remote.files import RemoteFile
from vidijob.executors.remote.schemes import Remotes
from vidijob.executors.storage import Storage
from vidijob.executors.threads import Stop


class Elsewhere(MemoryFileSystem):  # type: ignore[misc]
    """A place like a bucket: whole files, by name."""

    protocol = "elsewhere"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]


@pytest.fixture
def bucket() -> Iterator[dict[str, Any]]:
    fsspec.register_implementation("elsewhere", Elsewhere, clobber=True)
    Elsewhere.store.clear()
    yield Elsewhere.store
    Elsewhere.store.clear()


@pytest.fixture
def files(root: Path, bucket: dict[str, Any]) -> FileExecutor:
    return FileExecutor(Storage([root], Remotes(["elsewhere"])))


async def test_copies_there_and_back(files: FileExecutor, root: Path, bucket: dict[str, Any]) -> None:
    content = os.urandom(3_000_000)
    (root / "ü [1].mov").write_bytes(content)
    job = Job(
        "COPY_FILE", files, sourceUri=f"{root}/ü [1].mov", destinationUri="elsewhere://host/a/", checksumMode="verify"
    )
    assert isinstance(await job.run(), Done)
    assert {name: file.getvalue() for name, file in bucket.items()} == {"/a/ü [1].mov": content}
    job = Job("MOVE_FILE", files, sourceUri=job.data["fileUri"], destinationUri=f"{root}/back.mov")
    assert isinstance(await job.run(), Done)
    assert (root / "back.mov").read_bytes() == content and not bucket


async def test_a_rename_that_was_killed_between_copy_and_deletion(
    files: FileExecutor, root: Path, bucket: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.mov").write_bytes(b"content")
    job = Job("COPY_FILE", files, sourceUri=f"{root}/a.mov", destinationUri="elsewhere://host/")
    await job.until("finish")

    def killed(self: Elsewhere, path: str) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(Elsewhere, "rm_file", killed)
        assert not isinstance(await job.attempt("finish"), Done)
    assert len(bucket) == 2
    assert isinstance(await job.attempt("finish"), Done)
    assert {name: file.getvalue() for name, file in bucket.items()} == {"/a.mov": b"content"}


async def test_overwrites_only_when_asked(files: FileExecutor, root: Path, bucket: dict[str, Any]) -> None:
    (root / "a.mov").write_bytes(b"new")
    address = Remotes(["elsewhere"]).find("elsewhere://host/a.mov", "destinationUri")
    assert address is not None
    RemoteFile(Remotes(["elsewhere"]), address, "destinationUri").write([b"old"], Stop())
    data = {"sourceUri": f"{root}/a.mov", "destinationUri": "elsewhere://host/"}
    outcome = await Job("COPY_FILE", files, **data).run()
    assert isinstance(outcome, Fail) and "never overwritten" in outcome.reason
    assert isinstance(await Job("COPY_FILE", files, **data, overwrite="true").run(), Done)
    assert {name: file.getvalue() for name, file in bucket.items()} == {"/a.mov": b"new"}
