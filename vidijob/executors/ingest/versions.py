"""Numbers for the versions of an item's essence. A version is a folder, ``v1``, ``v2``, …; who makes the folder has the number.

The folder appears with a hidden mark in it that names the job, in one step: a job that was killed behind it finds it again,
and no two jobs have the same. It blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.partials import Partial, sweep
from vidijob.executors.storage import Storage, shown

_FOLDER = re.compile(r"v([1-9][0-9]{0,8})")
_MARK = "version"
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def reserve(storage: Storage, base: Path, job: str, lease: int) -> int:
    """Return the number of a job's version: the one that it has already, or the next after all that are there."""
    storage.prepare(base)
    with storage.enter(base) as at:
        numbers = _numbers(at)
        for number in numbers:
            if _is_ours(at, number, job):
                return number
        _take_away_unplaced(at, job)
        made = _unplaced(job) + str(lease)
        os.mkdir(made, dir_fd=at)
        mark = Partial(storage, base / made / _MARK, job, lease).path.name
        os.close(os.open(f"{made}/{mark}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, dir_fd=at))
        number = _place(at, made, max(numbers, default=0) + 1)
        os.fsync(at)
        return number


def release(storage: Storage, base: Path, job: str) -> None:
    """Take a job's marks away, and its folder where there is nothing in it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), storage.enter(base) as at:
        _take_away_unplaced(at, job)
        for number in _numbers(at):
            if _is_ours(at, number, job):
                with contextlib.suppress(Invalid):
                    sweep(storage, [base / f"v{number}" / _MARK], job)
                with contextlib.suppress(OSError):
                    os.rmdir(f"v{number}", dir_fd=at)


def _place(at: int, made: str, number: int) -> int:
    while True:
        try:
            os.rename(made, f"v{number}", src_dir_fd=at, dst_dir_fd=at)
            return number
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            number += 1
        if number > 10**9:
            raise Invalid("destinationUri", f"There is no number left for a version beside {shown(f'v{number - 1}')}.")


def _numbers(at: int) -> list[int]:
    return [int(found[1]) for name in os.listdir(at) if (found := _FOLDER.fullmatch(name))]


def _is_ours(at: int, number: int, job: str) -> bool:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), _inside(at, f"v{number}") as folder:
        return any(name.startswith(f".{_MARK}.vidijob-{job}-") for name in os.listdir(folder))
    return False


def _unplaced(job: str) -> str:
    return f".versions.vidijob-{job}-"


def _take_away_unplaced(at: int, job: str) -> None:
    """Take away folders that an attempt which was killed has made and not placed."""
    for name in os.listdir(at):
        if name.startswith(_unplaced(job)):
            with _inside(at, name) as folder:
                for mark in os.listdir(folder):
                    os.unlink(mark, dir_fd=folder)
            os.rmdir(name, dir_fd=at)


@contextlib.contextmanager
def _inside(at: int, name: str) -> Iterator[int]:
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    try:
        yield folder
    finally:
        os.close(folder)
