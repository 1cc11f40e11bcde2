"""What the benchmarks do to a database beside what the program does anyway: rows by COPY, a second database, questions that
are asked the long way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vidijob.store.database import Database, Session, translated


async def copy(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Add rows to a table, many at once."""
    with translated():
        await session._connection.copy_records_to_table(table, columns=columns, records=rows)


async def next_ids(session: Session, number: int) -> list[int]:
    """Return ids for new jobs, which nobody else gets."""
    return [row["id"] for row in await session.rows("bench.next_ids", number)]


async def tidy(database: Database) -> None:
    """Let every table be as it is some time after much was written to it."""
    await database.rows("bench.tidy")


async def is_empty(database: Database) -> bool:
    """Tell whether there are no jobs."""
    return await database.row("bench.last") is None


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
