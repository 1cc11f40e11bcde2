"""The event log in the database, for whoever follows it: each reader with a cursor of its own. Any number may read.

Ids are given before commits: whoever reads on from the last id would miss what a slower transaction enters below it. So a
cursor goes by stretches of transactions that are all over, and inside of one by id: what happens to a job stays in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidijob.errors import Invalid
from vidijob.jobs.model import Event, JobId, StepNumber
from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record

_CURSOR = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19})-([0-9]{1,18}))?")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the event log. As a text it can be kept; it is of no use on another server."""

    #: All events of transactions before this one were read.
    tx: str
    #: The stretch that was begun: to before this transaction, up to this id.
    until_tx: str | None = None
    after: int = 0

    def __str__(self) -> str:
        return self.tx if self.until_tx is None else f"{self.tx}-{self.until_tx}-{self.after}"


def cursor(text: str) -> Cursor:
    """Read what ``str`` has written; raises ``Invalid`` for anything else."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Invalid("cursor", "This is no cursor that was answered here.", value=text[:100])
    return Cursor(match[1], match[2], int(match[3] or 0))


async def history(source: Database | Session, job: JobId, most: int | None = None) -> list[Event]:
    """Return what happened to a job, in order: all of it, or the last ``most``."""
    return [from_row(row) for row in reversed(await source.rows("event.of_job", job, most))]


async def now(database: Database) -> Cursor:
    """Return the place behind all that has happened."""
    return Cursor(str(await database.value("event.horizon")))


async def front(database: Database) -> tuple[str, bool]:
    """Return the transaction before which nothing will still appear, and whether something can be seen beyond it, which is to be
    read soon.
    """
    (row,) = await database.rows("event.front")
    return row["tx"], row["more"]


async def since(
    database: Database, place: Cursor, job: JobId | None, limit: int, horizon: str | None = None
) -> tuple[list[Event], Cursor]:
    """Return what comes next, of one job or of all, and the place behind it; nothing: there is no more by now.

    ``horizon`` is a transaction, not before the place, that was seen as such: nothing from it on is read.
    """
    until = place.until_tx or horizon or str(await database.value("event.horizon"))
    found = [from_row(row) for row in await database.rows("event.stretch", place.tx, until, place.after, job, limit)]
    if len(found) < limit:
        return found, Cursor(until)
    return found, Cursor(place.tx, until, found[-1].id)


def from_row(row: Record) -> Event:
    """Return the event that a row tells of."""
    return Event(
        id=row["id"],
        at=row["at"],
        job=JobId(row["job_id"]),
        step=None if row["step"] is None else StepNumber(row["step"]),
        old=row["old_state"],
        new=row["new_state"],
        actor=row["actor"],
        remark=row["remark"],
    )
