"""Copies bytes from one open file to another, counting and checking them on the way. It blocks: call it in a thread."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from vidijob.executors.storage import shown
from vidijob.executors.threads import Stop

ALGORITHM = "SHA-256"
_CHUNK = 1024 * 1024


class SourceChanged(Exception):
    """Somebody wrote to the source while it was read."""

    def __init__(self, source: Path) -> None:
        #: Which it is.
        self.source = source
        super().__init__(f"{shown(source)} changed while it was copied; wait until nobody writes to it.")


def chunks(reading: int, source: Path, stop: Stop) -> Iterator[memoryview]:
    """Yield what an open file holds, piece by piece; a piece is good until the next is asked for.

    ``source`` is where it lies. Raises ``SourceChanged`` at the end where somebody wrote to it meanwhile.
    """
    before = os.fstat(reading)
    done, buffer = 0, bytearray(_CHUNK)
    view = memoryview(buffer)
    while True:
        stop.check()
        count = os.readv(reading, [buffer])
        if not count:
            break
        done += count
        yield view[:count]
    after = os.fstat(reading)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or done != after.st_size:
        raise SourceChanged(source)


def write(writing: int, content: Iterable[bytes | memoryview], tell: Callable[[int], None]) -> tuple[str, int]:
    """Write content to an open file and return its checksum and size; ``tell`` hears of the bytes written so far.

    What was written is not yet forced to the disk.
    """
    digest, done = hashlib.sha256(), 0
    for piece in content:
        digest.update(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(writing, rest) :]
        done += len(piece)
        tell(done)
    return digest.hexdigest(), done


def checksum_of(reading: int, stop: Stop) -> str:
    """Return the checksum of a whole file, read from the disk where the system allows to ask for that."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(reading, 0, 0, os.POSIX_FADV_DONTNEED)
    digest = hashlib.sha256()
    read_all(reading, [digest.update], stop, lambda done: None)
    return digest.hexdigest()


def read_all(
    reading: int, takers: Sequence[Callable[[memoryview], None]], stop: Stop, tell: Callable[[int], None]
) -> int:
    """Hand a whole file, piece by piece, to everyone who takes it, and return its size; ``tell`` hears of the bytes so far."""
    done, buffer = 0, bytearray(_CHUNK)
    view = memoryview(buffer)
    while count := os.readv(reading, [buffer]):
        stop.check()
        for take in takers:
            take(view[:count])
        done += count
        tell(done)
    return done
