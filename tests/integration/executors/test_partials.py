"""Files in the making: published whole or not at all, whenever whoever publishes them is killed."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidijob.errors import Invalid
from vidijob.executors import partials
from vidijob.executors.partials import Partial, Receipt, is_partial, publish_all, sweep
from vidijob.executors.storage import Storage

CONTENT = b"the whole content"
CALLS = ("open", "stat", "fsync", "link", "rename", "unlink", "close")


class Killed(BaseException):
    """What a test throws where the process would have been killed."""


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[list[int]]:
    """Let system calls happen, and be killed right after the one with that number; yields how many there were."""
    calls = [0]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            result = real(*arguments, **named)
            # Others of this process, such as the tests' Postgres, have threads of their own.
            if threading.current_thread() is not threading.main_thread():
                return result
            calls[0] += 1
            if calls[0] == number:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patched:
        for name in CALLS:
            patched.setattr(os, name, counted(getattr(os, name)))
        patched.setattr(partials, "_rename_if_free", counted(partials._rename_if_free))
        with suppress(Killed):
            yield calls


def without_links(monkeypatch: pytest.MonkeyPatch, *, rename: bool) -> None:
    """Behave like a file system that has no links, and perhaps cannot rename without overwriting either."""

    def refuse(*arguments: Any, **named: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    if not rename:
        monkeypatch.setattr(partials, "_rename_if_free", lambda at, name, target: False)


def written(storage: Storage, destination: Path, lease: int = 7) -> tuple[Partial, Receipt]:
    partial = Partial(storage, destination, "VX-1", lease)
    descriptor = partial.create()
    os.write(descriptor, CONTENT)
    os.close(descriptor)
    return partial, partial.receipt()


@pytest.fixture(params=["links", "rename", "neither"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the file system can do."""
    kind: str = request.param
    if kind != "links":
        without_links(monkeypatch, rename=kind == "rename")
    return kind


@pytest.mark.usefixtures("file_system")
def test_publishes_and_can_be_repeated(storage: Storage, root: Path) -> None:
    partial, receipt = written(storage, root / "out.mp4")
    for _ in range(3):
        partial.publish(Receipt.parse(receipt.text()))
    sweep(storage, [root / "out.mp4"], "VX-1")
    partial.publish(receipt)
    assert os.listdir(root) == ["out.mp4"]
    assert (root / "out.mp4").read_bytes() == CONTENT


@pytest.mark.usefixtures("file_system")
def test_can_be_killed_anywhere_and_repeated(storage: Storage, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 100):
        partial, receipt = written(storage, root / "out.mp4")
        with killed_at(monkeypatch, number) as calls:
            partial.publish(receipt)
        if (root / "out.mp4").exists() and (root / "out.mp4").stat().st_size:
            assert (root / "out.mp4").read_bytes() == CONTENT
        partial.publish(receipt)
        assert (root / "out.mp4").read_bytes() == CONTENT
        sweep(storage, [root / "out.mp4"], "VX-1")
        assert os.listdir(root) == ["out.mp4"], number
        os.unlink(root / "out.mp4")
        if calls[0] < number:
            break
    else:
        pytest.fail("it never came to its end")


@pytest.mark.usefixtures("file_system")
def test_can_be_killed_anywhere_and_swept(storage: Storage, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 100):
        partial, receipt = written(storage, root / "out.mp4")
        with killed_at(monkeypatch, number) as calls:
            partial.publish(receipt)
        sweep(storage, [root / "out.mp4"], "VX-1")
        assert os.listdir(root) in ([], ["out.mp4"])
        if os.listdir(root):
            assert (root / "out.mp4").read_bytes() == CONTENT
            os.unlink(root / "out.mp4")
        if calls[0] < number:
            break


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("other", ["file", "empty", "folder", "link", "dangling"])
def test_never_overwrites(storage: Storage, root: Path, other: str) -> None:
    partial, receipt = written(storage, root / "out.mp4")
    target = root / "out.mp4"
    match other:
        case "file":
            target.write_bytes(b"somebody else's")
        case "empty":
            target.touch()
        case "folder":
            target.mkdir()
        case "link":
            target.symlink_to(partial.path)
        case _:
            target.symlink_to(root / "nowhere")
    before = os.lstat(target)
    with pytest.raises(Invalid, match="never overwritten"):
        partial.publish(receipt)
    sweep(storage, [target], "VX-1")
    after = os.lstat(target)
    assert (before.st_ino, before.st_size, before.st_mode) == (after.st_ino, after.st_size, after.st_mode)
    assert not (root / "nowhere").exists()


def test_what_was_changed_or_taken_away_is_not_published(storage: Storage, root: Path) -> None:
    partial, receipt = written(storage, root / "a.mp4")
    partial.path.write_bytes(b"the w")
    with pytest.raises(Invalid, match="gone or was changed"):
        partial.publish(receipt)
    partial.remove()
    partial.remove()
    with pytest.raises(Invalid, match="gone or was changed"):
        partial.publish(receipt)
    partial.path.symlink_to("/etc/passwd")
    with pytest.raises(Invalid, match="gone or was changed"):
        partial.publish(receipt)
    assert os.listdir(root) == [partial.path.name]


