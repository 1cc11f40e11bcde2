"""What the executors that work on files have in common: a method each for the steps of a job, and files elsewhere, which each
of them reads and makes as if they were below a storage root (``remote/transit.py``).
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

from vidijob.errors import Invalid, NotReady
from vidijob.executors import outcomes
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.places import Target
from vidijob.executors.remote.places import RemoteTarget
from vidijob.executors.remote.transit import RoutedStep, Transit
from vidijob.executors.storage import Absent, Storage
from vidijob.executors.threads import Stop, in_thread

Work = Callable[[StepContext], Awaitable[Outcome]]
SET_UP, CLEAN_UP = "setUp", "cleanUp"


class Stepwise(ABC):
    """An executor of which each method is a piece of work, and whose problems are those of the storage.

    ``cleanUp`` is among its methods already: it takes away what was fetched for the job.
    """

    problems = outcomes.PROBLEMS
    #: The data keys that name files to be read. Those elsewhere are fetched when a step finds them missing (``Absent``), which
    #: then begins anew: so whoever needs a source asks the storage for it before anything else is done.
    fetched_keys: Collection[str] = frozenset({"sourceUri"})
    #: Those that name files to be made.
    delivered_keys: Collection[str] = frozenset({"destinationUri"})

    def __init__(self, name: str, storage: Storage, *, short: Mapping[str, Work], long: Mapping[str, Work]) -> None:
        """``short`` are the methods that take only moments."""
        short = {CLEAN_UP: _nothing, **short}
        self.methods = frozenset({*short, *long})
        self.short = frozenset(short)
        self._name = name
        self._storage = storage
        self._work = {**short, **long}

    async def run(self, step: StepContext) -> Outcome:
        """Carry out one attempt of a step."""
        work = self._work.get(step.method)
        if work is None:
            known = ", ".join(sorted(self.methods))
            return Fail(f"The executor {self._name} has no method {step.method}; it has {known}.")
        try:
            transit = Transit(self._storage, step, self.fetched_keys, self.delivered_keys)
        except Invalid as error:
            # Where the data is wrong, nothing was made.
            return Done() if step.method == CLEAN_UP else Fail(str(error))
        if not transit.is_needed:
            return await outcomes.answer(work(step), self._storage, lambda: self.written(step))
        routed = RoutedStep(step, transit)
        outcome = await outcomes.answer(self._carry_out(work, routed), self._storage, lambda: self.written(routed))
        return transit.told(outcome)

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether there is room again, or what was missing is there."""
        return await outcomes.is_gone(self._storage, type, data)

    @abstractmethod
    def written(self, step: StepContext) -> Path:
        """Return a file that the step writes; asked only when there was no room for it."""

    def elsewhere(self, step: RoutedStep) -> Sequence[RemoteTarget]:
        """Return what the job makes for places elsewhere; they are looked at before ``setUp`` and cleared after ``cleanUp``."""
        return ()

    def sweep(self, step: StepContext, target: Target, stop: Stop) -> None:
        """Take away what a job has left beside a target, as well as that can be done now: its end does not wait for it."""
        try:
            target.sweep(stop)
        except (Invalid, NotReady) as error:
            step.note(f"What the job may have left beside {target.uri} could not be taken away: {error}")

    async def _carry_out(self, work: Work, step: RoutedStep) -> Outcome:
        if step.method == SET_UP:
            # First, so that nothing is fetched for what cannot be delivered.
            await in_thread(lambda stop: self._look_elsewhere(step, stop))
        outcome = await self._with_sources(work, step)
        if step.method == CLEAN_UP:
            await in_thread(lambda stop: self._clear(step, stop))
        return outcome

    async def _with_sources(self, work: Work, step: RoutedStep) -> Outcome:
        fetched = set[Path]()
        while True:
            try:
                return await work(step)
            except Absent as absent:
                path = step.transit.lacking(absent)
                if path is None or path in fetched:
                    raise
                fetched.add(path)
                await step.transit.fetch(path)

    def _look_elsewhere(self, step: RoutedStep, stop: Stop) -> None:
        for target in self.elsewhere(step):
            target.prepare(stop)

    def _clear(self, step: RoutedStep, stop: Stop) -> None:
        with contextlib.suppress(Invalid):
            for target in self.elsewhere(step):
                self.sweep(step, target, stop)
        step.transit.clear()


async def _nothing(step: StepContext) -> Done:
    return Done()
