"""Task groups in the database: rows ⇄ model. Which group a job is of is not decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidijob.jobs.model import JobId, Priority
from vidijob.jobs.task_groups import Candidate, JobFilter, TaskGroup
from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record


async def listing(source: Database | Session, names: Sequence[str] | None = None) -> list[TaskGroup]:
    """Read task groups, by name."""
    return [group(row) for row in await source.rows("task_group.list", None if names is None else list(names))]


async def lock(session: Session, name: str) -> bool:
    """Lock a task group for a change; tells whether there is one."""
    return await session.value("task_group.lock", name) is not None


async def put(source: Database | Session, group: TaskGroup) -> None:
    """Make a task group, or give one another definition."""
    await source.rows(
        "task_group.put",
        group.name,
        group.priority.value if group.priority is not None else None,
        group.max_concurrency,
        [
            {
                "type": one.types,
                "priority": [priority.value for priority in one.priorities],
                "user": one.users,
                "group": one.groups,
                "data": one.data,
            }
            for one in group.filters
        ],
        list(group.transcoders),
        {key: list(values) for key, values in group.metadata.items()},
        group.paused,
    )


async def set_metadata(session: Session, name: str, metadata: Mapping[str, Sequence[str]]) -> None:
    """Give a task group other metadata."""
    await session.rows("task_group.set_metadata", name, {key: list(values) for key, values in metadata.items()})


async def pause(database: Database, name: str, paused: bool) -> bool:
    """Let a task group admit no more jobs, or let it go on; tells whether there is one."""
    return await database.value("task_group.pause", name, paused) is not None


async def delete(database: Database, name: str) -> bool:
    """Take a task group out; tells whether there was one."""
    return await database.value("task_group.delete", name) is not None


async def delete_all(database: Database) -> None:
    """Take all task groups out."""
    await database.rows("task_group.delete_all")


async def weight(database: Database, job: JobId) -> int | None:
    """Return where a job is among those of its priority; ``None``: it is not queued."""
    found: int | None = await database.value("task_group.weight", job)
    return found


#: Before the first of the jobs of one priority.
FIRST = (2**31 - 1, JobId(0))


async def candidates(
    database: Database, priority: Priority, after: tuple[int, JobId], limit: int, data_keys: Sequence[str]
) -> list[Candidate]:
    """Return queued jobs of one priority, by weight and age, behind a weight and a job; of their data only these keys."""
    return [
        Candidate(
            job=JobId(row["job_id"]),
            priority=Priority(row["priority"]),
            waited=row["waited"],
            type=row["type"],
            owner=row["owner"],
            groups=frozenset(row["groups"]),
            data=row["data"],
            weight=row["weight"],
        )
        for row in await database.rows("task_group.candidates", priority.value, *after, limit, list(data_keys))
    ]


def group(row: Record | Mapping[str, Any]) -> TaskGroup:
    """Return the task group that a row, or a document of its columns, tells of."""
    return TaskGroup(
        name=row["name"],
        priority=Priority(row["priority"]) if row["priority"] is not None else None,
        max_concurrency=row["max_concurrency"],
        filters=tuple(_filter(one) for one in row["filters"]),
        transcoders=tuple(row["transcoders"]),
        metadata=row["metadata"],
        paused=row["paused"],
    )


def _filter(plain: dict[str, Any]) -> JobFilter:
    return JobFilter(
        types=tuple(plain["type"]),
        priorities=tuple(Priority(name) for name in plain["priority"]),
        users=tuple(plain["user"]),
        groups=tuple(plain["group"]),
        data=tuple((key, value) for key, value in plain["data"]),
    )
