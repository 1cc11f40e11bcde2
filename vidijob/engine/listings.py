"""Lists for other faces: jobs and what is kept besides them, by any condition and in any order. It knows no document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidijob.jobs.model import JobId
from vidijob.store import jobs, listings, origins, watches
from vidijob.store.database import Database
from vidijob.store.listings import JobRow, View, Wanted
from vidijob.store.records import Record

__all__ = ["JobRow", "Listings", "View", "Wanted"]


class Listings:
    """The lists of one server."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def jobs(self, view: View, wanted: Wanted) -> tuple[list[JobRow], int | None]:
        """Return some jobs as a face sees them, and how many there are if they are to be counted; see ``store/listings.py``."""
        return await listings.job_rows(self._database, view, wanted)

    async def records(self, face: str, kind: str, prefix: str, wanted: Wanted) -> tuple[list[Record], int | None]:
        """Return some of the things of a kind, whose ids begin with a prefix, and how many there are, likewise."""
        return await listings.record_rows(self._database, face, kind, prefix, wanted)

    async def amend(self, job: JobId, face: str, document: Mapping[str, Any], number: tuple[int, int] | None) -> bool:
        """Add to what a job was submitted as through a face, and give it another number for its priority, with its weight, unless
        ``None``.

        Tells whether it came through that face.
        """
        return await origins.amend(self._database, job, face, document, number)

    async def subscribe(self, job: JobId, state: str, subscriptions: Sequence[Mapping[str, Any]]) -> bool:
        """Let the states of a job be told from now on, whichever face it came through; ``state`` is where it is, in the words
        of the face that tells. ``False``: it is not there.
        """
        async with self._database.transaction() as session:
            if not await jobs.lock(session, [job]):
                return False
            await origins.subscribe(session, job, subscriptions)
            await watches.begin_later(session, job, state)
        return True
