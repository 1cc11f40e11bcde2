"""Rows by COPY, many at once, for whoever has them by the million. It does not know what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vidijob.store.database import Session, translated


async def copy(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Add rows to a table."""
    with translated():
        await session._connection.copy_records_to_table(table, columns=columns, records=rows)
