"""The transfer of files from where they are to files in the making, and the check of what was made. It blocks: call it in a
thread. Which file becomes which is not decided here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.copying import SourceChanged, checksum_of, chunks, write
from vidijob.executors.news import News
from vidijob.executors.partials import Partial, Receipt
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop
from vidijob.jobs.model import JobData

#: What may be asked for: that the checksum is that of what was read, or that the copy is also read again and compared.
TRANSFER, VERIFY = "transfer", "verify"


def transfer(
    storage: Storage, sources: Sequence[Path], partials: Sequence[Partial], news: News, stop: Stop
) -> list[str]:
    """Copy each source into its file in the making; return the checksum of each, in their order.

    Raises ``SourceChanged``, after telling it, where somebody writes to a source.
    """
    sizes = [storage.size(source) for source in sources]
    news.begin(sum(sizes))
    checksums = []
    for place, (source, partial) in enumerate(zip(sources, partials, strict=True)):
        news.file(place, sizes[place])
        try:
            checksum, size = _copy(storage, source, partial, stop, news.done)
        except SourceChanged as error:
            news.broken(str(error))
            raise
        news.end_of_file(size)
        checksums.append(checksum)
    return checksums


def verify(made: Sequence[tuple[Partial, Receipt]], checksums: Sequence[str], again: bool, stop: Stop) -> None:
    """Raise ``Invalid`` where a copy is not what was made any more; ``again``: or is not what was read from the source."""
    for (partial, receipt), expected in zip(made, checksums, strict=True):
        descriptor = partial.open()
        try:
            whole = receipt.fits(os.fstat(descriptor))
            if not whole or (again and checksum_of(descriptor, stop) != expected):
                raise Invalid(
                    "destinationUri",
                    f"The copy made for {shown(partial.destination)} is not what was read from the source; "
                    "check the storage and run the job again.",
                )
        finally:
            os.close(descriptor)


def checksum_mode(data: JobData) -> str:
    """Return what a job asks for, or raise ``Invalid``."""
    mode = jobdata.optional(data, "checksumMode") or TRANSFER
    if mode not in (TRANSFER, VERIFY):
        raise Invalid("checksumMode", f"checksumMode is {shown(mode)}; give {TRANSFER} or {VERIFY}, or nothing.")
    return mode


def _copy(storage: Storage, source: Path, partial: Partial, stop: Stop, tell: Callable[[int], None]) -> tuple[str, int]:
    reading = storage.open_source(source)
    try:
        writing = partial.create()
        try:
            return write(writing, chunks(reading, source, stop), tell)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
