"""The sub-tasks of one attempt as it runs: what they have told, and what of it is stored already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from vidijob.engine import storable
from vidijob.executors.base import ProgressUnit
from vidijob.jobs.model import MOST_SUB_TASKS, SubTask
from vidijob.jobs.states import StepState

#: It has not come to its end.
_OPEN = (StepState.NONE, StepState.STARTED_ASYNCHRONOUS)
_LONGEST = 1000


class SubTasks:
    """All of one attempt."""

    def __init__(self, descriptions: Sequence[str]) -> None:
        if not descriptions:
            raise ValueError("a step is split into at least one sub-task")
        #: How many there are; the first of them are listed.
        self.total = len(descriptions)
        now = datetime.now(UTC)
        self._told = [
            SubTask(place, storable.text(one)[:_LONGEST], StepState.NONE, now)
            for place, one in enumerate(descriptions[:MOST_SUB_TASKS])
        ]
        self._changed = set(range(len(self._told)))
        self._counted = False

    def handles(self) -> list[Handle]:
        """Return what the executor tells of them by."""
        return [Handle(self, place) for place in range(self.total)]

    def take_total(self) -> int | None:
        """Return how many there are, the first time."""
        counted, self._counted = self._counted, True
        return None if counted else self.total

    def forget_total(self) -> None:
        """Have it told again, since it could not be stored."""
        self._counted = False

    def take(self) -> list[SubTask]:
        """Return those that have told something that is not stored yet, and forget that they have."""
        changed, self._changed = self._changed, set()
        return [self._told[place] for place in sorted(changed)]

    def put_back(self, sub_tasks: Sequence[SubTask]) -> None:
        """Keep what could not be stored for the next time; newer words of the same ones count."""
        self._changed |= {sub_task.place for sub_task in sub_tasks}

    def close(self, state: StepState) -> None:
        """Let those that have begun and are not over end like the attempt."""
        for sub_task in self._told:
            if sub_task.state is StepState.STARTED_ASYNCHRONOUS:
                self.turn(sub_task.place, state)

    def told(self) -> Sequence[SubTask]:
        """Return all that are listed."""
        return tuple(self._told)

    def turn(self, place: int, state: StepState, error: str | None = None) -> None:
        """Enter that one has got into a state; one that is over stays so."""
        if place < len(self._told) and self._told[place].state in _OPEN:
            reason = None if error is None else storable.text(error)
            self._told[place] = replace(self._told[place], state=state, at=datetime.now(UTC), error=reason)
            self._changed.add(place)

    def tell(self, place: int, value: float, total: float, unit: ProgressUnit) -> None:
        """Enter how far one is."""
        if place < len(self._told) and (told := storable.progress(value, total, unit)) is not None:
            self._told[place] = replace(self._told[place], progress=told)
            self._changed.add(place)


class Handle:
    """The ``SubTask`` that an executor has."""

    def __init__(self, all: SubTasks, place: int) -> None:
        self._all = all
        self._place = place

    def start(self) -> None:
        """Tell that it has begun."""
        self._all.turn(self._place, StepState.STARTED_ASYNCHRONOUS)

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        """Tell how far it is; stored with the next beat."""
        self._all.tell(self._place, value, total, unit)

    def finish(self) -> None:
        """Tell that it is done."""
        self._all.turn(self._place, StepState.FINISHED)

    def fail(self, reason: str) -> None:
        """Tell that it failed, and why."""
        self._all.turn(self._place, StepState.FAILED_FATAL, reason)
