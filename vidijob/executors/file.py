"""The executor ``file``: what is done with files as they are. Its methods are the steps of COPY_FILE.

Data in: ``sourceUri`` (may repeat), ``destinationUri`` (as often, or one folder that ends in ``/``), ``checksumMode``
(``transfer``, the default: the checksum is that of what was read; ``verify``: the copy is also read again and compared).
Data out: ``fileUri``, ``fileSize`` and ``checksum``, one of each per source in their order, and ``checksumAlgorithm``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Outcome, Retry, StepContext
from vidijob.executors.copying import ALGORITHM, SourceChanged, checksum_of, copy
from vidijob.executors.news import News
from vidijob.executors.outcomes import out_of_storage
from vidijob.executors.partials import Partial, Receipt, is_partial, publish_all, sweep
from vidijob.executors.stepwise import Stepwise
from vidijob.executors.storage import Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread

_RECEIPT = "vidijob_receipt"
_CHECKSUM_MODES = ("transfer", "verify")


class FileExecutor(Stepwise):
    """Copies files between and within the storage roots; several files are several sub-tasks of the transfer."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(
            "file",
            storage,
            short={"setUp": self._set_up, "finish": self._finish, "cleanUp": self._clean_up},
            long={"transfer": self._transfer, "verify": self._verify},
        )

    def _written(self, step: StepContext) -> Path:
        return self._destinations(step)[0]

    async def _set_up(self, step: StepContext) -> Done:
        _checksum_mode(step)

        def look(stop: Stop) -> None:
            for source in self._sources(step):
                os.close(self._storage.open_source(source))
            for destination in self._destinations(step):
                self._storage.require_vacant(destination)
                self._storage.prepare(destination.parent)

        await in_thread(look)
        return Done()

    async def _transfer(self, step: StepContext) -> Outcome:
        news = News(step, [shown(self._storage.name(uri)) for uri in self._source_uris(step)])

        def transfer(stop: Stop) -> Outcome:
            sources, destinations = self._sources(step), self._destinations(step)
            sizes = [self._storage.size(source) for source in sources]
            lacking = _lacking_space(destinations, sizes)
            if lacking is not None:
                return out_of_storage(self._storage, destinations[0], lacking)
            sweep(self._storage, destinations, step.job, before=step.lease)
            news.begin(sum(sizes))
            partials = [Partial(self._storage, destination, step.job, step.lease) for destination in destinations]
            checksums = []
            try:
                for place, (source, partial) in enumerate(zip(sources, partials, strict=True)):
                    news.file(place, sizes[place])
                    checksum, size = self._copy(source, partial, stop, news.done)
                    news.end_of_file(size)
                    checksums.append(checksum)
                receipts = [partial.receipt() for partial in partials]
            except BaseException as error:
                for partial in partials:
                    partial.remove()
                if isinstance(error, SourceChanged):
                    news.broken(str(error))
                    return Retry(str(error))
                raise
            return Done(
                {
                    _RECEIPT: [receipt.text() for receipt in receipts],
                    "checksum": checksums,
                    "checksumAlgorithm": [ALGORITHM],
                    "fileSize": [str(receipt.size) for receipt in receipts],
                }
            )

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
            for (partial, receipt), expected in zip(self._made(step), checksums, strict=True):
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

    async def _finish(self, step: StepContext) -> Done:
        def finish(stop: Stop) -> list[str]:
            made = self._made(step)
            publish_all(made)
            return [uri_of(partial.destination) for partial, _ in made]

        return Done({"fileUri": await in_thread(finish)})

    async def _clean_up(self, step: StepContext) -> Done:
        def clean_up(stop: Stop) -> None:
            # Where the data is wrong, setting up has refused it, and nothing was made.
            with contextlib.suppress(Invalid):
                sweep(self._storage, self._destinations(step), step.job)

        await in_thread(clean_up)
        return Done({_RECEIPT: None})

    def _source_uris(self, step: StepContext) -> Sequence[str]:
        return jobdata.some(step.data, "sourceUri", "the file to be copied")

    def _sources(self, step: StepContext) -> list[Path]:
        return [self._storage.source(uri) for uri in self._source_uris(step)]

    def _destinations(self, step: StepContext) -> list[Path]:
        sources = self._source_uris(step)
        wanted = jobdata.some(step.data, "destinationUri", "the file to be made, or a folder that ends in /")
        if len(wanted) == 1 and wanted[0].endswith("/"):
            folder = self._storage.folder(wanted[0])
            destinations = [folder / self._storage.name(uri) for uri in sources]
        elif len(wanted) == len(sources):
            destinations = [self._storage.destination(uri) for uri in wanted]
        else:
            raise Invalid(
                "destinationUri",
                f"The job has {len(sources)} values of sourceUri and {len(wanted)} of destinationUri; "
                "give as many, or one folder that ends in /.",
            )
        for place, destination in enumerate(destinations):
            if is_partial(destination):
                raise Invalid("destinationUri", f"{shown(destination)} is a name kept for files in the making.")
            if destination in destinations[:place]:
                raise Invalid("destinationUri", f"Two files would become {shown(destination)}; give each its own.")
        return destinations

    def _made(self, step: StepContext) -> Sequence[tuple[Partial, Receipt]]:
        receipts = map(Receipt.parse, step.data.get(_RECEIPT, ()))
        return [
            (Partial(self._storage, destination, step.job, receipt.lease), receipt)
            for destination, receipt in zip(self._destinations(step), receipts, strict=True)
        ]


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
