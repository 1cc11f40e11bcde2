"""A whole engine in one process, on a real Postgres; only what a step does is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from vidijob.access import ROLES, User
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.engine.arrivals import Arrivals
from vidijob.engine.bell import Bell
from vidijob.engine.commands import Commands
from vidijob.engine.insights import Insights
from vidijob.engine.jobtypes import JobTypes
from vidijob.engine.notifier import Notifier
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.scheduler import Scheduler
from vidijob.engine.sender import Sender
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Executor, Outcome, StepContext
from vidijob.executors.registry import Registry
from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.model import Dependency, Job, JobType, Priority, StepNumber, TaskDefinition
from vidijob.jobs.states import ENDED, JobState
from vidijob.store.database import Database

ADMIN = User("admin", frozenset(ROLES))
Act = Callable[[StepContext], Awaitable[Outcome]]


async def succeed(step: StepContext) -> Outcome:
    """Do nothing, well."""
    return Done()


def task(
    number: int, method: str = "work", *, critical: bool = True, cleanup: bool = False, **metadata: str
) -> TaskDefinition:
    """Return a task definition that follows the one before it."""
    return TaskDefinition(
        StepNumber(number),
        f"Step {number}",
        "test",
        method,
        Dependency() if cleanup else Dependency(previous=True),
        critical=critical,
        cleanup=cleanup,
        metadata=metadata,
    )


class ScriptedExecutor:
    """Does what the test says for each method, and remembers what it was asked."""

    def __init__(self, *, short: Collection[str] = (), **acts: Act) -> None:
        self.acts: dict[str, Act] = {"work": succeed, **acts}
        self.methods = frozenset(self.acts)
        self.short = frozenset(short)
        self.calls: list[tuple[str, int]] = []
        #: The problems that it looks after, and whether each is gone.
        self.problems = frozenset({"TEST"})
        self.gone = False

    async def run(self, step: StepContext) -> Outcome:
        """Carry out one attempt."""
        self.calls.append((step.job, step.step))
        return await self.acts[step.method](step)

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell what the test says."""
        return self.gone


@dataclass
class Engine:
    """The parts, started one by one."""

    database: Database
    types: dict[str, JobType]
    concurrent_jobs: int = 3
    ageing: timedelta | None = None
    bell: Bell = field(init=False)
    arrivals: Arrivals = field(init=False)
    commands: Commands = field(init=False)
    insights: Insights = field(init=False)
    job_types: JobTypes = field(init=False)
    parts: list[Scheduler | Worker | Rescuer | Notifier | Sender] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bell = Bell(self.database)
        self.arrivals = Arrivals(self.database)
        self.know_types()
        self.bell.start()

    def know_types(self) -> None:
        """Take over the job types as they are now."""
        self.job_types = JobTypes(self.database)
        self.commands = Commands(self.database, self.bell, self._plan, "VX", self.arrivals)
        self.insights = Insights(self.database, "VX")
        self._written, self._writing = False, asyncio.Lock()

    async def write_types(self) -> None:
        """Bring the job types into the database, as a server does when it starts."""
        async with self._writing:
            if not self._written:
                await self.job_types.ship(self.types.values())
                self._written = True

    async def _plan(self, type: str) -> Sequence[PlannedStep]:
        await self.write_types()
        return await self.job_types.plans.of(type)

    def scheduler(self) -> Scheduler:
        """Start a scheduler with its rescuer."""
        scheduler = Scheduler(self.database, self.bell, concurrent_jobs=self.concurrent_jobs, ageing=self.ageing)
        rescuer = Rescuer(self.database, self.bell, lambda: scheduler.leads)
        self.arrivals.led_by(scheduler)
        self.parts += [rescuer, scheduler]
        scheduler.start()
        rescuer.start()
        return scheduler

    def worker(self, executor: Executor, slots: int = 4, name: str = "test") -> Worker:
        """Start a worker."""
        worker = Worker(self.database, self.bell, Registry({name: executor}), slots=slots, site="VX")
        for part in self.parts:
            if isinstance(part, Scheduler):
                part.employ(worker)
        self.parts.append(worker)
        worker.start()
        return worker

    def notifier(self) -> Notifier:
        """Start a reader of the event log."""
        notifier = Notifier(self.database, self.bell, Composer("VX").compose)
        self.parts.append(notifier)
        notifier.start()
        return notifier

    async def stop(self) -> None:
        """Stop all that was started."""
        for part in reversed(self.parts):
            await part.stop()
        self.parts.clear()
        await self.bell.stop()

    async def submit(self, type: str = "WORK", priority: Priority = Priority.MEDIUM, **data: str) -> str:
        """Submit a job and return its id."""
        job = await self.commands.submit(ADMIN, type, priority, {key: [value] for key, value in data.items()})
        return f"VX-{job.id}"

    async def until(self, job: str, *states: JobState, seconds: float = 15) -> Job:
        """Wait until a job is in one of the states (in any that is an end, by default)."""
        wanted = states or tuple(ENDED)
        async with asyncio.timeout(seconds):
            while (found := await self.insights.job(job)).state not in wanted:
                await asyncio.sleep(0.02)
        return found

    async def events(self) -> Sequence[tuple[int, int | None, str | None, str]]:
        """Return the event log: job, step, old state, new state."""
        async with self.database.session() as session:
            rows = await session._connection.fetch(
                "SELECT job_id, step, old_state, new_state FROM happened ORDER BY id"
            )
        return [tuple(row) for row in rows]


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """An engine with one job type, WORK, of three steps and a clean-up."""
    types = {"WORK": JobType("WORK", (task(100), task(200), task(300), task(5000, cleanup=True)))}
    engine = Engine(database, types)
    yield engine
    await engine.stop()
