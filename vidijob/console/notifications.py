"""Who is told of what happens: the notifications, how their deliveries go, and a test of a receiver."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from vidijob.console import words
from vidijob.console.visit import Entry, Room, View, Visit
from vidijob.engine.trials import Outcome
from vidijob.errors import Invalid, RoleMissing
from vidijob.jobs.deliveries import DeliveryState
from vidijob.jobs.notifications import (
    Definition,
    EventFilter,
    HttpAction,
    Notification,
    Place,
    Scope,
    Trigger,
    check_url,
)
from vidijob.web import addresses
from vidijob.web.routing import Route

_ROLES = {
    Scope.JOBS: ("_job_notification_read", "_job_notification_write"),
    Scope.JOB: ("_job_notification_read", "_job_notification_write"),
    Scope.PLACEHOLDER: ("_placeholder_notification_read", "_placeholder_notification_write"),
}
_READ = frozenset(read for read, _ in _ROLES.values())
_WRITE = frozenset(write for _, write in _ROLES.values())
_MOST = 500
_DELIVERIES = 100
#: What a new notification may be sent as.
FORMS = {"application/json": "JSON", "application/xml": "XML", "text/plain": "Text"}


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial, as a page shows it."""

    outcome: Outcome

    @property
    def words(self) -> str:
        """What became of it."""
        reply = self.outcome.reply
        if reply.received:
            return f"The receiver has taken it: it answered {reply.status}."
        return reply.error or f"The answer was {reply.status}."


async def listing(visit: Visit) -> web.StreamResponse:
    """Show every notification that the visitor may read."""
    found = [one for one in await visit.services.notifications.standing(_MOST) if _may(visit, one.notification, 0)]
    return visit.page(
        "notifications.html", standings=found, hidden=words.hidden, triggers=list(Trigger), forms=FORMS, most=_MOST
    )


async def show(visit: Visit) -> web.StreamResponse:
    """Show one, with its delivery log."""
    return await _one(visit, await _known(visit, 0))


async def define(visit: Visit) -> web.StreamResponse:
    """Define one about all jobs."""
    form = await visit.form()
    if form.text("form") not in FORMS:
        raise Invalid("form", f"It is one of {', '.join(FORMS)}.", value=form.text("form"))
    trigger = form.choice("trigger", Trigger) or Trigger.STOP
    action = HttpAction(url=check_url(form.text("url") or ""), content_type=form.text("form"))
    only = EventFilter(types=tuple(form.list("types") or ()))
    base = addresses.base(visit.request)
    await visit.services.notifications.define(
        visit.user, Place(Scope.JOBS), Definition(action, trigger, filter=only), f"{base}/API/"
    )
    return visit.go("/notifications", did="notified")


async def test(visit: Visit) -> web.StreamResponse:
    """Call the receiver now, and show what it answers."""
    notification = await _known(visit, 1)
    outcome = await visit.services.trials.call(visit.user, notification)
    return await _one(visit, notification, Tried(outcome))


async def forget(visit: Visit) -> web.StreamResponse:
    """Forget one."""
    notification = await _known(visit, 1)
    await visit.services.notifications.forget(notification.place, visit.path["id"])
    return visit.go("/notifications", did="forgotten")


async def resend(visit: Visit) -> web.StreamResponse:
    """Let a delivery that was given up be tried again."""
    notification = await _known(visit, 1)
    await visit.services.notifications.resend(notification.place, visit.path["id"], visit.path["key"])
    return visit.go(f"/notifications/{visit.path['id']}", did="resent")


async def _one(visit: Visit, notification: Notification, tried: Tried | None = None) -> web.StreamResponse:
    state = visit.query.choice("state", DeliveryState)
    id = f"{visit.site}-{notification.id}"
    deliveries = await visit.services.notifications.deliveries(
        notification.place, id, None if state is None else [state], _DELIVERIES
    )
    return visit.page(
        "one_notification.html",
        notification=notification,
        id=id,
        deliveries=deliveries,
        hidden=words.hidden,
        tried=tried,
        state=state,
        states=list(DeliveryState),
        may_change=_may(visit, notification, 1),
        most=_DELIVERIES,
    )


async def _known(visit: Visit, right: int) -> Notification:
    """Return the notification of the path; of which scope it is, decides about the role: 0 to read, 1 to write."""
    notification = await visit.services.notifications.known(visit.path["id"])
    if not _may(visit, notification, right):
        raise RoleMissing(visit.user.name, _ROLES[notification.place.scope][right])
    return notification


def _may(visit: Visit, notification: Notification, right: int) -> bool:
    return visit.may(_ROLES[notification.place.scope][right])


_ROUTES: list[Route[View]] = [
    Route("GET", "/notifications", listing, _READ),
    Route("POST", "/notifications", define, "_job_notification_write"),
    Route("GET", "/notifications/{id}", show, _READ),
    Route("POST", "/notifications/{id}/test", test, _WRITE),
    Route("POST", "/notifications/{id}/forget", forget, _WRITE),
    Route("POST", "/notifications/{id}/deliveries/{key}/resend", resend, _WRITE),
]
ROOM = Room(_ROUTES, Entry("Notifications", "/notifications", "bell", _READ, "n"))
