"""Task groups: defined by administrators, honoured by the scheduler within two seconds. It knows no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vidijob.engine.bell import Bell
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.task_groups import TaskGroup
from vidijob.store import task_groups as store
from vidijob.store.database import Database

_LONGEST_NAME = 255
_MOST_CONDITIONS = 1000
_LARGEST = 10_000


class TaskGroups:
    """The task groups of this server."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def listing(self) -> list[TaskGroup]:
        """Return all, by name."""
        return await store.listing(self._database)

    async def one(self, name: str) -> TaskGroup:
        """Return one; raises ``NotFound``."""
        found = await store.listing(self._database, [name])
        if not found:
            raise NotFound("TaskGroup", name)
        return found[0]

    async def put(self, group: TaskGroup) -> None:
        """Make a group, or give one another definition; raises ``Invalid``."""
        _check(group)
        await store.put(self._database, group)
        self._bell.ring("vidijob_job")

    async def pause(self, name: str, paused: bool) -> None:
        """Let a group admit no more jobs, or let it go on; what runs goes on. When this returns, none of its jobs starts in
        spite of it. Raises ``NotFound``.
        """
        if not await store.pause(self._database, name, paused):
            raise NotFound("TaskGroup", name)
        self._bell.ring("vidijob_job")

    async def delete(self, name: str) -> None:
        """Take a group out; its jobs are no longer limited by it. Raises ``NotFound``."""
        if not await store.delete(self._database, name):
            raise NotFound("TaskGroup", name)
        self._bell.ring("vidijob_job")

    async def delete_all(self) -> None:
        """Take all groups out."""
        await store.delete_all(self._database)
        self._bell.ring("vidijob_job")

    async def set_metadata(
        self, name: str, metadata: Mapping[str, Sequence[str] | None], *, replace_all: bool = False
    ) -> None:
        """Give keys values, or take those out whose value is ``None``; raises ``NotFound``."""
        async with self._database.transaction() as session:
            if not await store.lock(session, name):
                raise NotFound("TaskGroup", name)
            (group,) = await store.listing(session, [name])
            kept: dict[str, Sequence[str]] = {} if replace_all else dict(group.metadata)
            for key, values in metadata.items():
                if values is not None:
                    kept[key] = values
                elif kept.pop(key, None) is None:
                    raise NotFound("Metadata", key)
            changed = replace(group, metadata=kept)
            _check(changed)
            # By this nobody is kept back: jobs are admitted meanwhile.
            await store.set_metadata(session, name, changed.metadata)


def _check(group: TaskGroup) -> None:
    if not 1 <= len(group.name) <= _LONGEST_NAME or not group.name.isprintable():
        raise Invalid("name", f"The name of a task group is 1 to {_LONGEST_NAME} characters.", value=group.name[:100])
    limit = group.max_concurrency
    if limit is not None and not 0 <= limit <= _LARGEST:
        raise Invalid("maxConcurrency", f"It is a whole number from 0 to {_LARGEST}.", value=str(limit))
    conditions = sum(
        len(one.types) + len(one.priorities) + len(one.users) + len(one.groups) + len(one.data) for one in group.filters
    )
    if conditions + len(group.filters) > _MOST_CONDITIONS or len(group.metadata) > _MOST_CONDITIONS:
        raise Invalid("job", f"A task group has at most {_MOST_CONDITIONS} conditions, and as many keys.")
    for key, values in group.metadata.items():
        if not key or any("\x00" in text for text in (key, *values)):
            raise Invalid("metadata", "A key is not empty, and no value holds the character NUL.", value=key[:100])
