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
from vidijob.executors import jobdata, removing
from vidijob.executors.partials import Receipt
from vidijob.executors.storage import Absent, Storage, shown
from vidijob.jobs.model import JobData

DELETE, MOVE, OLD = "deleteSource", "moveSourceUri", "oldFileUri"
#: By what the sources are known again.
SOURCES = "vidijob_source"


def source_receipts(storage: Storage, sources: Sequence[Path]) -> list[str]:
    """Return values for job data by which sources are known again."""
    return [removing.seal(storage, source).text() for source in sources]


def new_folder(data: JobData, storage: Storage) -> Path | None:
    """Return the folder that the sources are to be moved to; raise ``Invalid`` where that cannot be told."""
    uri, delete = jobdata.optional(data, MOVE), jobdata.flag(data, DELETE)
    if uri is None:
        return None
    if delete:
        raise Invalid(MOVE, f"The job has both {DELETE} and {MOVE}; give one of them.")
    return storage.folder(uri, MOVE)


def require_possible(data: JobData, storage: Storage, uris: Sequence[str]) -> None:
    """Raise ``Invalid`` where something is asked for that cannot be done with the sources."""
    if new_folder(data, storage) is not None or jobdata.flag(data, DELETE):
        for uri in uris:
            storage.removable(uri)


def retire(data: JobData, storage: Storage, uris: Sequence[str]) -> None:
    """Delete or move the sources of an import, where that is asked for; those that are gone already are no matter."""
    folder = new_folder(data, storage)
    if folder is None and not jobdata.flag(data, DELETE):
        return
    if folder is not None:
        storage.prepare(folder, MOVE)
    for uri, sealed in zip(uris, data.get(SOURCES, ()), strict=True):
        with contextlib.suppress(Absent):
            path, receipt = storage.removable(uri), Receipt.parse(sealed)
            if folder is not None:
                _link(storage, path, folder, receipt)
            removing.remove(storage, path, receipt)


def old_files(data: JobData, storage: Storage, new: Sequence[Path]) -> list[Path]:
    """Return what a job names as replaced and is there; raise ``Invalid`` for what may not be removed, or is new."""
    found = []
    for uri in jobdata.values(data, OLD):
        with contextlib.suppress(Absent):
            found.append(storage.removable(uri, OLD))
            if found[-1] in new:
                raise Invalid(
                    OLD, f"{OLD} names {shown(uri)}, where the new file is to be; give overwrite=true instead."
                )
    return found


def remove(storage: Storage, path: Path) -> None:
    """Remove a file that was replaced; nothing happens where it is gone already."""
    with contextlib.suppress(FileNotFoundError), storage.enter(path.parent) as at:
        os.unlink(path.name, dir_fd=at)
        os.fsync(at)


def _link(storage: Storage, path: Path, folder: Path, sealed: Receipt) -> None:
    """Give a source its second name; that it loses the first comes after."""
    with storage.enter(path.parent) as at, storage.enter(folder) as to:
        try:
            os.link(path.name, path.name, src_dir_fd=at, dst_dir_fd=to, follow_symlinks=False)
        except FileExistsError:
            if not sealed.fits(os.stat(path.name, dir_fd=to, follow_symlinks=False)):
                raise Invalid(MOVE, f"{shown(folder / path.name)} exists already; the source stays.") from None
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            raise Invalid(MOVE, f"{shown(folder)} lies on another file system; the source stays.") from None
        os.fsync(to)