def test_publishes_all_or_none(storage: Storage, root: Path) -> None:
    made = [written(storage, root / name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    (root / "c.mp4").write_bytes(b"somebody else's")
    with pytest.raises(Invalid, match="never overwritten"):
        publish_all(made)
    assert sorted(name for name in os.listdir(root) if not name.startswith(".")) == ["c.mp4"]
    (root / "c.mp4").unlink()
    publish_all(made)
    assert sorted(name for name in os.listdir(root) if not name.startswith(".")) == ["a.mp4", "b.mp4", "c.mp4"]


@pytest.mark.parametrize(
    "name", ["out.mp4", "o" * 251 + ".mp4", "ö" * 125 + ".mp4", "no ending", ".hidden", "a.b c", "-i", "x.claim"]
)
def test_its_name_is_hidden_short_enough_and_its_own(storage: Storage, root: Path, name: str) -> None:
    partial = Partial(storage, root / name, "VX-12345678", 10**18)
    assert partial.path.name.startswith(".") and len(os.fsencode(partial.path.name)) <= 255
    assert is_partial(partial.path) and not is_partial(root / name)
    if name.endswith(".mp4"):
        assert partial.path.suffix == ".mp4"
    assert partial.path != Partial(storage, root / name, "VX-12345678", 10**18 + 1).path
    assert partial.path != Partial(storage, root / f"_{name[1:]}", "VX-12345678", 10**18).path
    descriptor = partial.create()
    os.write(descriptor, CONTENT)
    os.close(descriptor)
    partial.publish(partial.receipt())
    sweep(storage, [root / name], "VX-12345678")
    assert os.listdir(root) == [name]


def test_a_name_can_be_used_only_once(storage: Storage, root: Path) -> None:
    written(storage, root / "out.mp4")
    with pytest.raises(FileExistsError):
        written(storage, root / "out.mp4")


def test_sweeps_only_what_belongs_to_the_job_and_the_destination(storage: Storage, root: Path) -> None:
    mine = [Partial(storage, root / "out.mp4", "VX-1", lease) for lease in (3, 12)]
    others = [
        Partial(storage, root / "out.mp4", "VX-11", 3),
        Partial(storage, root / "other.mp4", "VX-1", 3),
        Partial(storage, root / "out.mp4.vidijob-VX-1-3.mp4", "VX-2", 3),
    ]
    for partial in (*mine, *others):
        partial.create_empty()
    (root / "out.mp4").write_bytes(CONTENT)
    kept = sorted(["out.mp4", *(partial.path.name for partial in others)])
    sweep(storage, [root / "out.mp4"], "VX-1", before=12)
    assert sorted(os.listdir(root)) == sorted([*kept, mine[1].path.name])
    sweep(storage, [root / "out.mp4"], "VX-1")
    assert sorted(os.listdir(root)) == kept
    sweep(storage, [root / "no" / "such" / "folder", root / "out.mp4" / "x"], "VX-1")
    assert sorted(os.listdir(root)) == kept


def test_a_folder_that_was_replaced_by_a_link_is_not_entered(storage: Storage, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "folder").mkdir()
    partial = Partial(storage, root / "folder" / "out.mp4", "VX-1", 7)
    (root / "folder").rmdir()
    (root / "folder").symlink_to(outside)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        partial.create_empty()
    assert os.listdir(outside) == []


@pytest.mark.usefixtures("file_system")
def test_overwriting_can_be_killed_anywhere_and_repeated(
    storage: Storage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, number, calls = root / "out.mp4", 0, [1]
    while calls[0] >= number:
        number += 1
        target.write_bytes(b"old")
        partial, receipt = written(storage, target)
        overwriting = replace(partial, overwrite=True)
        with killed_at(monkeypatch, number) as calls:
            overwriting.publish(receipt)
        assert target.read_bytes() in (b"old", CONTENT), number
        overwriting.publish(receipt)
        overwriting.publish(receipt)
        assert target.read_bytes() == CONTENT
        sweep(storage, [target], "VX-1")
        assert os.listdir(root) == ["out.mp4"], number
    assert number > 4


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_only_a_file_is_overwritten(storage: Storage, root: Path, kind: str) -> None:
    target = root / "out.mp4"
    if kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(root / "elsewhere")
    partial, receipt = written(storage, target)
    with pytest.raises(Invalid, match="never overwritten"):
        replace(partial, overwrite=True).publish(receipt)
    assert target.is_dir() or target.is_symlink()


def test_overwriting_several_needs_all_of_them(storage: Storage, root: Path) -> None:
    made = []
    for name in ("a.mp4", "b.mp4"):
        (root / name).write_bytes(b"old")
        partial, receipt = written(storage, root / name)
        made.append((replace(partial, overwrite=True), receipt))
    made[1][0].remove()
    with pytest.raises(Invalid, match="is gone"):
        publish_all(made)
    assert (root / "a.mp4").read_bytes() == (root / "b.mp4").read_bytes() == b"old"
