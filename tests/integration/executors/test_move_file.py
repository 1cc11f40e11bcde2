"""MOVE_FILE: never neither, whatever is killed, and the source goes last."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.executors.steps import Job
from vidijob.executors import partials
from vidijob.executors.base import Done, Fail, Outcome, Wait
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.storage import Storage, uri_of

CONTENT = b"the whole content"
CALLS = ("open", "stat", "fsync", "link", "rename", "unlink", "close", "write", "readv")


class Killed(BaseException):
    """What a test throws where the process would have been killed."""


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[None]:
    """Let system calls happen, and be killed right after the one with that number."""
    calls = [0]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            # Others of this process, such as the tests' Postgres, have threads of their own.
            if threading.current_thread().name not in (threading.main_thread().name, "vidijob-work"):
                return real(*arguments, **named)
            # A dead process does nothing any more, not even clear up.
            if calls[0] >= number:
                raise Killed
            result = real(*arguments, **named)
            calls[0] += 1
            if calls[0] == number:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patched:
        for name in CALLS:
            patched.setattr(os, name, counted(getattr(os, name)))
        patched.setattr(partials, "_rename_if_free", counted(partials._rename_if_free))
        yield


@pytest.fixture
def elsewhere(root: Path) -> Iterator[Path]:
    """A storage root on another file system, or on one where files cannot be linked from the first."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["within", "across"])
def target(request: pytest.FixtureRequest, root: Path, elsewhere: Path) -> Path:
    """Where to move to: a folder within the file system, and one across."""
    return root / "new" if request.param == "within" else elsewhere / "new"


@pytest.fixture
def files(root: Path, elsewhere: Path) -> FileExecutor:
    return FileExecutor(Storage([root, elsewhere]))


def contents(*folders: Path) -> dict[str, bytes]:
    """Return every file below folders."""
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


async def test_moves_several(files: FileExecutor, root: Path, target: Path, elsewhere: Path) -> None:
    names = ["a.mov", "ü 'x' \"#1?.mov", "-i"]
    for place, name in enumerate(names):
        (root / name).write_bytes(CONTENT * place)
    inodes = [(root / name).stat().st_ino for name in names]
    job = Job("MOVE_FILE", files, sourceUri=[str(root / name) for name in names], destinationUri=f"{target}/")
    assert isinstance(await job.run(), Done)
    assert contents(root, elsewhere) == {str(target / name): CONTENT * place for place, name in enumerate(names)}
    assert job.data["fileUri"] == [uri_of(target / name) for name in names]
    assert job.data["fileSize"] == [str(len(CONTENT) * place) for place in range(3)]
    within = target.parent == root
    assert [(target / name).stat().st_ino for name in names] == inodes or not within
    assert ("checksum" in job.data) != within, "without copying nothing was read"
    assert not [key for key in job.data if key.startswith("vidijob_")]


@pytest.mark.parametrize(("names", "begin"), [(["a.mov"], "move"), (["a.mov", "b.mov"], "finishMove")])
async def test_can_be_killed_anywhere_and_repeated(
    root: Path,
    target: Path,
    elsewhere: Path,
    files: FileExecutor,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    begin: str,
) -> None:
    # Nothing here loses its power.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    number, killed = 0, True
    while killed:
        number += 1
        for folder in (root, elsewhere):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        sources = [root / name for name in names]
        for source in sources:
            source.write_bytes(CONTENT)
        job = Job("MOVE_FILE", files, sourceUri=[str(path) for path in sources], destinationUri=f"{target}/")
        await job.until(begin)
        methods = [task.method for task in job.tasks]
        steps = methods[methods.index(begin) :]
        killed = False
        with killed_at(monkeypatch, number):
            for method in steps[:-1]:
                try:
                    await job.attempt(method)
                except Killed:
                    killed = True
                    break
        left = contents(root, elsewhere)
        for source in sources:
            both = [left.get(str(source)), left.get(str(target / source.name))]
            assert CONTENT in both and set(both) <= {CONTENT, None}, (number, left)
        # The step that was killed, and those after it.
        for method in steps[steps.index(job.steps[-1].method) :] if killed else steps[-1:]:
            outcome = await job.attempt(method)
            assert isinstance(outcome, Done), (number, outcome)
        assert contents(root, elsewhere) == {str(target / path.name): CONTENT for path in sources}, number
    assert number > 20


@pytest.mark.parametrize("until", ["move", "verifyMove", "finishMove"])
async def test_an_abort_before_the_end_keeps_the_source(
    files: FileExecutor, root: Path, target: Path, elsewhere: Path, until: str
) -> None:
    (root / "a.mov").write_bytes(CONTENT)
    job = Job("MOVE_FILE", files, sourceUri=str(root / "a.mov"), destinationUri=str(target / "b.mov"))
    await job.until(until)
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert contents(root, elsewhere) == {str(root / "a.mov"): CONTENT}


