"""What is done with files that an import makes superfluous: the source that was taken, or the essence that was replaced.

A source is only touched as long as it is the very file that was imported. It blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.partials import Receipt
from vidijob.executors.storage import Absent, Storage, shown
from vidijob.jobs.model import JobData

DELETE, MOVE, OLD = "deleteSource", "moveSourceUri", "oldFileUri"
#: By what the sources are known again.
SOURCES = "vidijob_source"


def source_receipts(sources: Sequence[Path], lease: int) -> list[str]:
    """Return values for job data by which sources are known again."""
    found = [os.stat(source) for source in sources]
    return [Receipt(lease, status.st_ino, status.st_size, status.st_mtime_ns).text() for status in found]


def is_delete_asked(data: JobData) -> bool:
    """Tell whether the sources are to be deleted."""
    text = (jobdata.optional(data, DELETE) or "false").lower()
    if text not in ("true", "false"):
        raise Invalid(DELETE, f"{DELETE} is {shown(text)}; give true or false, or nothing.")
    return text == "true"


def new_folder(data: JobData, storage: Storage) -> Path | None:
    """Return the folder that the sources are to be moved to; raise ``Invalid`` where that cannot be told."""
    uri, delete = jobdata.optional(data, MOVE), is_delete_asked(data)
    if uri is None:
        return None
    if delete:
        raise Invalid(MOVE, f"The job has both {DELETE} and {MOVE}; give one of them.")
    return storage.folder(uri, MOVE)


def retire(data: JobData, storage: Storage, uris: Sequence[str]) -> None:
    """Delete or move the sources of an import, where that is asked for; those that are gone already are no matter."""
    folder = new_folder(data, storage)
    if folder is None and not is_delete_asked(data):
        return
    receipts = [Receipt.parse(text) for text in data.get(SOURCES, ())]
    if folder is not None:
        storage.prepare(folder, MOVE)
    for uri, receipt in zip(uris, receipts, strict=True):
        with contextlib.suppress(Absent):
            _retire(storage, storage.source(uri), receipt, folder)


def old_files(data: JobData, storage: Storage) -> list[str]:
    """Return what a job names as replaced; raise ``Invalid`` for what may not be removed."""
    uris = list(jobdata.values(data, OLD))
    for uri in uris:
        with contextlib.suppress(Absent):
            storage.source(uri, OLD)
    return uris


def remove(storage: Storage, uri: str) -> None:
    """Remove a file that was replaced; nothing happens where it is gone already."""
    with contextlib.suppress(Absent, FileNotFoundError):
        path = storage.source(uri, OLD)
        with storage.enter(path.parent) as at:
            os.unlink(path.name, dir_fd=at)
            os.fsync(at)


def _retire(storage: Storage, path: Path, receipt: Receipt, folder: Path | None) -> None:
    with storage.enter(path.parent) as at:
        if not receipt.fits(os.stat(path.name, dir_fd=at, follow_symlinks=False)):
            raise Invalid("sourceUri", f"{shown(path)} is not the file that was imported any more; it stays.")
        if folder is not None:
            with storage.enter(folder) as to:
                _link(at, to, path.name, folder)
        os.unlink(path.name, dir_fd=at)
        os.fsync(at)


def _link(at: int, to: int, name: str, folder: Path) -> None:
    """Give a file its second name; that it loses the first comes after."""
    try:
        os.link(name, name, src_dir_fd=at, dst_dir_fd=to, follow_symlinks=False)
    except FileExistsError:
        if not os.path.samestat(os.stat(name, dir_fd=at), os.stat(name, dir_fd=to)):
            raise Invalid(MOVE, f"{shown(folder / name)} exists already; the source stays.") from None
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise Invalid(MOVE, f"{shown(folder)} lies on another file system; the source stays.") from None
    os.fsync(to)
