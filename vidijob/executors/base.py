"""What an executor is: it carries out one step and answers an outcome. It knows neither store nor HTTP.

An executor is asked once per attempt. It may be cancelled at any await (abort, lost lease, time-out, shutdown): it then
ends its children, removes what it left half done, and lets ``asyncio.CancelledError`` pass. It may also be killed
without notice, so every attempt must be able to follow a half-finished one (see ``StepContext.lease``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from vidijob.jobs.model import JobData, Priority

ProgressUnit = Literal["percent", "bytes"]


@dataclass(frozen=True, slots=True)
class Done:
    """The step has done its work."""

    #: Job data to set; ``None`` takes a key away.
    data: Mapping[str, Sequence[str] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """It did not work now and may work later; tried again up to the definition's ``retries``."""

    #: One sentence for people: what went wrong, where, and what to do.
    reason: str
    #: Job data to set all the same.
    changes: Mapping[str, Sequence[str] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fail:
    """It will never work like this."""

    #: One sentence for people: what went wrong, where, and what to do.
    reason: str
    #: Job data to set all the same.
    changes: Mapping[str, Sequence[str] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """It cannot go on until a condition is gone; the job waits, and this uses up no retry."""

    #: What kind of condition, in capitals: ``OUT_OF_STORAGE``.
    type: str
    #: Which one exactly; jobs that wait with the same type and data wait for the same problem.
    data: Mapping[str, str]
    #: One sentence for people: what is wrong, where, and what to do.
    reason: str
    #: Job data to set all the same.
    changes: Mapping[str, Sequence[str] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vanished:
    """Whoever carried it out elsewhere is gone, and nobody knows how far they came: the step is DISAPPEARED as if its
    worker had vanished, once its lease has run out, and is run again.
    """

    #: One sentence for the log.
    reason: str


Outcome = Done | Wait | Retry | Fail | Vanished


class SubTask(Protocol):
    """A part of a step that is done as several; it shows in the log below the step (contract 3.2)."""

    def start(self) -> None:
        """Tell that it has begun."""

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        """Tell how far it is; cheap, call it as often as there is news."""

    def finish(self) -> None:
        """Tell that it is done."""

    def fail(self, reason: str) -> None:
        """Tell that it failed, in one sentence for people; whether the step does, its outcome says."""


class StepContext(Protocol):
    """What an executor may know of the step that it carries out, and how it tells of its progress."""

    @property
    def job(self) -> str:
        """The job's id as users know it: ``VX-80``."""

    @property
    def step(self) -> int:
        """The step's number in its job type: 100, 200, …"""

    @property
    def lease(self) -> int:
        """A number that no other attempt has or had; put it into the name of every temporary file."""

    @property
    def method(self) -> str:
        """What to do, as the task definition says."""

    @property
    def data(self) -> JobData:
        """The job's data at the start of this attempt."""

    @property
    def user(self) -> str:
        """Whose job it is."""

    @property
    def priority(self) -> Priority:
        """How urgent its job was when this attempt began."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the task definition says besides: its settings."""

    @property
    def script(self) -> str | None:
        """The script of the task definition, where it has one."""

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        """Tell how far the step is; cheap, call it as often as there is news."""

    def tell(self, data: Mapping[str, Sequence[str]]) -> None:
        """Show job data while the step runs, as the real server shows ``transcodeProgress``; cheap, like progress.

        It is for short values that change: all keys together have 8192 characters at most, and what is beyond is passed over.
        What was told last becomes part of the job's data when the attempt ends, unless its outcome says otherwise.
        """

    def note(self, text: str) -> None:
        """Add a line to the step's part of the job's log (a ``subStep`` on the wire)."""

    def signal(self) -> None:
        """Let the steps start that are defined as parallel to this one (spec STARTED_PARALLEL…); it goes on beside them.

        Once is enough, and a step that is tried again may say it again. Like progress it is stored soon, not at once.
        """

    def split(self, descriptions: Sequence[str]) -> Sequence[SubTask]:
        """Say that the step is done as several sub-tasks (spec STARTED_SUBTASKS) and return them, in this order.

        At most once, and at least one. Those that are not over when the attempt ends, end like the attempt.
        """


class Executor(Protocol):
    """One way to carry out steps."""

    #: The methods that a task definition may name.
    methods: frozenset[str]
    #: Those of them that take only moments; they are STARTED, the others STARTED_ASYNCHRONOUS (spec "Step states").
    short: frozenset[str]
    #: The types of problems that it can look after.
    problems: frozenset[str]

    async def run(self, step: StepContext) -> Outcome:
        """Carry out one attempt of a step.

        An exception other than ``CancelledError`` is a bug and is treated as ``Fail`` with its trace.
        """

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether the condition of a problem, one of ``problems``, holds no longer."""
