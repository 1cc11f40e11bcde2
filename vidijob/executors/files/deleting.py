"""DELETE_FILE: the steps of the executor ``file`` that take files away.

What was never there is complained about before anything is deleted: a name is more often mistyped than deleted by somebody
else. What is gone after setting up was deleted by an attempt that could not say so, and counts as done. A file that was
changed, or that came to the place of another, since setting up is kept.
"""

from __future__ import annotations

from vidijob.errors import Invalid
from vidijob.executors.base import Done, StepContext
from vidijob.executors.files.orders import Orders
from vidijob.executors.storage import Absent, shown
from vidijob.executors.threads import Stop, in_thread

_SEAL = "vidijob_seal"


class Deletion:
    """Deletes the files that ``sourceUri`` names."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    async def set_up(self, step: StepContext) -> Done:
        """See to it that all are there and may be deleted, and note by what they are known again."""

        def look(stop: Stop) -> list[str]:
            try:
                return [source.seal(stop) for source in self._orders.sources(step, removable=True)]
            except Absent as error:
                if "source" not in error.missing:
                    raise
                raise Invalid(
                    "sourceUri",
                    f"sourceUri names {shown(error.value or '')}, which does not exist; nothing was deleted.",
                ) from None

        return Done({_SEAL: await in_thread(look)})

    async def delete(self, step: StepContext) -> Done:
        """Delete them; those that are gone already count for deleted."""

        def delete(stop: Stop) -> list[str]:
            uris, seals = self._orders.uris(step), step.data.get(_SEAL, ())
            if len(uris) != len(seals):
                raise Invalid(_SEAL, "The job's notes of the files are not there; run it again.")
            return [self._orders.remove(uri, sealed, stop) for uri, sealed in zip(uris, seals, strict=True)]

        return Done({"deletedUri": await in_thread(delete)})
