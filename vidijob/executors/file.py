"""The executor ``file``: what is done with files as they are. Its methods are the steps of COPY_FILE.

Data in: ``sourceUri`` (may repeat), ``destinationUri`` (as often, or one folder that ends in ``/``), ``checksumMode``
(``transfer``, the default: the checksum is that of what was read; ``verify``: the copy is also read again and compared).
Data out: ``fileUri``, ``fileSize`` and ``checksum``, one of each per source in their order, and ``checksumAlgorithm``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Outcome, Retry, StepContext
from vidijob.executors.copying import ALGORITHM, SourceChanged, checksum_of, copy
from vidijob.executors.making import Making, all_or_none, destinations, receipts
from vidijob.executors.news import News
from vidijob.executors.outcomes import out_of_storage
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

_CHECKSUM_MODES = ("transfer", "verify")


class FileExecutor(Making):
    """Copies files between and within the storage roots; several files are several sub-tasks of the transfer."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(
            "file",
            storage,
            short={"setUp": self._set_up},
            long={"transfer": self._transfer, "verify": self._verify},
        )

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the copies are to be."""
        names = [self._storage.name(uri) for uri in self._source_uris(step)]
        return destinations(step, self._storage, names, "values of sourceUri")

    async def _set_up(self, step: StepContext) -> Done:
        _checksum_mode(step)

        def look(stop: Stop) -> None:
            for source in self._sources(step):
                os.close(self._storage.open_source(source))
            self.make_room(step)

        await in_thread(look)
        return Done()

    async def _transfer(self, step: StepContext) -> Outcome:
        news = News(step, [shown(self._storage.name(uri)) for uri in self._source_uris(step)])

        def transfer(stop: Stop) -> Outcome:
            sources = self._sources(step)
            sizes = [self._storage.size(source) for source in sources]
            wanted = self.destinations(step)
            lacking = _lacking_space(wanted, sizes)
            if lacking is not None:
                return out_of_storage(self._storage, wanted[0], lacking)
            partials = self.begin(step)
            try:
                with all_or_none(partials):
                    news.begin(sum(sizes))
                    checksums = []
                    for place, (source, partial) in enumerate(zip(sources, partials, strict=True)):
                        news.file(place, sizes[place])
                        checksum, size = self._copy(source, partial, stop, news.done)
                        news.end_of_file(size)
                        checksums.append(checksum)
                    made = receipts(partials)
            except SourceChanged as error:
                news.broken(str(error))
                return Retry(str(error))
            return Done({**made, "checksum": checksums, "checksumAlgorithm": [ALGORITHM]})

        return await in_thread(transfer)

    def _copy(self, source: Path, partial: Partial, stop: Stop, tell: Callable[[int], None]) -> tuple[str, int]:
        reading = self._storage.open_source(source)
        try:
            writing = partial.create()
            try:
                return copy(reading, writing, shown(source), stop, tell)
            finally:
                os.close(writing)
        finally:
            os.close(reading)

    async def _verify(self, step: StepContext) -> Done:
        again = _checksum_mode(step) == "verify"

        def verify(stop: Stop) -> None:
            checksums = jobdata.values(step.data, "checksum")
            for (partial, receipt), expected in zip(self.made(step), checksums, strict=True):
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

        await in_thread(verify)
        return Done()

    def _source_uris(self, step: StepContext) -> Sequence[str]:
        return jobdata.some(step.data, "sourceUri", "the file to be copied")

    def _sources(self, step: StepContext) -> list[Path]:
        return [self._storage.source(uri) for uri in self._source_uris(step)]


def _checksum_mode(step: StepContext) -> str:
    mode = jobdata.optional(step.data, "checksumMode") or _CHECKSUM_MODES[0]
    if mode not in _CHECKSUM_MODES:
        raise Invalid(
            "checksumMode", f"checksumMode is {shown(mode)}; give {' or '.join(_CHECKSUM_MODES)}, or nothing."
        )
    return mode


def _lacking_space(destinations: Sequence[Path], sizes: Sequence[int]) -> str | None:
    """Return a sentence when a file system has less room than is going to be written to it."""
    needed: dict[int, int] = {}
    folders: dict[int, Path] = {}
    for destination, size in zip(destinations, sizes, strict=True):
        device = os.stat(destination.parent).st_dev
        needed[device] = needed.get(device, 0) + size
        folders[device] = destination.parent
    for device, folder in folders.items():
        room = os.statvfs(folder)
        if needed[device] > room.f_bavail * room.f_frsize:
            return f"{shown(folder)} has {room.f_bavail * room.f_frsize} bytes free and {needed[device]} are needed; make room."
    return None
