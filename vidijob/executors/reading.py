"""Reads small files whole, with a limit. It blocks: call it in a thread."""

from __future__ import annotations

import os
from pathlib import Path

from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop

_CHUNK = 1024 * 1024


class TooLarge(Exception):
    """The file has more bytes than are read of its kind."""


def whole(storage: Storage, path: Path, most: int, stop: Stop) -> bytes:
    """Return what is in a file of the storage roots, which has at most so many bytes."""
    descriptor = storage.open_source(path)
    try:
        size = os.fstat(descriptor).st_size
        content = bytearray()
        while size <= most and (chunk := os.read(descriptor, _CHUNK)):
            stop.check()
            content += chunk
            # It may grow while it is read.
            size = max(size, len(content))
    finally:
        os.close(descriptor)
    if size > most:
        raise TooLarge(f"{shown(path)} has {size} bytes; at most {most} are read.")
    return bytes(content)
