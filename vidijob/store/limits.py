"""The limits of admission in the database, all of one moment. What follows from them is not known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidijob.jobs.model import JobId, Priority
from vidijob.jobs.pools import Pool, Seat
from vidijob.jobs.task_groups import TaskGroup
from vidijob.store import task_groups
from vidijob.store.database import Database
from vidijob.store.slots import Row


@dataclass(frozen=True, slots=True)
class Limits:
    """What is configured, and who sits in the slots."""

    #: ``None`` where no administrator has said so.
    concurrent_jobs: int | None
    #: The highest threshold first.
    pools: Sequence[Pool]
    #: By name.
    groups: list[TaskGroup]
    #: The version of the rules that these groups are of.
    rules: int | None
    #: Whether an administrator has paused all admission.
    paused: bool
    #: All slots.
    seats: Sequence[Seat]
    #: The same, by number: who is in them, and where they lie.
    rows: Mapping[int, Row]


async def read(database: Database) -> Limits:
    """Read the limits in one round trip."""
    row = await database.row("configuration.limits")
    assert row is not None
    return Limits(
        concurrent_jobs=None if row["concurrent_jobs"] is None else int(row["concurrent_jobs"]),
        pools=[Pool(Priority(pool["threshold"]), pool["size"]) for pool in row["pools"]],
        groups=[task_groups.group(plain) for plain in row["task_groups"]],
        rules=row["rules"],
        paused=row["paused"],
        seats=[
            Seat(number, Priority(kept_for), Priority(occupant) if occupant is not None else None)
            for number, _, kept_for, _, occupant in row["seats"]
        ],
        rows={number: Row(tid, None if job is None else JobId(job)) for number, tid, _, job, _ in row["seats"]},
    )
