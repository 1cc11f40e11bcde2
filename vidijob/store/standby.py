"""How far a server has written its log, and how far another that follows it has come. Positions are bytes since its beginning."""

from __future__ import annotations

from vidijob.store.database import Database


async def written(primary: Database) -> int:
    """Return how far the log of a primary is written."""
    position: int = await primary.value("standby.written")
    return position


async def replayed(copy: Database) -> int | None:
    """Return how far a standby has come; ``None`` for a server that is none."""
    position: int | None = await copy.value("standby.replayed")
    return position
