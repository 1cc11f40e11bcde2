"""How many jobs there are of each kind: keeps the counts small to read. Those who change jobs write the changes, in
``jobs.py`` and its neighbours; whoever searches reads both (``search.py``).
"""

from __future__ import annotations

from vidijob.store.database import Database


async def fold(database: Database, limit: int) -> int:
    """Add at most so many changes to the counts; returns how many there were."""
    return int(await database.value("count.fold", limit))


async def prune(database: Database) -> int:
    """Take out the counts of kinds that have no jobs any more; returns how many."""
    return len(await database.rows("count.prune"))
