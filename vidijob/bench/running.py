"""This program's engine in one process, on a database of its own: what is left out is HTTP, and what a step does.

Limit, slots, leases, events, counts and the notifier are as they always are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from vidijob.access import ROLES, User
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.engine.arrivals import Arrivals
from vidijob.engine.batch import Batch
from vidijob.engine.bell import Bell
from vidijob.engine.commands import Commands, Plan
from vidijob.engine.counter import Counter
from vidijob.engine.notifier import Notifier
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.scheduler import Scheduler
from vidijob.engine.submissions import Submissions
from vidijob.engine.sweeper import Sweeper
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.registry import Registry
from vidijob.jobs.graph import PlannedStep, plan
from vidijob.jobs.model import Dependency, Priority, StepNumber, TaskDefinition
from vidijob.jobs.states import JobState
from vidijob.store import bench, jobs
from vidijob.store.database import Database
from vidijob.store.jobs import NewJob

USER = User("bench", frozenset(ROLES))
#: So many jobs may run at once, and so many steps does the worker take.
LIMIT = 256
#: So many are submitted together.
AT_ONCE = 500
_NAME = "bench"
_SITE = "VX"
_LOOK = 0.002


def chain(steps: int) -> tuple[PlannedStep, ...]:
    """Return the steps of a job: each after the one before it."""
    return plan(
        [
            TaskDefinition(StepNumber(100 * number), f"Step {number}", _NAME, "rest", Dependency(previous=True))
            for number in range(1, steps + 1)
        ]
    )


class _Part(Protocol):
    def start(self) -> None: ...

    async def stop(self) -> None: ...


class Nothing:
    """An executor whose steps do nothing, but for telling when."""

    methods = frozenset({"rest"})
    short = methods
    problems: frozenset[str] = frozenset()

    def __init__(self) -> None:
        #: So many were carried out.
        self.done = 0
        self._changed = asyncio.Event()
        #: How long each that says when it was submitted had to wait, in milliseconds.
        self.waits: list[float] = []

    async def run(self, step: StepContext) -> Outcome:
        """Carry out a step."""
        if submitted := step.data.get("submitted"):
            self.waits.append(1000 * (time.perf_counter() - float(submitted[0])))
        self.done += 1
        self._changed.set()
        return Done()

    async def until(self, number: int) -> None:
        """Wait until so many were carried out."""
        while self.done < number:
            self._changed.clear()
            await self._changed.wait()

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """There are no problems."""
        return False


class _OneByOne(Batch[Any, Any]):
    """A batch that nobody shares."""

    async def add(self, item: Any) -> Any:
        """Hand in an item, and flush it."""
        return (await self._flush([item]))[0]


class _Unshared(Submissions):
    def __init__(self, database: Database, bell: Bell, site: str) -> None:
        super().__init__(database, bell, site)
        self._batch = _OneByOne(self._store)


class _UnsharedCommands(Commands):
    """The same commands, but for submissions, each of which has a commit of its own."""

    def __init__(self, database: Database, bell: Bell, plan: Plan, site: str) -> None:
        super().__init__(database, bell, plan, site)
        self._submissions = _Unshared(database, bell, site)


class Ours:
    """What is compared."""

    title = "vidijob"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commands = Commands(database, Bell(database), self._plan, _SITE)
        self._unshared = _UnsharedCommands(database, Bell(database), self._plan, _SITE)
        self._steps = chain(1)

    async def _plan(self, type: str) -> tuple[PlannedStep, ...]:
        return self._steps

    async def clear(self) -> None:
        """Take out all jobs."""
        await bench.clear(self._database)

    async def put(self, number: int, steps: int = 1) -> None:
        """Submit so many jobs, many at a time."""
        new = NewJob("BENCH", JobState.READY, Priority.MEDIUM, USER.name, {}, chain(steps))
        for done in range(0, number, AT_ONCE):
            await jobs.submit(self._database, [new] * min(AT_ONCE, number - done))

    async def drain(self, number: int, steps: int = 1) -> float:
        """Carry out so many jobs that were submitted; returns the seconds until the last end was committed."""
        begun = time.perf_counter()
        async with running(self._database) as engine:
            await engine.nothing.until(number * steps)
            # Carried out is not yet ended.
            while await bench.open_jobs(self._database):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(_LOOK)
            return time.perf_counter() - begun

    async def waits(self, number: int, pause: float) -> list[float]:
        """Submit jobs one after the other, so many seconds apart; returns how long each waited, in milliseconds."""
        async with running(self._database) as engine:
            commands = Commands(self._database, engine.bell, self._plan, _SITE, engine.arrivals)
            await asyncio.sleep(1)
            for _ in range(number):
                await commands.submit(USER, "BENCH", Priority.MEDIUM, {"submitted": [str(time.perf_counter())]})
                await asyncio.sleep(pause)
            await engine.nothing.until(number)
            return engine.nothing.waits

    async def submit(self, number: int, clients: int, *, steps: int, grouped: bool) -> float:
        """Let clients submit jobs, each one after the other, with or without sharing commits; returns the seconds."""
        self._steps = chain(steps)
        left = iter(range(number))

        commands = self._commands if grouped else self._unshared

        async def client() -> None:
            for _ in left:
                await commands.submit(USER, "BENCH", Priority.MEDIUM, {"title": ["A title"]})

        begun = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return time.perf_counter() - begun


@dataclass(frozen=True, slots=True)
class Running:
    """What one may want of an engine that runs."""

    bell: Bell
    #: The short way in.
    arrivals: Arrivals
    #: What carries out its steps.
    nothing: Nothing


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Running]:
    """Run the engine for a while."""
    nothing = Nothing()
    bell = Bell(database)
    scheduler = Scheduler(database, bell, concurrent_jobs=LIMIT)
    worker = Worker(database, bell, Registry({_NAME: nothing}), slots=LIMIT, site=_SITE)
    scheduler.employ(worker)
    arrivals = Arrivals(database)
    arrivals.led_by(scheduler)
    parts: list[_Part] = [
        bell,
        scheduler,
        Rescuer(database, bell, lambda: scheduler.leads),
        Counter(database, lambda: scheduler.leads),
        Sweeper(database, lambda: scheduler.leads),
        Notifier(database, bell, Composer(_SITE).compose),
        worker,
    ]
    async with AsyncExitStack() as stack:
        for part in parts:
            part.start()
            stack.push_async_callback(part.stop)
        yield Running(bell, arrivals, nothing)
