"""The executor ``file``: what is done with files as they are. Its methods are the steps of COPY_FILE, EXPORT, MOVE_FILE and
DELETE_FILE (``deleting.py``).

Data in: ``sourceUri`` (may repeat), ``destinationUri`` (as often, or one folder that ends in ``/``), ``checksumMode``
(``transfer``, the default: the checksum is that of what was read; ``verify``: the copy is also read again and compared),
``overwrite`` (``true``: a file may take the place of one that is there), ``exportMetadata`` (``json`` or ``xml``: each file
gets a side file, see ``sidefile.py``).
Data out: ``fileUri``, ``fileSize`` and ``checksum``, one of each per source in their order, ``checksumAlgorithm``, and
``metadataUri``, where there are side files.

A move within a file system gives the file a second name and then takes the first away, without copying; it has no
``checksum``. Otherwise it copies, reads the copy again, publishes it, and then takes the source away, if it is still the
file that was copied::

    setUpMove ─► move ─► verifyMove ─► finishMove: all published ─► sources taken away
                 (sealed: known again by inode, size and time)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata, transferring
from vidijob.executors.base import Done, Outcome, Retry, StepContext
from vidijob.executors.copying import ALGORITHM, SourceChanged
from vidijob.executors.files import sidefile
from vidijob.executors.files.deleting import Deletion
from vidijob.executors.files.orders import RECEIPT, Orders
from vidijob.executors.news import News
from vidijob.executors.places import LocalSource, LocalTarget, Source, Target, publish_all
from vidijob.executors.room import require_room
from vidijob.executors.stepwise import Stepwise
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

_CHECKSUM = "vidijob_checksum"
_SIZE = "vidijob_size"
_SEAL = "vidijob_seal"
#: The checksum of what was not read.
_NONE = "-"


class FileExecutor(Stepwise):
    """Copies, moves and deletes files; several files are several sub-tasks of the transfer."""

    # It reads from and writes to places elsewhere itself, without a copy here.
    fetched_keys = delivered_keys = frozenset()

    def __init__(self, storage: Storage) -> None:
        self._orders = Orders(storage)
        deletion = Deletion(self._orders)
        super().__init__(
            "file",
            storage,
            short={
                "setUp": self._set_up,
                "finish": self._finish,
                "cleanUp": self._clean_up,
                "setUpMove": self._set_up_move,
                "finishMove": self._finish_move,
                "setUpDelete": deletion.set_up,
                "delete": deletion.delete,
            },
            long={
                "transfer": self._transfer,
                "verify": self._verify,
                "move": self._move,
                "verifyMove": self._verify_move,
            },
        )

    def written(self, step: StepContext) -> Path:
        """Return a file that the step writes, or a storage root where all are elsewhere."""
        local = (target.path for target in self._orders.targets(step) if isinstance(target, LocalTarget))
        return next(local, self._storage.working_root())

    async def _set_up(self, step: StepContext) -> Done:
        transferring.checksum_mode(step.data)
        return await in_thread(lambda stop: self._look(step, stop, removable=False))

    async def _set_up_move(self, step: StepContext) -> Done:
        return await in_thread(lambda stop: self._look(step, stop, removable=True))

    def _look(self, step: StepContext, stop: Stop, *, removable: bool) -> Done:
        sources, targets = self._orders.sources(step, removable=removable), self._orders.targets(step)
        for source in sources:
            source.seal(stop)
        if removable:
            both = {source.uri for source in sources} & {target.uri for target in targets}
            if both:
                raise Invalid("destinationUri", f"{shown(both.pop())} would be moved to where another is or itself is.")
        for target in targets:
            target.prepare(stop)
        return Done()

    async def _transfer(self, step: StepContext) -> Outcome:
        return await self._make(step, moving=False)

    async def _move(self, step: StepContext) -> Outcome:
        return await self._make(step, moving=True)

    async def _make(self, step: StepContext, *, moving: bool) -> Outcome:
        news = News(step, [shown(name) for name in self._orders.names(step)])

        def make(stop: Stop) -> Outcome:
            sources, targets = self._orders.sources(step, removable=moving), self._orders.targets(step)
            for target in targets:
                target.sweep(stop, before=step.lease)
            seals = [source.seal(stop) for source in sources] if moving else []
            with _all_or_none(targets):
                linked = [moving and _link(*pair) for pair in zip(sources, targets, strict=False)]
                sizes = [source.size(stop) for source in sources]
                require_room(
                    (target.path, size or 0)
                    for target, size, known in zip(targets, sizes, linked, strict=False)
                    if isinstance(target, LocalTarget) and not known
                )
                news.begin(sum(size or 0 for size in sizes))
                checksums, counts = [], []
                for place, (source, target) in enumerate(zip(sources, targets, strict=False)):
                    news.file(place, sizes[place] or 0)
                    if linked[place]:
                        checksum, count = _NONE, sizes[place] or 0
                    else:
                        checksum, count = target.write(source.read(stop), news.done, stop)
                    news.end_of_file(count)
                    checksums.append(checksum)
                    counts.append(count)
                sides = self._write_side_files(step, sources, targets, checksums, counts, stop)
                written = [*zip(checksums, counts, strict=True), *sides]
                receipts = [
                    target.receipt(checksum, count, stop)
                    for target, (checksum, count) in zip(targets, written, strict=True)
                ]
            return Done({RECEIPT: receipts, _CHECKSUM: checksums, _SIZE: [*map(str, counts)], _SEAL: seals or None})

        try:
            return await in_thread(make)
        except SourceChanged as error:
            news.broken(str(error))
            return Retry(str(error))

    def _write_side_files(
        self,
        step: StepContext,
        sources: Sequence[Source],
        targets: Sequence[Target],
        checksums: Sequence[str],
        sizes: Sequence[int],
        stop: Stop,
    ) -> list[tuple[str, int]]:
        written = []
        kind = sidefile.kind(step.data)
        for place, target in enumerate(targets[len(sources) :] if kind is not None else ()):
            facts = {
                "sourceUri": sources[place].uri,
                "fileUri": targets[place].uri,
                "fileSize": str(sizes[place]),
                "checksum": checksums[place],
                "checksumAlgorithm": ALGORITHM,
            }
            content = sidefile.content(kind or "", sidefile.fields(step, facts))
            written.append(target.write([content], lambda count: None, stop))
        return written

    async def _verify(self, step: StepContext) -> Done:
        return await self._check(step, again=transferring.checksum_mode(step.data) == transferring.VERIFY)

    async def _verify_move(self, step: StepContext) -> Done:
        return await self._check(step, again=True)

    async def _check(self, step: StepContext, *, again: bool) -> Done:
        def check(stop: Stop) -> None:
            checksums = step.data.get(_CHECKSUM, ())
            for place, (target, receipt) in enumerate(self._orders.made(step)):
                known = again and place < len(checksums) and checksums[place] != _NONE
                if not target.check(receipt, checksums[place] if known else None, stop):
                    raise Invalid(
                        "destinationUri",
                        f"The copy made for {shown(target.uri)} is not what was read from the source; "
                        "check the storage and run the job again.",
                    )

        await in_thread(check)
        return Done()

    async def _finish(self, step: StepContext) -> Done:
        return await in_thread(lambda stop: self._publish(step, stop))

    async def _finish_move(self, step: StepContext) -> Done:
        def finish(stop: Stop) -> Done:
            done = self._publish(step, stop)
            uris, seals = self._orders.uris(step), step.data.get(_SEAL, ())
            if len(uris) != len(seals):
                raise Invalid(_SEAL, "The job's notes of the sources are not there; they are kept. Run it again.")
            for uri, sealed in zip(uris, seals, strict=True):
                self._orders.remove(uri, sealed, stop)
            return done

        return await in_thread(finish)

    def _publish(self, step: StepContext, stop: Stop) -> Done:
        publish_all(self._orders.made(step), stop)
        uris = [target.uri for target in self._orders.targets(step)]
        checksums = step.data.get(_CHECKSUM, ())
        data: dict[str, Sequence[str]] = {"fileUri": uris[: len(checksums)], "fileSize": step.data.get(_SIZE, ())}
        if _NONE not in checksums:
            data |= {"checksum": checksums, "checksumAlgorithm": [ALGORITHM]}
        if len(uris) > len(checksums):
            data["metadataUri"] = uris[len(checksums) :]
        return Done(data)

    async def _clean_up(self, step: StepContext) -> Done:
        def clean_up(stop: Stop) -> None:
            # Where the data is wrong, setting up has refused it, and nothing was made.
            with contextlib.suppress(Invalid):
                for target in self._orders.targets(step):
                    self.sweep(step, target, stop)

        if jobdata.values(step.data, "destinationUri"):
            await in_thread(clean_up)
        return Done(dict.fromkeys((RECEIPT, _CHECKSUM, _SIZE, _SEAL)))


def _link(source: Source, target: Target) -> bool:
    return isinstance(source, LocalSource) and isinstance(target, LocalTarget) and target.link(source.path)


@contextlib.contextmanager
def _all_or_none(targets: Sequence[Target]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(targets)
        raise


def _remove(targets: Sequence[Target]) -> None:
    stop = Stop()
    for target in targets:
        target.remove(stop)
