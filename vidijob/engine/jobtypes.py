"""Job types and their task definitions: what a face may ask and change, and what a submission needs of them. It knows no
document and no HTTP.

Every change is checked as a whole before anything is written: afterwards the steps of a type make one graph, or nothing
has happened. A job has a copy of its steps, scripts included; no change reaches a job that was submitted before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from fnmatch import fnmatchcase

from vidijob.access import User
from vidijob.engine import pictures
from vidijob.engine.plans import Plans
from vidijob.engine.shipping import bring
from vidijob.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from vidijob.jobs.catalogue import EDITION, JOB_TYPES
from vidijob.jobs.definitions import check_task, check_together, check_type_id, check_type_name
from vidijob.jobs.model import SCRIPT, JobType, KnownTask, StepNumber, TaskDefinition, TaskDefinitionId
from vidijob.store import jobtypes, workers
from vidijob.store.database import Database, Session
from vidijob.store.jobtypes import Change, KnownType

_log = logging.getLogger(__name__)

#: Each is a process of its own; who has waited so many seconds for others' is told to come again.
_PICTURES_AT_ONCE = 2
_PICTURE_WAIT = 10.0

#: A task definition by its id, or by type and step.
Place = TaskDefinitionId | tuple[str, StepNumber]


class JobTypes:
    """The job types of one database; ``executors`` says what the shipped executors can do: name → methods."""

    def __init__(
        self,
        database: Database,
        executors: Mapping[str, Collection[str]] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._executors = dict(executors or {})
        #: What new jobs are made of.
        self.plans = Plans(database, clock)
        self._drawing = asyncio.Semaphore(_PICTURES_AT_ONCE)

    async def listing(self) -> list[KnownType]:
        """Return all types: those of the spec in its order, then administrators' own."""
        return await jobtypes.types(self._database)

    async def tasks(self, types: Sequence[str] | None = None) -> list[KnownTask]:
        """Return the task definitions of types, or of all; a type that is not there has none."""
        return await jobtypes.tasks(self._database, types)

    async def tasks_of(self, name: str) -> list[KnownTask]:
        """Return the task definitions of one type; raises ``NotFound``."""
        tasks = await jobtypes.tasks(self._database, [name])
        if not tasks and all(kind.name != name for kind in await jobtypes.types(self._database)):
            raise NotFound("JobType", name)
        return tasks

    async def kind(self, name: str) -> JobType:
        """Return one type; raises ``NotFound``."""
        return JobType(name, tuple(known.task for known in await self.tasks_of(name)))

    async def png(self, dot: str) -> bytes:
        """Return a graph as PNG; raises ``NotImplementedHere`` where it cannot be drawn, ``Unavailable`` where too many are."""
        try:
            async with asyncio.timeout(_PICTURE_WAIT):
                await self._drawing.acquire()
        except TimeoutError:
            raise Unavailable("Graphviz", "it draws for others; ask again, or for SVG, which needs none") from None
        try:
            return await pictures.png(dot)
        finally:
            self._drawing.release()

    async def task(self, place: Place) -> KnownTask:
        """Return one task definition; raises ``NotFound``."""
        return await _find(self._database, place)

    async def validate(self, place: Place) -> None:
        """Raise ``Invalid`` unless somebody can carry a step out: bean and method are known here, or a worker has the bean."""
        task = (await self.task(place)).task
        if task.script is not None or task.method in self._executors.get(task.executor, ()):
            return
        known = self._executors.get(task.executor)
        if known is not None:
            methods = ", ".join(sorted(known))
            raise Invalid("method", f"The bean {task.executor} has the methods {methods}.", value=task.method)
        # What an executor of somebody's own can do, only its worker knows.
        if not any(task.executor in worker.executors for worker in await workers.listing(self._database)):
            beans = ", ".join(sorted(self._executors))
            raise Invalid("bean", f"No worker has that bean; the shipped ones are {beans}.", value=task.executor)

    async def define(self, user: User, name: str, id: int) -> None:
        """Make a type; raises ``Conflict`` when its name or id is taken."""
        check_type_name(name)
        check_type_id(id)
        async with self._changing() as change:
            if not await jobtypes.define(change.session, id, name):
                taken = [kind for kind in await jobtypes.types(change.session) if kind.name == name or kind.id == id]
                told = " and ".join(f"{kind.name} with the id {kind.id}" for kind in taken)
                raise Conflict("jobtype", name, f"There is the job type {told} already.")
        _log.info("%s made the job type %s (%d)", user.name, name, id)

    async def drop(self, user: User, name: str) -> None:
        """Delete a type with its task definitions; raises ``Refused`` for one that the program brought.

        Its jobs stay, and those that run go on.
        """
        async with self._changing() as change:
            if not await jobtypes.drop(change.session, name):
                if any(kind.name == name for kind in await jobtypes.types(change.session)):
                    raise Refused("jobtype", name, f"The job type {name} came with the server: it cannot be deleted.")
                raise NotFound("JobType", name)
        _log.info("%s deleted the job type %s", user.name, name)

    async def add(self, user: User, tasks: Sequence[tuple[str, TaskDefinition]]) -> list[TaskDefinitionId]:
        """Add task definitions to types, all or none, and return their ids in the same order."""
        for _, task in tasks:
            check_task(task)
        async with self._changing() as change:
            types = {type for type, _ in tasks}
            await _check(change.session, types, without=None, plus=tasks)
            ids = [await jobtypes.add(change.session, type, task) for type, task in tasks]
        for id, (type, task) in zip(ids, tasks, strict=True):
            _log.info("%s made the task definition %d, step %d of %s", user.name, id, task.step, type)
        return ids

    async def change(self, user: User, place: Place, alter: Callable[[KnownTask], tuple[str, TaskDefinition]]) -> None:
        """Give a task definition other contents; ``alter`` gets it as it is and returns type and contents.

        Raises ``NotFound``, or ``Invalid`` when the type (both, where it moves) would not make sense any more.
        """
        async with self._changing() as change:
            old = await _find(change.session, place)
            type, task = alter(old)
            if (type, task) == (old.job_type, old.task):
                change.void = True
                return
            check_task(task)
            await _check(change.session, {old.job_type, type}, without=old, plus=[(type, task)])
            await jobtypes.touch(change.session, old.job_type, old.task.step)
            await jobtypes.write(change.session, old.id, type, task)
        _log.info("%s changed the task definition %d, step %d of %s", user.name, old.id, old.task.step, old.job_type)

    async def delete(self, user: User, place: Place) -> None:
        """Delete a task definition; raises ``Invalid`` when another step waits for it by its number."""
        async with self._changing() as change:
            old = await _find(change.session, place)
            await _check(change.session, {old.job_type}, without=old, plus=[])
            await jobtypes.touch(change.session, old.job_type, old.task.step)
            await jobtypes.remove(change.session, old.id)
        _log.info("%s deleted the task definition %d, step %d of %s", user.name, old.id, old.task.step, old.job_type)

    async def script(self, place: Place) -> str:
        """Return the script of a step; raises ``NotFound`` for one that has none."""
        known = await self.task(place)
        if known.task.script is None:
            raise NotFound("Script", str(known.id))
        return known.task.script

    async def set_script(self, user: User, place: Place, source: str) -> None:
        """Give a script step another script; raises ``Refused`` for a step that has a bean."""

        def alter(known: KnownTask) -> tuple[str, TaskDefinition]:
            if (known.task.executor, known.task.method) != SCRIPT:
                raise Refused(
                    "task-definition",
                    str(known.id),
                    f"Step {known.task.step} of {known.job_type} runs {known.task.executor}.{known.task.method}, not a "
                    "script; PUT a whole task definition to make it one.",
                )
            return known.job_type, replace(known.task, script=source)

        await self.change(user, place, alter)

    async def set_metadata(self, user: User, place: Place, values: Mapping[str, str]) -> None:
        """Set keys of a step's metadata; the others stay."""
        await self.change(user, place, lambda known: _with_metadata(known, {**known.task.metadata, **values}))

    async def clear_metadata(self, user: User, place: Place, pattern: str) -> None:
        """Take the keys that a pattern with ``*`` fits out of a step's metadata; raises ``NotFound`` for a key that is not there."""

        def alter(known: KnownTask) -> tuple[str, TaskDefinition]:
            if "*" not in pattern and pattern not in known.task.metadata:
                raise NotFound("Metadata", pattern)
            # Of the signs that fnmatch knows, the star is the only one of the interface.
            wanted = pattern.replace("[", "[[]").replace("?", "[?]")
            kept = {key: value for key, value in known.task.metadata.items() if not fnmatchcase(key, wanted)}
            return _with_metadata(known, kept)

        await self.change(user, place, alter)

    async def ship(self, types: Iterable[JobType] = JOB_TYPES.values(), edition: int = EDITION) -> None:
        """Bring the program's own types into the database, as often as one likes and from several processes at once."""
        async with self._changing() as change:
            await bring(change, types, edition)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Change]:
        async with jobtypes.changing(self._database) as change:
            yield change
        await self.plans.look_again()


