"""The executor ``file``: what is done with files as they are. Its methods are the steps of COPY_FILE.

Data in: ``sourceUri`` (may repeat), ``destinationUri`` (as often, or one folder that ends in ``/``), ``checksumMode``
(``transfer``, the default: the checksum is that of what was read; ``verify``: the copy is also read again and compared).
Data out: ``fileUri``, ``fileSize`` and ``checksum``, one of each per source in their order, and ``checksumAlgorithm``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vidijob.executors import jobdata, transferring
from vidijob.executors.base import Done, Outcome, Retry, StepContext
from vidijob.executors.copying import ALGORITHM, SourceChanged
from vidijob.executors.making import Making, all_or_none, destinations, receipts
from vidijob.executors.news import News
from vidijob.executors.outcomes import out_of_storage
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread


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
        transferring.checksum_mode(step.data)

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
            wanted = self.destinations(step)
            lacking = transferring.lacking_space(wanted, [self._storage.size(source) for source in sources])
            if lacking is not None:
                return out_of_storage(self._storage, wanted[0], lacking)
            partials = self.begin(step)
            try:
                with all_or_none(partials):
                    checksums = transferring.transfer(self._storage, sources, partials, news, stop)
                    made = receipts(partials)
            except SourceChanged as error:
                return Retry(str(error))
            return Done({**made, "checksum": checksums, "checksumAlgorithm": [ALGORITHM]})

        return await in_thread(transfer)

    async def _verify(self, step: StepContext) -> Done:
        again = transferring.checksum_mode(step.data) == transferring.VERIFY
        checksums = jobdata.values(step.data, "checksum")
        await in_thread(lambda stop: transferring.verify(self.made(step), checksums, again, stop))
        return Done()

    def _source_uris(self, step: StepContext) -> Sequence[str]:
        return jobdata.some(step.data, "sourceUri", "the file to be copied")

    def _sources(self, step: StepContext) -> list[Path]:
        return [self._storage.source(uri) for uri in self._source_uris(step)]
