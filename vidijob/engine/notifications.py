"""What may be done with notifications: defined, read, changed, forgotten. It knows no document and no HTTP.

Whoever delivers reads the same table; nothing here delivers.
"""

from __future__ import annotations

from vidijob.access import User
from vidijob.engine.external_ids import ExternalIds
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.notifications import (
    Definition,
    Notification,
    NotificationId,
    Place,
    Scope,
)
from vidijob.store import notifications
from vidijob.store.database import Database


class Notifications:
    """The notifications of one site."""

    def __init__(self, database: Database, external: ExternalIds, site: str) -> None:
        self._database = database
        self._external = external
        self._site = site

    async def place(self, scope: Scope, job: str | None = None) -> Place:
        """Return where notifications of a scope are defined; raises ``NotFound`` for a job that is not there."""
        if job is None:
            return Place(scope)
        return Place(scope, await self._external.known_job(job))

    async def define(self, user: User, place: Place, definition: Definition, base_uri: str) -> NotificationId:
        """Keep a notification, about what happens from now on; ``base_uri`` is how the user reached this server."""
        id = await notifications.add(self._database, place, user.name, base_uri, definition)
        if id is None:
            raise NotFound("Job", f"{self._site}-{place.job}")
        return id

    async def listing(self, place: Place) -> list[NotificationId]:
        """Return the notifications of a place, oldest first."""
        return await notifications.ids(self._database, place)

    async def get(self, place: Place, text: str) -> Notification:
        """Return one notification of a place, by its id or an external one; raises ``NotFound``."""
        found = await notifications.get(self._database, await self._external.notification(text))
        if found is None or found.place != place:
            raise NotFound("Notification", text)
        return found

    async def change(self, place: Place, text: str, definition: Definition) -> None:
        """Give a notification another definition; raises ``NotFound``."""
        id = await self._external.notification(text)
        if not await notifications.replace(self._database, place, id, definition):
            raise NotFound("Notification", text)

    async def forget(self, place: Place, text: str) -> None:
        """Forget one notification; raises ``NotFound``."""
        if not await notifications.delete(self._database, place, await self._external.notification(text)):
            raise NotFound("Notification", text)

    async def forget_all(self, place: Place) -> None:
        """Forget all notifications of a place."""
        await notifications.clear(self._database, place)

    async def named(self, text: str) -> NotificationId:
        """Return the notification that a job names when it is submitted; ``text`` is its id, an external one, or its URL.

        Raises ``NotFound``, and ``Invalid`` for one that jobs cannot name.
        """
        name = text.rstrip("/").rpartition("/")[2]
        found = await notifications.get(self._database, await self._external.notification(name))
        if found is None:
            raise NotFound("Notification", name)
        if not found.must_be_named:
            raise Invalid(
                "notification",
                f"The notification {name} is no placeholder, one that jobs name: those are defined at /notification.",
                value=name,
            )
        return found.id
