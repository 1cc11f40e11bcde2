"""Job types and task definitions in the database: rows ⇄ model. It knows neither the rules of a change nor the graph.

Whatever changes them runs inside ``changing``, one change after the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidijob.jobs.model import Dependency, KnownTask, StepNumber, TaskDefinition, TaskDefinitionId
from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class KnownType:
    """A job type in its place."""

    id: int
    name: str
    #: Whether it came with the program.
    shipped: bool


@dataclass(slots=True)
class Change:
    """A change of the job types, while they are locked."""

    session: Session
    #: Of the list that they were last brought from; set it to bring them from another.
    edition: int
    #: Set it where nothing was changed after all: then no reader looks again.
    void: bool = False


@asynccontextmanager
async def changing(database: Database) -> AsyncIterator[Change]:
    """Lock all job types for a change; readers hear of it when the transaction commits."""
    async with database.transaction() as session:
        change = Change(session, await session.value("jobtype.lock"))
        yield change
        if not change.void:
            await session.rows("jobtype.changed", change.edition)


async def version(database: Database) -> int:
    """Return a number that grows with every change of any job type."""
    return int(await database.value("jobtype.version"))


async def types(source: Database | Session) -> list[KnownType]:
    """Read all job types: those of the program in its order, then those that administrators made."""
    return [KnownType(row["id"], row["name"], row["shipped"]) for row in await source.rows("jobtype.list")]


async def tasks(source: Database | Session, types: Sequence[str] | None = None) -> list[KnownTask]:
    """Read the task definitions of types, or of all, in the order of types and steps."""
    rows = await source.rows("jobtype.tasks", None if types is None else list(types))
    return [_known_task(row) for row in rows]


async def type_of(source: Database | Session, id: TaskDefinitionId) -> str | None:
    """Return the type that a task definition belongs to."""
    name: str | None = await source.value("jobtype.type_of", id)
    return name


async def define(session: Session, id: int, name: str) -> bool:
    """Make a type of an administrator's own; tells whether its id and name were free."""
    return await session.value("jobtype.define", id, name) is not None


async def ship(session: Session, name: str) -> bool:
    """Make a type of the program's; tells whether its name was free."""
    return await session.value("jobtype.ship", name) is not None


async def drop(session: Session, name: str) -> bool:
    """Delete a type that an administrator made, with its task definitions; tells whether there was one."""
    return await session.value("jobtype.drop", name) is not None


async def add(session: Session, job_type: str, task: TaskDefinition) -> TaskDefinitionId:
    """Make a task definition."""
    return TaskDefinitionId(await session.value("jobtype.add", _document(job_type, task)))


async def write(session: Session, id: TaskDefinitionId, job_type: str, task: TaskDefinition) -> None:
    """Give a task definition other contents, and perhaps another type and step."""
    await session.rows("jobtype.write", id, _document(job_type, task))


async def remove(session: Session, id: TaskDefinitionId) -> None:
    """Delete a task definition."""
    await session.rows("jobtype.remove", id)


async def shipped_steps(session: Session) -> dict[tuple[str, StepNumber], bool]:
    """Read the steps that the program has brought, each with whether an administrator has touched it since."""
    return {
        (row["job_type"], StepNumber(row["step"])): row["touched"]
        for row in await session.rows("jobtype.shipped_steps")
    }


async def remember(session: Session, job_type: str, step: StepNumber, *, touched: bool) -> None:
    """Note that the program has brought a step."""
    await session.rows("jobtype.remember", job_type, step, touched)


async def forget(session: Session, job_type: str, step: StepNumber) -> None:
    """Note that the program brings a step no longer."""
    await session.rows("jobtype.forget", job_type, step)


async def touch(session: Session, job_type: str, step: StepNumber) -> None:
    """Note that an administrator has changed or deleted a step."""
    await session.rows("jobtype.touch", job_type, step)


def script_digest(source: str) -> str:
    """Return the key under which a script is kept."""
    return hashlib.sha256(source.encode()).hexdigest()


def _known_task(row: Record) -> KnownTask:
    task = TaskDefinition(
        step=StepNumber(row["step"]),
        description=row["description"],
        executor=row["executor"],
        method=row["method"],
        dependency=Dependency(StepNumber(row["after_step"]), row["after_previous"], row["after_all_previous"]),
        parallel_dependency=Dependency(
            StepNumber(row["beside_step"]), row["beside_previous"], row["beside_all_previous"]
        ),
        critical=row["critical"],
        cleanup=row["cleanup"],
        metadata=row["metadata"],
        script=row["script"],
        plugin=row["plugin"],
        flags=row["flags"],
        extradata=row["extradata"],
    )
    return KnownTask(TaskDefinitionId(row["id"]), row["job_type"], task)


def _document(job_type: str, task: TaskDefinition) -> dict[str, Any]:
    return {
        "job_type": job_type,
        "step": task.step,
        "description": task.description,
        "executor": task.executor,
        "method": task.method,
        "plugin": task.plugin,
        "digest": None if task.script is None else script_digest(task.script),
        "source": task.script,
        "after_step": task.dependency.step,
        "after_previous": task.dependency.previous,
        "after_all_previous": task.dependency.all_previous,
        "beside_step": task.parallel_dependency.step,
        "beside_previous": task.parallel_dependency.previous,
        "beside_all_previous": task.parallel_dependency.all_previous,
        "critical": task.critical,
        "cleanup": task.cleanup,
        "metadata": dict(task.metadata),
        "flags": task.flags,
        "extradata": task.extradata,
    }
