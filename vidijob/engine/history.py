"""What happened to jobs and their steps, read off the event log: of one job at once, or on and on by cursor. It knows no
HTTP.
"""

from __future__ import annotations

from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import Event
from vidijob.store import events
from vidijob.store.database import Database

_PAGE = 500


class History:
    """The event log of one site, for readers."""

    def __init__(self, database: Database, site: str) -> None:
        self._database = database
        self._site = site

    async def of(self, text: str) -> list[Event]:
        """Return all that happened to a job, in order; nothing for one that is not there."""
        return await events.history(self._database, parse_job(self._site, text))

    async def now(self) -> str:
        """Return the cursor to begin with: behind all that has happened."""
        return str(await events.now(self._database))

    async def since(self, cursor: str, text: str | None = None, limit: int = _PAGE) -> tuple[list[Event], str]:
        """Return what comes after a cursor, of one job or of all, in order and without a gap, and the next cursor.

        With fewer than ``limit`` there is no more by now; the next look is worth it when ``vidijob_job`` or ``vidijob_step``
        rings. Raises ``Invalid`` for what is no cursor.
        """
        job = None if text is None else parse_job(self._site, text)
        found, after = await events.since(self._database, events.cursor(cursor), job, limit)
        return found, str(after)
