"""One attempt as it runs: what its executor may know of it, and what it has told so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum

from vidijob.engine import storable
from vidijob.engine.sub_tasks import Handle, SubTasks
from vidijob.executors.base import Done, Fail, Outcome, ProgressUnit, Retry, Vanished, Wait
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import JobData, Lease, Note, Priority, Progress

#: Log lines of one attempt that are kept; an executor that says more is cut short.
_MOST_NOTES = 500
_LONGEST_NOTE = 2000
#: Characters of job data that an attempt may tell while it runs.
_LONGEST_SAID = 8192


class Fate(Enum):
    """Why an attempt is ended from outside."""

    #: Its lease is no longer held: whatever it does must not count.
    LOST = "lost"
    #: The job is aborted or has failed.
    STOPPED = "stopped"
    #: This worker stops; another is to run it.
    HAND_BACK = "hand back"


class Run:
    """The ``StepContext`` of one attempt, and the task that carries it out."""

    def __init__(self, hold: Lease, site: str, wake: Callable[[], None]) -> None:
        """``wake`` has what the step tells stored at once instead of with the next beat."""
        #: The worker's hold on the step.
        self.hold = hold
        #: The job's id as users know it.
        self.job = job_name(site, hold.job)
        #: Why it was ended from outside, if it was.
        self.fate: Fate | None = None
        #: Who carries it out.
        self.task: asyncio.Task[None] | None = None
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._notes: list[Note] = []
        self._noted = 0
        self._said: dict[str, list[str]] = {}
        #: Whether some of it is not stored yet.
        self._untold = False
        self._wake = wake
        self._signalled = False
        #: A signal that is not stored yet.
        self._signal_due = False
        #: What it is divided into, if it is.
        self.sub_tasks: SubTasks | None = None

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    @property
    def step(self) -> int:
        """The step's number in its job type."""
        return self.hold.step

    @property
    def lease(self) -> int:
        """A number that no other attempt has or had."""
        return self.hold.number

    @property
    def method(self) -> str:
        """What to do."""
        return self.hold.method

    @property
    def data(self) -> JobData:
        """The job's data at the start of this attempt."""
        return self.hold.data

    @property
    def user(self) -> str:
        """Whose job it is."""
        return self.hold.owner

    @property
    def priority(self) -> Priority:
        """How urgent its job was when this attempt began."""
        return self.hold.priority

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the task definition says besides: its settings."""
        return self.hold.metadata

    @property
    def script(self) -> str | None:
        """The script of the task definition, where it has one."""
        return self.hold.script

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        """Remember how far the step is; stored with the next beat. What is no finite number is passed over."""
        self._progress = storable.progress(value, total, unit) or self._progress

    def note(self, text: str) -> None:
        """Remember a line for the log; stored with the next beat."""
        self._noted += 1
        if self._noted <= _MOST_NOTES:
            self._notes.append(Note(datetime.now(UTC), storable.text(text)[:_LONGEST_NOTE]))

    def tell(self, data: Mapping[str, Sequence[str]]) -> None:
        """Remember job data to be shown while the step runs; stored with the next beat. What is too much is passed over."""
        said = {**self._said, **{storable.text(key): _texts(values) for key, values in data.items()}}
        if sum(len(key) + sum(map(len, values)) for key, values in said.items()) <= _LONGEST_SAID:
            self._untold = self._untold or said != self._said
            self._said = said

    def signal(self) -> None:
        """Let the steps start that are parallel to this one; stored with a beat that is due at once."""
        if not self._signalled:
            self._signalled = self._signal_due = True
            self._wake()

    def split(self, descriptions: Sequence[str]) -> list[Handle]:
        """Divide it into sub-tasks; raises ``ValueError`` for none, and when it is divided already."""
        if self.sub_tasks is not None:
            raise ValueError("a step is split only once")
        self.sub_tasks = SubTasks(descriptions)
        self._wake()
        return self.sub_tasks.handles()

    def take_signal(self) -> bool:
        """Tell whether there is a signal that is not stored yet, and forget it."""
        due, self._signal_due = self._signal_due, False
        return due

    def put_signal_back(self) -> None:
        """Keep a signal that could not be stored, for the next time."""
        self._signal_due = True

    def told(self) -> Progress | None:
        """Return the last progress told."""
        return self._progress

    def said(self) -> Mapping[str, Sequence[str]]:
        """Return the job data told."""
        return self._said

    def take_said(self) -> Mapping[str, Sequence[str]] | None:
        """Return the job data told if some of it is not stored yet, and remember that it is."""
        untold, self._untold = self._untold, False
        return self._said if untold else None

    def put_said_back(self) -> None:
        """Have it stored the next time, since it could not be."""
        self._untold = True

    def take_notes(self) -> list[Note]:
        """Return the lines not stored yet, and forget them."""
        notes, self._notes = self._notes, []
        return notes

    def put_back(self, notes: list[Note]) -> None:
        """Keep lines that could not be stored, for the next time."""
        self._notes[:0] = notes

    def cancel(self, fate: Fate) -> None:
        """End it from outside; the first reason stays."""
        if self.fate is None and self.task is not None and not self.task.done():
            self.fate = fate
            self.task.cancel()


def checked(outcome: Outcome) -> Outcome:
    """Return an executor's answer with nothing in it that cannot be stored; raises ``TypeError`` for what is none."""
    match outcome:
        case Done(data):
            return Done(_data(data))
        case Wait(type, about, reason, changes):
            named = {storable.text(key): storable.text(value) for key, value in about.items()}
            return Wait(storable.text(type), named, storable.text(reason), _data(changes))
        case Retry(reason, changes):
            return Retry(storable.text(reason), _data(changes))
        case Fail(reason, changes):
            return Fail(storable.text(reason), _data(changes))
        case Vanished(reason):
            return Vanished(storable.text(reason))
    raise TypeError(f"an executor answers Done, Wait, Retry, Fail or Vanished, not {outcome!r}")


def _data(data: Mapping[str, Sequence[str] | None]) -> dict[str, list[str] | None]:
    return {storable.text(key): _values(values) for key, values in data.items()}


def _values(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else _texts(values)


def _texts(values: Sequence[str]) -> list[str]:
    if isinstance(values, str):
        raise TypeError(f"a value of job data is a list of texts, not the text {values!r}")
    return [storable.text(value) for value in values]
