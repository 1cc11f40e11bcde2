"""External ids: names that others gave to jobs and notifications, and that stand for their ids wherever these are
written. It knows no document and no HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vidijob.errors import Conflict, Invalid, NotFound
from vidijob.jobs.identity import job_name, parse_job
from vidijob.jobs.model import JobId
from vidijob.jobs.notifications import NotificationId, parse_notification
from vidijob.store import external_ids
from vidijob.store.database import Database
from vidijob.store.external_ids import Kind

_LONGEST = 255
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: What looks like the id of something here is taken for one.
_SITE_ID = re.compile(r"([A-Za-z_]+-)?[A-Za-z_][A-Za-z0-9_]*-[0-9]{1,32}")
#: What stands in paths where a job's id may stand, and would hide a job of that name.
_TAKEN = frozenset({".", "..", "all", "events", "notification", "problem", "search"})


class ExternalIds:
    """The external ids of one site."""

    def __init__(self, database: Database, site: str) -> None:
        self._database = database
        self._site = site

    async def job(self, text: str) -> str:
        """Return a job's id for one of its external ids, and any other text as it is."""
        number = await self._holder("job", text)
        return text if number is None else job_name(self._site, JobId(number))

    async def notification(self, text: str) -> NotificationId:
        """Return the notification that an id or an external id means, which may be gone; raises ``NotFound``."""
        id = parse_notification(self._site, text)
        number = await self._holder("notification", text) if id is None else id
        if number is None:
            raise NotFound("Notification", text)
        return NotificationId(number)

    async def known_job(self, text: str) -> JobId:
        """Return the job of an id; raises ``NotFound`` where there is none."""
        id = parse_job(self._site, text)
        if not await external_ids.job_known(self._database, id):
            raise NotFound("Job", text)
        return id

    async def listing(self, kind: Kind, number: int) -> Sequence[str]:
        """Return the external ids of a job or notification."""
        return await external_ids.listing(self._database, kind, number)

    async def give(self, kind: Kind, number: int, external_id: str) -> None:
        """Give a job or notification an external id, which it may have already.

        Raises ``Invalid``, ``NotFound`` where there is nothing of that number, ``Conflict`` when another has the id.
        """
        if not possible(external_id) or external_id.lower() in _TAKEN:
            raise Invalid(
                "external-id",
                f"An external id has 1 to {_LONGEST} printable characters and does not look like VX-80, nor is it a "
                "word that stands at its place in paths.",
                value=external_id[:_LONGEST],
            )
        holder = await external_ids.give(self._database, kind, number, external_id)
        if holder is None:
            raise NotFound(kind.capitalize(), f"{self._site}-{number}")
        if holder != number:
            raise Conflict("external-id", external_id, f"The external id is that of another {kind} already.")

    async def take(self, kind: Kind, number: int, external_id: str) -> None:
        """Take an external id away; raises ``NotFound`` when it was not there."""
        if not (possible(external_id) and await external_ids.take(self._database, kind, number, external_id)):
            raise NotFound("ExternalIdentifier", external_id)

    async def strip(self, kind: Kind, number: int) -> None:
        """Take all external ids away from a job or notification."""
        await external_ids.strip(self._database, kind, number)

    async def _holder(self, kind: Kind, text: str) -> int | None:
        return await external_ids.holder(self._database, kind, text) if possible(text) else None


def possible(text: str) -> bool:
    """Tell whether something can be an external id."""
    return not _SITE_ID.fullmatch(text) and 0 < len(text) <= _LONGEST and not _UNPRINTABLE.search(text)
