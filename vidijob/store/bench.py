"""What the benchmarks do to a database beside what the program does anyway: rows by COPY, a second database, questions that
are asked the long way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from vidijob.jobs.model import JobId
from vidijob.store.database import Database, Session
from vidijob.store.queries import query
from vidijob.store.translation import translated


async def copy(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Add rows to a table, many at once."""
    with translated():
        await session._connection.copy_records_to_table(table, columns=columns, records=rows)


async def next_ids(session: Session, number: int) -> list[int]:
    """Return ids for new jobs, which nobody else gets."""
    return [row["id"] for row in await session.rows("bench.next_ids", number)]


async def next_attempts(session: Session, number: int) -> list[int]:
    """Return numbers for attempts, which no other attempt gets."""
    return [row["attempt"] for row in await session.rows("bench.next_attempts", number)]


async def tidy(database: Database) -> None:
    """Let every table be as it is some time after much was written to it."""
    await database.rows("bench.tidy")


async def is_empty(database: Database) -> bool:
    """Tell whether there are no jobs."""
    return await database.row("bench.last") is None


async def newest(database: Database, number: int) -> list[JobId]:
    """Return the ids of the jobs that were submitted last."""
    return [JobId(row["id"]) for row in await database.rows("bench.newest", number)]


async def server(database: Database) -> str:
    """Return which Postgres it is."""
    return str(await database.value("bench.server"))


async def group(session: Session) -> list[tuple[str, str, str, int]]:
    """Count the jobs of each type, state and owner by looking at every job."""
    return [(row["type"], row["state"], row["owner"], row["jobs"]) for row in await session.rows("bench.group")]


async def make_second(database: Database) -> Database:
    """Make an empty database on the same server, or make it anew; returns a pool on it, not opened yet."""
    await drop_second(database)
    await database.rows("bench.make_second")
    return database.neighbour("vidijob_bench_second")


async def drop_second(database: Database) -> None:
    """Take the second database out."""
    await database.rows("bench.drop_second")


async def clear(database: Database) -> None:
    """Take out all jobs, and let every table be as it is some time after."""
    await database.rows("bench.clear")
    await tidy(database)


async def clear_pgqueuer(database: Database) -> None:
    """Do the same to the jobs of PgQueuer."""
    await database.rows("bench.clear_pgqueuer")
    await tidy(database)


async def clear_procrastinate(database: Database) -> None:
    """Do the same to the jobs of Procrastinate."""
    await database.rows("bench.clear_procrastinate")
    await tidy(database)


async def open_jobs(database: Database) -> int:
    """Count the jobs that have not ended."""
    return int(await database.value("bench.open"))


async def live_size(database: Database) -> int:
    """Return how many bytes the tables have that only jobs under way are in, with their indexes."""
    return int(await database.value("bench.live_size"))


async def written(database: Database) -> int:
    """Return how many bytes were ever written to the write-ahead log of the server."""
    return int(await database.value("bench.written"))


async def bare_connection(database: Database) -> Any:
    """Return a connection of ``asyncpg`` on which nothing is set, for another program; to be closed."""
    with translated():
        return await asyncpg.connect(database.url)


@asynccontextmanager
async def long_snapshot(database: Database) -> AsyncIterator[None]:
    """Hold a snapshot for as long as it takes, as a copy of the database that is being written does."""
    connection = await bare_connection(database)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.fetchval(query("bench.open").sql)
            yield
    finally:
        await connection.close()


async def grown(database: Database) -> int:
    """Return how many bytes a database has on the disk."""
    return int(await database.value("bench.grown"))


async def commits(database: Database) -> int:
    """Return how many transactions were committed in a database, up to a second ago."""
    return int(await database.value("bench.commits"))


async def backends(database: Database) -> list[int]:
    """Return the ids of the server's processes on its machine."""
    return [row["pid"] for row in await database.rows("bench.backends")]
