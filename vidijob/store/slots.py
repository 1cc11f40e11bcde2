"""Slots in the database: one row for each job that may run at once. Who gets one is not decided here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from vidijob.jobs.model import Priority
from vidijob.jobs.policy import Slot
from vidijob.store.database import Database


async def arrange(
    database: Database, holder: UUID, term: int, kept_for: Mapping[int, Priority], removed: Collection[int]
) -> None:
    """Make slots and say for whom they are kept, and take out those that are free, if the caller still leads."""
    numbers = list(kept_for)
    priorities = [kept_for[number].value for number in numbers]
    await database.rows("slot.arrange", holder, term, numbers, priorities, list(removed))


async def free(database: Database) -> list[Slot]:
    """Return the slots that a job may be put in."""
    return [Slot(row["number"], Priority(row["least_priority"])) for row in await database.rows("slot.free")]


async def places(database: Database) -> dict[str, set[int]]:
    """Return the places of each task group that are taken."""
    return {row["task_group"]: set(row["places"]) for row in await database.rows("slot.places")}