async def _find(source: Database | Session, place: Place) -> KnownTask:
    if isinstance(place, tuple):
        type, step = place
        for known in await jobtypes.tasks(source, [type]):
            if known.task.step == step:
                return known
        raise NotFound("TaskDefinition", f"{type}/{step}")
    job_type = await jobtypes.type_of(source, place)
    for known in await jobtypes.tasks(source, [job_type]) if job_type is not None else ():
        if known.id == place:
            return known
    raise NotFound("TaskDefinition", str(place))


async def _check(
    session: Session,
    types: Collection[str],
    *,
    without: KnownTask | None,
    plus: Sequence[tuple[str, TaskDefinition]],
) -> None:
    """Raise ``Invalid`` unless each of the types makes sense with this change."""
    names = {kind.name for kind in await jobtypes.types(session)}
    for type in sorted(types):
        if type not in names:
            raise Invalid("jobType", f"There is no job type {type}; GET /jobtype lists them.", value=type)
    there = [
        known for known in await jobtypes.tasks(session, sorted(types)) if without is None or known.id != without.id
    ]
    for type in sorted(types):
        check_together(
            type,
            [
                *(known.task for known in there if known.job_type == type),
                *(task for job_type, task in plus if job_type == type),
            ],
        )


def _with_metadata(known: KnownTask, metadata: Mapping[str, str]) -> tuple[str, TaskDefinition]:
    return known.job_type, replace(known.task, metadata=dict(metadata))
