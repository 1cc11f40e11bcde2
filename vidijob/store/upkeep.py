"""Keeps the tables small that only jobs under way are in."""

from __future__ import annotations

from vidijob.store.database import Database


async def is_worn(database: Database, dead: int) -> bool:
    """Tell whether so many rows at least are gone from them without having left room."""
    return bool(await database.value("upkeep.worn", dead))


async def sweep(database: Database) -> None:
    """Make room of them."""
    await database.rows("upkeep.sweep")
