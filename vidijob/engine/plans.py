"""What a new job is made of: the steps of its type, with their graph, as the database has them. It changes nothing.

Submissions are many and changes are few, so the types are kept here and read again only when their version has changed,
which is looked up at most once in ``STALE`` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vidijob.errors import Invalid
from vidijob.jobs import placement
from vidijob.jobs.graph import PlannedStep, plan
from vidijob.jobs.model import TaskDefinition
from vidijob.store import jobtypes
from vidijob.store.database import Database

#: For so long, in seconds, this process may go on with what it knows after another one has changed a type.
STALE = 1.0


@dataclass(slots=True)
class _Known:
    """All types as they were at one version; the graph of each is worked out when it is first needed."""

    version: int
    tasks: Mapping[str, Sequence[TaskDefinition]]
    plans: dict[str, tuple[PlannedStep, ...]] = field(default_factory=dict)


class Plans:
    """The steps of new jobs, by type; ``clock`` is in seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._known: _Known | None = None
        self._fresh_until = 0.0
        self._looking = asyncio.Lock()

    async def of(self, name: str) -> tuple[PlannedStep, ...]:
        """Return the steps of a new job of a type; raises ``Invalid`` for one that is not there or cannot be run."""
        known = await self._current()
        if name not in known.plans:
            tasks = known.tasks.get(name)
            if tasks is None:
                raise Invalid("type", f"There is no job type {name}; GET /jobtype lists them.", value=name)
            if all(task.cleanup for task in tasks):
                raise Invalid("type", f"The job type {name} has no task definitions: it cannot be run.", value=name)
            known.plans[name] = plan([_as_run(task) for task in tasks])
        return known.plans[name]

    async def look_again(self) -> None:
        """Let the next question see what has been committed by now."""
        # After a look that is under way, which may not have seen it.
        async with self._looking:
            self._fresh_until = self._clock()

    async def _current(self) -> _Known:
        known = self._known
        if known is not None and self._clock() < self._fresh_until:
            return known
        async with self._looking:
            known, now = self._known, self._clock()
            if known is None or now >= self._fresh_until:
                # The version first: what changes while the rest is read is then read again.
                version = await jobtypes.version(self._database)
                if known is None or known.version != version:
                    known = self._known = await _read(self._database, version)
                self._fresh_until = now + STALE
            return known


async def _read(database: Database, version: int) -> _Known:
    tasks: dict[str, list[TaskDefinition]] = {kind.name: [] for kind in await jobtypes.types(database)}
    for known in await jobtypes.tasks(database):
        tasks.setdefault(known.job_type, []).append(known.task)
    return _Known(version, tasks)


def _as_run(task: TaskDefinition) -> TaskDefinition:
    """Return what a job keeps of a task definition: of a script not its text, but the key under which it is found; and
    who is to take the step.
    """
    if task.script is None:
        return placement.placed(task)
    return replace(task, metadata={**task.metadata, "script": jobtypes.script_digest(task.script)})
