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
from vidijob.executors.stepwise import Stepwise, Work
from vidijob.executors.storage import Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread

_RECEIPT = "vidijob_receipt"


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
        """Return the files that the job makes; raise ``Invalid`` for data that names none. It blocks."""

    def written(self, step: StepContext) -> Path:
        """Return a file that the step writes."""
        return self.destinations(step)[0]

    def make_room(self, step: StepContext) -> None:
        """See to it that every destination is free and has a folder. It blocks."""
        for destination in self.destinations(step):
            self._storage.require_vacant(destination)
            self._storage.prepare(destination.parent)

    def begin(self, step: StepContext) -> list[Partial]:
        """Clear away what older attempts have left, and return the files to be made; none of them is there yet. It blocks."""
        destinations = self.destinations(step)
        sweep(self._storage, destinations, step.job, before=step.lease)
        return [Partial(self._storage, destination, step.job, step.lease) for destination in destinations]

    def made(self, step: StepContext) -> list[tuple[Partial, Receipt]]:
        """Return what an earlier step has made, with its receipts. It blocks."""
        receipts = map(Receipt.parse, step.data.get(_RECEIPT, ()))
        return [
            (Partial(self._storage, destination, step.job, receipt.lease), receipt)
            for destination, receipt in zip(self.destinations(step), receipts, strict=True)
        ]

    async def _finish(self, step: StepContext) -> Done:
        def finish(stop: Stop) -> list[tuple[Partial, Receipt]]:
            made = self.made(step)
            publish_all(made)
            return made

        made = await in_thread(finish)
        if not made:
            return Done()
        return Done(
            {
                "fileUri": [uri_of(partial.destination) for partial, _ in made],
                "fileSize": [str(receipt.size) for _, receipt in made],
            }
        )

    async def _clean_up(self, step: StepContext) -> Done:
        def clean_up(stop: Stop) -> None:
            # Where the data is wrong, setting up has refused it, and nothing was made.
            with contextlib.suppress(Invalid):
                sweep(self._storage, self.destinations(step), step.job)

        await in_thread(clean_up)
        return Done({_RECEIPT: None})


def receipts(partials: Sequence[Partial]) -> dict[str, Sequence[str]]:
    """Force files to the disk and return the job data by which later steps know them again. It blocks."""
    return {_RECEIPT: [partial.receipt().text() for partial in partials]} if partials else {}


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
    given = jobdata.some(step.data, "destinationUri", "the file to be made, or a folder that ends in /")
    if len(given) == 1 and given[0].endswith("/"):
        folder = storage.folder(given[0])
        found = [folder / name for name in names]
    elif len(given) == len(names):
        found = [storage.destination(uri) for uri in given]
    else:
        raise Invalid(
            "destinationUri",
            f"The job has {len(names)} {what} and {len(given)} values of destinationUri; "
            "give as many, in the same order, or one folder that ends in /.",
        )
    for place, destination in enumerate(found):
        if is_partial(destination):
            raise Invalid("destinationUri", f"{shown(destination)} is a name kept for files in the making.")
        if destination in found[:place]:
            raise Invalid("destinationUri", f"Two files would become {shown(destination)}; give each its own place.")
    return found
