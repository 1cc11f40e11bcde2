"""What the executors that work on files below the storage roots have in common: a method each for the steps of a job."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from vidijob.executors import outcomes
from vidijob.executors.base import Fail, Outcome, StepContext
from vidijob.executors.storage import Storage

Work = Callable[[StepContext], Awaitable[Outcome]]


class Stepwise(ABC):
    """An executor of which each method is a piece of work, and whose problems are those of the storage."""

    problems = outcomes.PROBLEMS

    def __init__(self, name: str, storage: Storage, *, short: Mapping[str, Work], long: Mapping[str, Work]) -> None:
        """``short`` are the methods that take only moments."""
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
        return await outcomes.answer(work(step), self._storage, lambda: self.written(step))

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether there is room again, or what was missing is there."""
        return await outcomes.is_gone(self._storage, type, data)

    @abstractmethod
    def written(self, step: StepContext) -> Path:
        """Return a file that the step writes; asked only when there was no room for it."""
