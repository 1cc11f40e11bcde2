"""Reads the event log and enters into the outbox what is to be told, for each event once and in the order of events.
Any number of notifiers may run; one reads at a time. It knows neither documents nor how receivers are called.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from vidijob.engine.bell import Bell
from vidijob.engine.follower import Follower
from vidijob.jobs.deliveries import Post, call, lane
from vidijob.jobs.model import Job
from vidijob.jobs.notifications import Change, Notification, NotificationRequest, matches
from vidijob.store import deliveries
from vidijob.store.database import Database
from vidijob.store.deliveries import Happened

_log = logging.getLogger(__name__)

#: Events looked at in one transaction.
_PAGE = 200
_SKIP = 30.0
#: Between two times that deliveries are forgotten, where more are due and where not.
_SOON, _FORGET = 0.02, 60.0
#: How long deliveries stay in the log.
KEPT_DELIVERED = timedelta(days=7)
KEPT_FAILED = timedelta(days=30)
_FORGOTTEN_AT_ONCE = 1000
_SETTLED_AT_ONCE = 10_000


class Compose(Protocol):
    """Makes what is told of a change of a job: pairs of key and value."""

    def __call__(
        self, notification: Notification, change: Change, job: Job, request: NotificationRequest, sequence: int, /
    ) -> Sequence[tuple[str, str]]:
        """Return the pairs, in their order; ``sequence`` grows from event to event."""
        ...


class Notifier(Follower):
    """Looks at what happened, whenever something did."""

    def __init__(self, database: Database, bell: Bell, compose: Compose) -> None:
        super().__init__("notifier", bell)
        self._database = database
        self._compose = compose
        self._skip_at = 0.0
        self._forget_at = 0.0

    async def look(self, now: float) -> float:
        """Enter all that is to be told into the outbox; returns the seconds until it is worth another look unasked."""
        if now >= self._forget_at:
            await self._forget(now)
        news = await deliveries.news(self._database)
        if news.moved:
            _log.warning("the database came from another server; its event log is made readable here")
            await deliveries.settle_in(self._database, _SETTLED_AT_ONCE)
            return 0
        if news.events and news.wanted:
            while await self._page():
                pass
        elif news.events and now >= self._skip_at:
            await deliveries.skip(self._database)
            self._skip_at = now + _SKIP
        return self.unasked

    async def _page(self) -> bool:
        """Look at some events; tells whether there may be more."""
        async with self._database.transaction() as session:
            if not await deliveries.hold(session):
                return False
            stretch = await deliveries.advance(session)
            if stretch is None:
                return False
            happened = await deliveries.events(session, stretch, _PAGE)
            concerned = await deliveries.concerned(
                session,
                {one.job.id for one in happened if one.job is not None},
                {one.request.notification for one in happened if one.request.notification is not None},
            )
            posts = [post for one in happened for post in self._posts(one, concerned)]
            if posts:
                await deliveries.post(session, posts)
            after = happened[-1].event if happened else stretch.after
            await deliveries.looked(session, after, done=len(happened) < _PAGE)
        if posts:
            self._bell.ring("vidijob_delivery")
        return True

    def _posts(self, one: Happened, notifications: Sequence[Notification]) -> list[Post]:
        job = one.job
        if job is None:
            return []
        posts = []
        for notification in notifications:
            try:
                if one.at > notification.created and matches(notification, one.change, job, one.request):
                    posts.append(self._post(notification, one, job))
            except Exception:
                # Everybody else is to be told, and of what comes after.
                _log.exception("event %d, notification %d: a bug; it is not told", one.event, notification.id)
        return posts

    def _post(self, notification: Notification, one: Happened, job: Job) -> Post:
        action = notification.definition.action
        return Post(
            notification=notification.id,
            event=one.event,
            job=job.id,
            trigger=notification.definition.trigger,
            lane=lane(notification.id, action),
            call=call(action),
            fields=tuple(self._compose(notification, one.change, job, one.request, one.event)),
        )

    async def _forget(self, now: float) -> None:
        forgotten = await deliveries.forget(self._database, KEPT_DELIVERED, KEPT_FAILED, _FORGOTTEN_AT_ONCE)
        self._forget_at = now + (_SOON if forgotten == _FORGOTTEN_AT_ONCE else _FORGET)
