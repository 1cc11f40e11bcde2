"""Notifications over HTTP, at three places: about all jobs, about one, and placeholders, which jobs name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from vidijob.api.vidispine.call import Answer, Call, Handler
from vidijob.api.vidispine.documents import NotificationDocument, URIListDocument
from vidijob.api.vidispine.translate import external_ids as translate_external_ids
from vidijob.api.vidispine.translate import notifications as translate
from vidijob.api.vidispine.translate.deliveries import delivery_list
from vidijob.binding import text
from vidijob.errors import Invalid
from vidijob.jobs.deliveries import DeliveryState
from vidijob.jobs.notifications import Definition, NotificationId, Place, Scope, notification_name

_MOST_DELIVERIES = 10_000

_Operation = Callable[[Call, Place], Awaitable[Answer]]


def at(scope: Scope, operation: _Operation) -> Handler:
    """Return an operation as the handler of one of the three places."""

    @wraps(operation)
    async def handle(call: Call) -> Answer:
        job = call.path["id"] if scope is Scope.JOB else None
        return await operation(call, await call.services.notifications.place(scope, job))

    return handle


async def listing(call: Call, place: Place) -> Answer:
    """GET …/notification: the URLs of all (contract 1.5)."""
    ids = await call.services.notifications.listing(place)
    urls = [_url(call, place, id) for id in ids]
    return Answer(lambda: URIListDocument(uri=tuple(urls)), lambda: text.lines(urls))


async def define(call: Call, place: Place) -> Answer:
    """POST …/notification: keep one; answers its URL, as text nothing else (contract 1.5)."""
    definition = await _definition(call)
    id = await call.services.notifications.define(call.user, place, definition, call.url("/"))
    url = _url(call, place, id)
    return Answer(lambda: URIListDocument(uri=(url,)), lambda: url)


async def forget_all(call: Call, place: Place) -> Answer:
    """DELETE …/notification: forget all of that place (contract 1.5)."""
    await call.services.notifications.forget_all(place)
    return Answer()


async def get(call: Call, place: Place) -> Answer:
    """GET …/notification/{nid}: one as its document (contract 1.5)."""
    found = await call.services.notifications.get(place, call.path["nid"])
    return Answer(lambda: translate.document(found.definition))


async def change(call: Call, place: Place) -> Answer:
    """PUT …/notification/{nid}: give it another definition (contract 1.5)."""
    await call.services.notifications.change(place, call.path["nid"], await _definition(call))
    return Answer()


async def forget(call: Call, place: Place) -> Answer:
    """DELETE …/notification/{nid}: forget one (contract 1.5)."""
    await call.services.notifications.forget(place, call.path["nid"])
    return Answer()


async def external_ids(call: Call, place: Place) -> Answer:
    """GET …/notification/{nid}/external-id: its external ids (contract 1.5)."""
    id = (await call.services.notifications.get(place, call.path["nid"])).id
    names = await call.services.external_ids.listing("notification", id)
    name = notification_name(call.site, id)
    return Answer(lambda: translate_external_ids.external_ids("Notification", name, names))


async def give_external_id(call: Call, place: Place) -> Answer:
    """PUT …/notification/{nid}/external-id/{ext}: a name that stands for its id (contract 1.5)."""
    id = (await call.services.notifications.get(place, call.path["nid"])).id
    await call.services.external_ids.give("notification", id, call.path["ext"])
    return Answer()


async def take_external_id(call: Call, place: Place) -> Answer:
    """DELETE …/notification/{nid}/external-id/{ext}: take that name away (contract 1.5)."""
    id = (await call.services.notifications.get(place, call.path["nid"])).id
    await call.services.external_ids.take("notification", id, call.path["ext"])
    return Answer()


async def strip_external_ids(call: Call, place: Place) -> Answer:
    """DELETE …/notification/{nid}/external-id: take all such names away (contract 1.5)."""
    id = (await call.services.notifications.get(place, call.path["nid"])).id
    await call.services.external_ids.strip("notification", id)
    return Answer()


async def deliveries(call: Call, place: Place) -> Answer:
    """GET …/notification/{nid}/delivery: how the telling went (ours)."""
    states = call.parameters.choices("state", DeliveryState)
    number = call.parameters.number("number", 100, most=_MOST_DELIVERIES)
    found = await call.services.notifications.deliveries(place, call.path["nid"], states, number)
    return Answer(lambda: delivery_list(call.site, found))


async def resend(call: Call, place: Place) -> Answer:
    """POST …/notification/{nid}/delivery/{did}/retry: try one again that was given up (ours)."""
    await call.services.notifications.resend(place, call.path["nid"], call.path["did"])
    return Answer()


async def webhook_secret(call: Call) -> Answer:
    """GET /configuration/webhook-secret: what notifications are signed with (ours)."""
    secret = await call.services.webhook_secret.get()
    return Answer(text=lambda: secret)


async def _definition(call: Call) -> Definition:
    document = await call.document(NotificationDocument)
    if document is None:
        raise Invalid("NotificationDocument", "A NotificationDocument is needed; the request has no body.")
    return translate.definition(document)


def _url(call: Call, place: Place, id: NotificationId) -> str:
    where = {Scope.JOBS: "/job", Scope.JOB: f"/job/{call.site}-{place.job}", Scope.PLACEHOLDER: ""}[place.scope]
    return call.url(f"{where}/notification/{notification_name(call.site, id)}")
