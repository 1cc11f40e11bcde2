"""What the executors that make files have in common: one step makes them under hidden names, a later one publishes them all,
and the clean-up takes away what is left. Between these steps a receipt for each file is kept in the job's data.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, StepContext
from vidijob.executors.partials import Partial, Receipt, is_partial, publish_all, sweep
from vidijob.executors.remote.delivery import deliver
from vidijob.executors.remote.places import RemoteTarget
from vidijob.executors.remote.transit import RoutedStep
from vidijob.executors.stepwise import Stepwise, Work
from vidijob.executors.storage import Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread

#: Where the receipts of a job's files are kept in its data, unless several of its steps make files.
RECEIPT = "vidijob_receipt"


class Making(Stepwise):
    """An executor whose steps make files; ``finish`` and ``cleanUp`` are among its methods already.

    ``destinations`` must answer the same in every step of a job: it is all that they know of each other's files. Its order is
    that of ``fileUri`` and of the receipts.
    """

    def __init__(self, name: str, storage: Storage, *, short: Mapping[str, Work], long: Mapping[str, Work]) -> None:
        shared: Mapping[str, Work] = {"finish": self._finish, "cleanUp": self._clean_up}
        super().__init__(name, storage, short={**shared, **short}, long=long)

    @abstractmethod
    def destinations(self, step: StepContext) -> Sequence[Path]:
        """Return the files that the job makes, none where that is the user's choice; raise ``Invalid`` for data that
        should name some and does not. It blocks.
        """

    def written(self, step: StepContext) -> Path:
        """Return a file that the step writes."""
        return self.destinations(step)[0]

    def make_room(self, step: StepContext) -> None:
        """See to it that every destination is free and has a folder. It blocks."""
        overwrite = jobdata.flag(step.data, "overwrite")
        for destination in self.destinations(step):
            self._storage.require_vacant(destination, overwrite=overwrite)
            self._storage.prepare(destination.parent)

    def begin(self, step: StepContext, destinations: Sequence[Path] | None = None) -> list[Partial]:
        """Clear away what older attempts have left, and return the files to be made; none of them is there yet. It blocks.

        ``destinations`` are those that this step makes, where others make others.
        """
        destinations = self.destinations(step) if destinations is None else destinations
        sweep(self._storage, destinations, step.job, before=step.lease)
        overwrite = jobdata.flag(step.data, "overwrite")
        return [Partial(self._storage, destination, step.job, step.lease, overwrite) for destination in destinations]

    def made(
        self, step: StepContext, destinations: Sequence[Path] | None = None, key: str = RECEIPT
    ) -> list[tuple[Partial, Receipt]]:
        """Return what an earlier step has made, with its receipts, which are kept under ``key``. It blocks."""
        destinations = self.destinations(step) if destinations is None else destinations
        receipts = [Receipt.parse(text) for text in step.data.get(key, ())]
        if len(receipts) != len(destinations):
            raise Invalid(key, "The job's notes of its own files are not there; run it again.")
        overwrite = jobdata.flag(step.data, "overwrite")
        return [
            (Partial(self._storage, destination, step.job, receipt.lease, overwrite), receipt)
            for destination, receipt in zip(destinations, receipts, strict=True)
        ]

    async def publish(self, step: StepContext, made: Sequence[tuple[Partial, Receipt]]) -> None:
        """Give all files of a job their final names, here and elsewhere, or none where one of them is refused."""
        if isinstance(step, RoutedStep):
            await deliver(step, made)
        else:
            await in_thread(lambda stop: publish_all(made))

    async def _finish(self, step: StepContext) -> Done:
        made = await in_thread(lambda stop: self.made(step))
        await self.publish(step, made)
        if not made:
            return Done()
        return Done(
            {
                "fileUri": [uri_of(partial.destination) for partial, _ in made],
                "fileSize": [str(receipt.size) for _, receipt in made],
            }
        )

    def elsewhere(self, step: RoutedStep) -> list[RemoteTarget]:
        """Return what the job makes for places elsewhere."""
        targets = (step.transit.target(destination) for destination in self.destinations(step))
        return [target for target in targets if target is not None]

    async def _clean_up(self, step: StepContext) -> Done:
        def clean_up(stop: Stop) -> None:
            # Where the data is wrong, setting up has refused it, and nothing was made.
            with contextlib.suppress(Invalid):
                sweep(self._storage, self.destinations(step), step.job)

        await in_thread(clean_up)
        return Done({RECEIPT: None})


def receipts(partials: Sequence[Partial], key: str = RECEIPT) -> dict[str, Sequence[str]]:
    """Force files to the disk and return the job data by which later steps know them again. It blocks."""
    return {key: [partial.receipt().text() for partial in partials]} if partials else {}


@contextlib.contextmanager
def all_or_none(partials: Sequence[Partial]) -> Iterator[None]:
    """Take away files in the making when the work on them ends with an error, a cancellation among them."""
    try:
        yield
    except BaseException:
        remove(partials)
        raise


def remove(partials: Sequence[Partial]) -> None:
    """Take away files in the making, where they are there. It blocks for a moment."""
    for partial in partials:
        partial.remove()


def destinations(step: StepContext, storage: Storage, names: Sequence[str], what: str) -> list[Path]:
    """Return where ``destinationUri`` wants the files that are to be made.

    It has as many values as there are ``names``, in their order, or one that ends in ``/``: a folder, in which each file has
    its name. ``what`` there are as many of as of them, for complaints: ``values of sourceUri``.
    """
    found = [
        storage.destination(uri) if name is None else storage.folder(uri) / name
        for uri, name in wanted(step, names, what)
    ]
    require_distinct(found)
    return found


def require_distinct(destinations: Sequence[Path]) -> None:
    """Raise ``Invalid`` where two files would have one place, or one a name that we keep for ourselves."""
    for place, destination in enumerate(destinations):
        require_plain(destination)
        if destination in destinations[:place]:
            raise Invalid("destinationUri", f"Two files would become {shown(destination)}; give each its own place.")


def wanted(step: StepContext, names: Sequence[str], what: str) -> list[tuple[str, str | None]]:
    """Return for each file the ``destinationUri``, and its name in it where that is a folder; see ``destinations``."""
    given = jobdata.some(step.data, "destinationUri", "the file to be made, or a folder that ends in /")
    if len(given) == 1 and given[0].endswith("/"):
        return [(given[0], name) for name in names]
    if len(given) == len(names):
        return [(uri, None) for uri in given]
    raise Invalid(
        "destinationUri",
        f"The job has {len(names)} {what} and {len(given)} values of destinationUri; "
        "give as many, in the same order, or one folder that ends in /.",
    )


def require_plain(path: Path, key: str = "destinationUri") -> None:
    """Refuse a name that is kept for files in the making."""
    if is_partial(path):
        raise Invalid(key, f"{shown(path)} is a name kept for files in the making.")
