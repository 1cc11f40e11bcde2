"""Slots in the database: one row for each job that may run at once. Who gets one is not decided here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from vidijob.jobs.model import JobId, Priority
from vidijob.store.database import Database


@dataclass(slots=True)
class Row:
    """A slot as it was last seen."""

    #: Where it lies, in the words of Postgres. Another one lies there, or nothing, once it was changed.
    tid: str
    #: Who is in it.
    job: JobId | None


@dataclass(frozen=True, slots=True)
class Left:
    """What has become of jobs that were in slots."""

    #: Their slots are free.
    ended: frozenset[JobId]
    #: They wait, or need no slot any more: their slots were changed.
    others: frozenset[JobId]


async def arrange(
    database: Database, holder: UUID, term: int, kept_for: Mapping[int, Priority], removed: Collection[int]
) -> dict[int, str]:
    """Make slots and say for whom they are kept, and take out those that are free, if the caller still leads; returns where
    the changed ones lie now.
    """
    numbers = list(kept_for)
    priorities = [kept_for[number].value for number in numbers]
    rows = await database.rows("slot.arrange", holder, term, numbers, priorities, list(removed))
    return {row["number"]: row["tid"] for row in rows}


async def left(database: Database, jobs: Collection[JobId]) -> Left:
    """Return which of some jobs are not in the slots any more that they were given."""
    rows = await database.rows("slot.left", list(jobs))
    ended = frozenset(JobId(row["id"]) for row in rows if row["ended"])
    return Left(ended, frozenset(JobId(row["id"]) for row in rows) - ended)


async def places(database: Database) -> dict[str, set[int]]:
    """Return the places of each task group that are taken."""
    return {row["task_group"]: set(row["places"]) for row in await database.rows("slot.places")}


async def vacate(database: Database, holder: UUID, term: int) -> tuple[dict[str, set[int]], dict[int, str]]:
    """Clear the places of task groups that nobody has any more, if the caller still leads; returns those of each group that are
    taken, and where the changed slots lie now.
    """
    taken: dict[str, set[int]] = {}
    moved: dict[int, str] = {}
    for row in await database.rows("slot.vacate", holder, term):
        if row["tid"] is not None:
            moved[row["number"]] = row["tid"]
        else:
            taken.setdefault(row["task_group"], set()).add(row["group_place"])
    return taken, moved
