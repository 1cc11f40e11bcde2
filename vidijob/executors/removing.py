"""Takes files away below the storage roots: only those that were meant, even if another has come to the place meanwhile.

::

      seal ─► remove ─► remove again: it is gone, and that is well
   (by a step)   (by a later one)

It blocks: call it in a thread.
"""

from __future__ import annotations

import os
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.partials import Receipt
from vidijob.executors.storage import Storage, shown


def seal(storage: Storage, path: Path) -> Receipt:
    """Return by what a file is known again."""
    descriptor = storage.open_source(path)
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return Receipt(0, status.st_ino, status.st_size, status.st_mtime_ns)


def remove(storage: Storage, path: Path, sealed: Receipt) -> None:
    """Take a file away; nothing happens where it is gone already. Raises ``Invalid`` where another file is there, or it changed."""
    storage.require_root(path)
    try:
        with storage.enter(path.parent) as at:
            status = os.stat(path.name, dir_fd=at, follow_symlinks=False)
            if not sealed.fits(status):
                raise Invalid(
                    "sourceUri",
                    f"{shown(path)} was changed, or another file has come to its place, since the job began; it is kept.",
                    value=str(path),
                )
            os.unlink(path.name, dir_fd=at)
            os.fsync(at)
    except FileNotFoundError:
        return
