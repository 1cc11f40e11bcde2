"""What may be done with notifications: defined, read, changed, forgotten; and with what became of them, the delivery log.
It knows no document and no HTTP. Nothing here delivers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from vidijob.access import User
from vidijob.engine.bell import Bell
from vidijob.engine.external_ids import ExternalIds
from vidijob.errors import Invalid, NotFound, TransitionRefused
from vidijob.jobs.deliveries import Delivery, DeliveryState, call, lane
from vidijob.jobs.notifications import (
    Definition,
    Notification,
    NotificationId,
    Place,
    Scope,
)
from vidijob.store import deliveries, notifications
from vidijob.store.database import Database
from vidijob.store.notifications import Standing


class Notifications:
    """The notifications of one site."""

    def __init__(self, database: Database, bell: Bell, external: ExternalIds, site: str) -> None:
        self._database = database
        self._bell = bell
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

    async def standing(self, number: int) -> list[Standing]:
        """Return at most so many notifications, wherever they were defined, the newest first, and how their deliveries go."""
        return await notifications.standing(self._database, number)

    async def known(self, text: str) -> Notification:
        """Return one notification by its id or an external one, wherever it was defined; raises ``NotFound``."""
        found = await notifications.get(self._database, await self._external.notification(text))
        if found is None:
            raise NotFound("Notification", text)
        return found

    async def get(self, place: Place, text: str) -> Notification:
        """Return one notification of a place, by its id or an external one; raises ``NotFound``."""
        found = await notifications.get(self._database, await self._external.notification(text))
        if found is None or found.place != place:
            raise NotFound("Notification", text)
        return found

    async def change(self, place: Place, text: str, definition: Definition) -> None:
        """Give a notification another definition; raises ``NotFound``.

        What is not delivered yet goes where it says now; what is told stays as it was.
        """
        id = await self._external.notification(text)
        async with self._database.transaction() as session:
            form = await notifications.replace(session, place, id, definition)
            if form is None:
                raise NotFound("Notification", text)
            action = replace(definition.action, form=form)
            # A statement of its own, which sees what was put in while the first one waited.
            await deliveries.redirect(session, id, lane(id, action), call(action))
        self._bell.ring("vidijob_delivery")

    async def forget(self, place: Place, text: str) -> None:
        """Forget one notification and what is not delivered yet; raises ``NotFound``."""
        id = await self._external.notification(text)
        async with self._database.transaction() as session:
            if not await notifications.delete(session, place, id):
                raise NotFound("Notification", text)
            await deliveries.drop(session, [id])

    async def forget_all(self, place: Place) -> None:
        """Forget all notifications of a place and what is not delivered yet."""
        async with self._database.transaction() as session:
            await deliveries.drop(session, await notifications.clear(session, place))

    async def deliveries(
        self, place: Place, text: str, states: Collection[DeliveryState] | None, number: int
    ) -> list[Delivery]:
        """Return the last deliveries of a notification, the newest first; raises ``NotFound``."""
        found = await self.get(place, text)
        return await deliveries.listing(self._database, found.id, states, number)

    async def resend(self, place: Place, text: str, key: str) -> None:
        """Let a delivery that was given up be tried again, where the notification now says.

        Raises ``NotFound``, and ``TransitionRefused`` for one that was not given up.
        """
        id = (await self.get(place, text)).id
        delivery = _key(key)
        async with self._database.transaction() as session:
            found = await notifications.hold(session, id)
            if found is None:
                raise NotFound("Notification", text)
            action = found.definition.action
            if not await deliveries.resend(session, id, delivery, lane(id, action), call(action)):
                state = await deliveries.state(session, id, delivery)
                if state is None:
                    raise NotFound("Delivery", key)
                raise TransitionRefused(
                    "delivery", key, f"The delivery {key} is {state.value}: only one that failed can be tried again."
                )
        self._bell.ring("vidijob_delivery")

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


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("Delivery", text) from None
