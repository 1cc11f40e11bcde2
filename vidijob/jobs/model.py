"""The nouns of the domain as frozen dataclasses. How they are stored or sent is not known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NewType
from uuid import UUID

from vidijob.jobs.states import JobState, StepState

#: The number of a job inside its site: 80 of ``VX-80``.
JobId = NewType("JobId", int)
#: The number of a step in its job type: 100, 200, … 5000.
StepNumber = NewType("StepNumber", int)
#: The number of a task definition among all.
TaskDefinitionId = NewType("TaskDefinitionId", int)
#: Grows with every claim of any step; a write that names an old one has no effect.
LeaseNumber = NewType("LeaseNumber", int)
#: The number of a problem.
ProblemId = NewType("ProblemId", int)
#: One running worker process.
WorkerId = NewType("WorkerId", UUID)

#: Key → values; a key may have several values, in order (contract: "repeated keys allowed").
JobData = Mapping[str, Sequence[str]]


class Priority(Enum):
    """The order of execution, from lowest to highest (spec "Job priority")."""

    LOWEST = "LOWEST"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    HIGHEST = "HIGHEST"
    #: Always started, whatever the limit; only for ``_super_access_user``.
    IMMEDIATE = "IMMEDIATE"

    @property
    def rank(self) -> int:
        """Return the place in the order, 0 for the lowest."""
        return _RANKS[self._value_]


_RANKS = {priority.value: rank for rank, priority in enumerate(Priority)}


@dataclass(frozen=True, slots=True)
class Dependency:
    """When a step may start (contract 3.9 and 9); a ``step`` of 0 and no flag means "does not wait"."""

    #: After this step.
    step: StepNumber = StepNumber(0)
    #: After the step before it.
    previous: bool = False
    #: After all steps before it.
    all_previous: bool = False


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """One step of a job type, as defined."""

    step: StepNumber
    #: For people; the wire's ``description`` in ``currentStep`` and ``log``.
    description: str
    #: The name of the executor; the wire's ``bean``.
    executor: str
    #: What the executor is to do.
    method: str
    dependency: Dependency = Dependency()
    parallel_dependency: Dependency = Dependency()
    #: Whether its failure fails the job.
    critical: bool = True
    #: Whether it runs only when the job ends, however it ends.
    cleanup: bool = False
    #: ``retries``, ``retryDelay``, ``timeout``, … as strings.
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: JavaScript, where that is what the step runs; executor and method are then those of ``SCRIPT``.
    script: str | None = None
    #: Of the wire; kept and given back, nobody here knows what they mean.
    plugin: bool | None = None
    flags: int | None = None
    extradata: str | None = None


#: Executor and method of every step that is a script.
SCRIPT = ("script", "run")


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A task definition in its place."""

    id: TaskDefinitionId
    job_type: str
    task: TaskDefinition


@dataclass(frozen=True, slots=True)
class JobType:
    """A kind of job: a name and its task definitions."""

    name: str
    tasks: tuple[TaskDefinition, ...] = ()

    @property
    def runnable(self) -> bool:
        """Tell whether jobs of this type can be submitted."""
        return any(not task.cleanup for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is."""

    value: float
    total: float
    #: ``percent`` or ``bytes``.
    unit: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line in the log of an attempt; ``subStep`` on the wire."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class SubTask:
    """A part of an attempt that is done as several."""

    #: Counted from 0.
    place: int
    #: For people: ``clip.mov``.
    description: str
    #: NONE until its turn comes.
    state: StepState
    #: When it got into that state.
    at: datetime
    progress: Progress | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step, as the log shows it."""

    #: The identity on the wire.
    id: int
    step: StepNumber
    description: str
    #: How many tries there were before this one.
    attempts: int
    state: StepState
    #: When it got into that state.
    at: datetime
    progress: Progress | None = None
    error: str | None = None
    notes: tuple[Note, ...] = ()
    #: As how many sub-tasks it is done; ``None``: as one.
    total_sub_tasks: int | None = None
    #: In their order; at most the first ``MOST_SUB_TASKS`` of them.
    sub_tasks: tuple[SubTask, ...] = ()


#: So many sub-tasks of one attempt are listed; what an attempt has beyond is only counted.
MOST_SUB_TASKS = 1000


@dataclass(frozen=True, slots=True)
class CurrentStep:
    """Where a job is."""

    description: str
    #: Counted from 1, not the step's number (contract 2.6).
    number: int
    state: StepState


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a job waits for."""

    #: The type of the problem, or of what keeps a queued job back.
    type: str
    #: In a sentence.
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A condition that holds jobs back."""

    id: ProblemId
    type: str
    #: What exactly is wrong.
    data: Mapping[str, str]
    #: In a sentence.
    reason: str
    since: datetime
    #: When somebody looks again whether it is gone.
    next_check: datetime
    #: The jobs that wait, oldest first.
    jobs: tuple[JobId, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One order."""

    id: JobId
    type: str
    #: The owner.
    user: str
    state: JobState
    priority: Priority
    #: When it was submitted (contract 2.9: present already while READY).
    started: datetime
    finished: datetime | None
    data: JobData
    #: Steps without those for clean-up.
    total_steps: int
    current_step: CurrentStep | None = None
    #: ``None`` where it was not asked for.
    log: tuple[Attempt, ...] | None = None
    waiting: Waiting | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a job was submitted as, where that was through another face than Vidispine's."""

    #: Which face: ``mps``, ``azure``, ``arcgis``.
    face: str
    #: As it was sent; what JSON can say.
    document: Mapping[str, Any]
    #: The number that its priority was made from; ``None``: there was none, or the priority was changed later.
    priority: int | None = None
    #: How far that is above the number which the priority is usually made from: among jobs of one priority the higher goes first.
    weight: int = 0


class Watch(Enum):
    """Whether another face tells of a job, each of its states, and how far its steps are as well."""

    NONE = "none"
    STATES = "states"
    PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job, or to one of its steps."""

    #: Grows with what happens to one job.
    id: int
    at: datetime
    job: JobId
    #: ``None``: it happened to the job.
    step: StepNumber | None
    #: ``None``: there was nothing before.
    old: str | None
    new: str
    #: The user or the worker that did it.
    actor: str
    #: The reason or the error, where there is one.
    remark: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on a step, with what it needs to know to carry it out."""

    job: JobId
    step: StepNumber
    number: LeaseNumber
    #: Tries before this one, however they ended.
    ordinal: int
    #: Tries before this one that ended in a retry.
    retries: int
    #: Whether it runs because the job ends.
    cleanup: bool
    job_type: str
    executor: str
    method: str
    metadata: Mapping[str, str]
    #: The script, where the step is one.
    script: str | None
    #: Whose job it is.
    owner: str
    data: JobData
    #: Why it is to fail without being carried out: an operator said so.
    doom: str | None = None
    #: What it uses up of the worker's resources.
    needs: Mapping[str, float] = field(default_factory=dict)
    #: The job's, when it was taken.
    priority: Priority = Priority.MEDIUM


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long."""

    #: Tries after the first.
    retries: int = 5
    #: Before the first retry; doubles each time.
    delay: timedelta = timedelta(seconds=1)
    #: At most this long between two tries.
    longest_delay: timedelta = timedelta(minutes=5)
    #: For one attempt; ``None``: as long as it takes.
    timeout: timedelta | None = None