async def test_an_abort_in_the_middle_of_a_copy_keeps_the_source(
    files: FileExecutor, root: Path, elsewhere: Path
) -> None:
    if root.stat().st_dev == elsewhere.stat().st_dev:
        return
    with (root / "a.mov").open("wb") as file:
        file.truncate(1 << 30)
    job = Job("MOVE_FILE", files, sourceUri=str(root / "a.mov"), destinationUri=f"{elsewhere}/")
    await job.until("move")
    step = job.step("move")
    task = asyncio.create_task(files.run(step))
    async with asyncio.timeout(10):
        while len(step.told) < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(root) == ["a.mov"] and os.listdir(elsewhere) == []


async def test_a_source_that_changes_meanwhile_is_kept(files: FileExecutor, root: Path, target: Path) -> None:
    (root / "a.mov").write_bytes(CONTENT)
    job = Job("MOVE_FILE", files, sourceUri=str(root / "a.mov"), destinationUri=f"{target}/")
    await job.until("finishMove")
    (root / "a.mov").unlink()
    (root / "a.mov").write_bytes(b"another file")
    outcome = await job.attempt("finishMove")
    assert isinstance(outcome, Fail) and "another file has come to its place" in outcome.reason
    assert (root / "a.mov").read_bytes() == b"another file" and (target / "a.mov").read_bytes() == CONTENT


async def test_a_missing_source_is_waited_for(files: FileExecutor, root: Path, target: Path) -> None:
    outcome = await Job("MOVE_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{target}/").run()
    assert isinstance(outcome, Wait) and outcome.type == "SOURCE_UNAVAILABLE"


async def test_overwrites_only_when_asked(files: FileExecutor, root: Path, target: Path, elsewhere: Path) -> None:
    (root / "a.mov").write_bytes(CONTENT)
    target.mkdir()
    (target / "a.mov").write_bytes(b"old")
    data = {"sourceUri": str(root / "a.mov"), "destinationUri": f"{target}/"}
    outcome = await Job("MOVE_FILE", files, **data).run()
    assert isinstance(outcome, Fail) and "exists already and is never overwritten" in outcome.reason
    assert (target / "a.mov").read_bytes() == b"old" and (root / "a.mov").read_bytes() == CONTENT
    assert isinstance(await Job("MOVE_FILE", files, **data, overwrite="true").run(), Done)
    assert contents(root, elsewhere) == {str(target / "a.mov"): CONTENT}


async def test_wrong_data_changes_nothing(files: FileExecutor, root: Path, tmp_path: Path) -> None:
    (root / "a.mov").write_bytes(CONTENT)
    (root / "link.mov").symlink_to(root / "a.mov")
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "out").symlink_to(tmp_path)
    (root / "folder").mkdir()
    source, out = str(root / "a.mov"), str(root / "b.mov")
    before = contents(tmp_path)
    wrong: list[tuple[dict[str, str | list[str]], str]] = [
        ({"sourceUri": source, "destinationUri": source}, "or itself is"),
        ({"sourceUri": source, "destinationUri": source, "overwrite": "true"}, "or itself is"),
        ({"sourceUri": source, "destinationUri": out, "overwrite": "perhaps"}, "give true or false"),
        ({"sourceUri": [source, source], "destinationUri": [out, out + "2"]}, "twice"),
        ({"sourceUri": str(root / "link.mov"), "destinationUri": out}, "a link; name the file itself"),
        ({"sourceUri": str(root / "folder"), "destinationUri": out}, "a folder"),
        ({"sourceUri": str(root), "destinationUri": out}, "outside the storage roots"),
        ({"sourceUri": str(root / "out" / "secret"), "destinationUri": out}, "outside the storage roots"),
        ({"sourceUri": source, "destinationUri": str(root / "out" / "x")}, "outside the storage roots"),
        ({"sourceUri": source, "destinationUri": str(root / "link.mov"), "overwrite": "true"}, "no ordinary file"),
        ({"sourceUri": source, "destinationUri": str(root / "folder"), "overwrite": "true"}, "no ordinary file"),
        ({"sourceUri": source, "destinationUri": f"{root}/../x"}, "'..' is not allowed"),
        ({"sourceUri": source, "destinationUri": f"{root}/x\0y"}, "NUL"),
        ({"sourceUri": source, "destinationUri": f"{root}/{'n' * 1_000_000}"}, "longer than 255 bytes"),
        ({"sourceUri": source, "destinationUri": f"{root}/\udc80"}, ""),
    ]
    for data, words in wrong:
        outcome: Outcome = await Job("MOVE_FILE", files, **data).run()
        if words:
            assert isinstance(outcome, Fail) and words in outcome.reason, (data, outcome)
            assert contents(tmp_path) == before, data


async def test_notes_that_somebody_made_up_are_refused(files: FileExecutor, root: Path) -> None:
    (root / "a.mov").write_bytes(CONTENT)
    for receipt in ("", "x", "1:2", "1:2:3:4"):
        job = Job(
            "MOVE_FILE", files, sourceUri=f"{root}/a.mov", destinationUri=f"{root}/b.mov", vidijob_receipt=[receipt]
        )
        for method in ("verifyMove", "finishMove"):
            assert isinstance(await job.attempt(method), Fail)
    assert contents(root) == {str(root / "a.mov"): CONTENT}
