"""Names that others gave to jobs and notifications, in the database."""

from __future__ import annotations

from typing import Literal

from vidijob.store.database import Database

#: What can have such a name; also the middle of the names of the queries.
Kind = Literal["job", "notification"]


async def holder(database: Database, kind: Kind, external_id: str) -> int | None:
    """Return the number of what has a name, or ``None``."""
    number: int | None = await database.value(_BY_NAME[kind], external_id)
    return number


async def job_known(database: Database, job: int) -> bool:
    """Tell whether there is such a job."""
    return await database.value("external_id.job_known", job) is not None


async def listing(database: Database, kind: Kind, number: int) -> list[str]:
    """Return the names of one job or notification."""
    return [row["external_id"] for row in await database.rows(_LIST[kind], number)]


async def give(database: Database, kind: Kind, number: int, external_id: str) -> int | None:
    """Give a name; returns the number of what has it then, or ``None`` where there is nothing to name."""
    holder: int | None = await database.value(_GIVE[kind], number, external_id)
    return holder


async def take(database: Database, kind: Kind, number: int, external_id: str) -> bool:
    """Take a name away; tells whether it was there."""
    return await database.value(_TAKE[kind], number, external_id) is not None


async def strip(database: Database, kind: Kind, number: int) -> None:
    """Take all names away from one job or notification."""
    await database.rows(_STRIP[kind], number)


_BY_NAME = {"job": "external_id.job", "notification": "external_id.notification"}
_LIST = {"job": "external_id.of_job", "notification": "external_id.of_notification"}
_GIVE = {"job": "external_id.give_job", "notification": "external_id.give_notification"}
_TAKE = {"job": "external_id.take_job", "notification": "external_id.take_notification"}
_STRIP = {"job": "external_id.strip_job", "notification": "external_id.strip_notification"}
