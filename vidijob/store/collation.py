"""In which order a database sorts text."""

from __future__ import annotations

from vidijob.store.database import Database


async def is_by_code_point(database: Database) -> bool:
    """Tell whether text is sorted by its code points, so that another program can go on where this database stopped."""
    return bool(await database.value("collation.by_code_point"))
