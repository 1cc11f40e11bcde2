"""The least that chains of steps can be in Postgres, to compare with what the program does; in tables of its own."""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.store import bench
from vidijob.store.database import Database

#: A step that runs: its job, its number, and the claim that holds the job.
Running = tuple[int, int, int]


async def make(database: Database) -> None:
    """Make the tables."""
    await database.rows("ceiling.make_jobs")
    await database.rows("ceiling.make_order")
    await database.rows("ceiling.make_steps")


async def put(database: Database, number: int, steps: int) -> None:
    """Let there be so many jobs of so many steps, and no others."""
    await database.rows("ceiling.clear")
    await database.rows("ceiling.put_jobs", number, steps)
    await database.rows("ceiling.put_steps", number, steps)
    await bench.tidy(database)


async def claim(database: Database, limit: int) -> list[Running]:
    """Start some jobs; returns their first steps."""
    return [(row["job_id"], row["number"], row["claim"]) for row in await database.rows("ceiling.claim", limit)]


async def advance(database: Database, running: Sequence[Running]) -> list[Running]:
    """End steps; returns those that start by it."""
    rows = await database.rows("ceiling.advance", *(list(column) for column in zip(*running, strict=True)))
    return [(row["job_id"], row["number"], row["claim"]) for row in rows]


async def open_jobs(database: Database) -> int:
    """Count the jobs that have not ended."""
    return int(await database.value("ceiling.open"))
