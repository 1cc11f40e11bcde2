"""Queues in the way of Azure Storage, as far as its clients need it to read notifications: below ``/azure/queues/<account>``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote
from uuid import UUID, uuid4
from xml.sax.saxutils import escape

from aiohttp import web

from vidijob.access import User
from vidijob.api.queues import signature
from vidijob.binding import tree
from vidijob.engine.queues import Message, Queues
from vidijob.errors import Conflict, Invalid, NotAuthenticated, NotFound, RoleMissing, VidijobError
from vidijob.web import bodies, keys
from vidijob.web.failures import status
from vidijob.web.middleware import shown

_log = logging.getLogger(__name__)

PREFIX = "/azure/queues"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_READ, _WRITE = "_job_notification_read", "_job_notification_write"
_LARGEST = 256 * 1024
#: For how many seconds what was taken is hidden, unless that is said.
_HIDDEN, _MOST_HIDDEN, _MOST = 30, 7 * 24 * 3600, 32


def routes() -> list[web.RouteDef]:
    """Return what the application adds for this face."""
    return [web.route("*", PREFIX + "/{tail:(?s:.*)}", dispatch)]


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Answer a request; what is wrong is told in XML, and its code in a header too."""
    try:
        response = await _answer(request)
    except Exception as error:
        if not isinstance(error, (VidijobError, web.HTTPException)):
            _log.exception("%s %s [%s]", request.method, shown(request.path), request[keys.REQUEST_ID])
        response = _failure(error)
    response.headers["x-ms-version"] = request.headers.get("x-ms-version", "2018-03-28")[:20]
    response.headers["x-ms-request-id"] = str(uuid4())
    return response


async def _answer(request: web.Request) -> web.Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True, max_num_fields=50))
    services = request.app[keys.SERVICES]
    user = await signature.identify(services.access_keys, request.method, request.rel_url.raw_path, query, headers)
    user.require(_READ)
    _, *parts = [unquote(part) for part in request.rel_url.raw_path.removeprefix(PREFIX).strip("/").split("/")]
    match request.method, parts:
        case "GET", [] if query.get("comp") == "list":
            return _xml(_listed(await services.queues.names()))
        case _, [name]:
            return await _queue(request.method, services.queues, name, user, query)
        case _, [name, "messages"]:
            return await _messages(request, services.queues, name, user, query)
        case "DELETE", [name, "messages", id]:
            # Reading a queue is to take out what was read.
            try:
                message, receipt = UUID(id), UUID(query.get("popreceipt", ""))
            except ValueError:
                raise Invalid("popreceipt", "The id or the pop receipt of the message is none.") from None
            await services.queues.forget(name, message, receipt)
            return web.Response(status=204)
        case _:
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "POST", "PUT", "DELETE"])


async def _queue(method: str, queues: Queues, name: str, user: User, query: Mapping[str, str]) -> web.Response:
    match method:
        case "PUT" if "comp" not in query:
            user.require(_WRITE)
            return web.Response(status=201 if await queues.make(name) else 204)
        case "DELETE":
            user.require(_WRITE)
            await queues.remove(name)
            return web.Response(status=204)
        case "GET" | "HEAD" if query.get("comp") == "metadata":
            return web.Response(headers={"x-ms-approximate-messages-count": str(await queues.length(name))})
        case _:
            raise web.HTTPMethodNotAllowed(method, ["GET", "PUT", "DELETE"])


async def _messages(
    request: web.Request, queues: Queues, name: str, user: User, query: Mapping[str, str]
) -> web.Response:
    match request.method:
        case "GET":
            number = _number(query, "numofmessages", 1, 1, _MOST)
            if query.get("peekonly") == "true":
                return _xml(_list(await queues.peek(name, number), taken=False))
            hidden = timedelta(seconds=_number(query, "visibilitytimeout", _HIDDEN, 1, _MOST_HIDDEN))
            return _xml(_list(await queues.take(name, number, hidden), taken=True))
        case "POST":
            user.require(_WRITE)
            text = tree.read(await bodies.whole(request, _LARGEST), encoding="utf-8").child("MessageText")
            if text is None:
                raise Invalid("body", "The body is a QueueMessage with a MessageText, of at most 64 KiB.")
            return _xml(_list([await queues.put(name, text.text)], taken=True), 201)
        case "DELETE":
            user.require(_WRITE)
            await queues.length(name)
            await queues.clear(name)
            return web.Response(status=204)
        case _:
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "POST", "DELETE"])


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and least <= int(text) <= most):
        raise Invalid(name, f"{name} is a number from {least} to {most}.", value=text[:50])
    return int(text)


def _listed(names: Sequence[str]) -> str:
    return f"<EnumerationResults><Queues>{''.join(f'<Queue><Name>{name}</Name></Queue>' for name in names)}</Queues><NextMarker /></EnumerationResults>"


def _list(messages: Sequence[Message], *, taken: bool) -> str:
    return f"<QueueMessagesList>{''.join(_message(one, taken=taken) for one in messages)}</QueueMessagesList>"


def _message(one: Message, *, taken: bool) -> str:
    receipt = f"<PopReceipt>{one.receipt}</PopReceipt><TimeNextVisible>{_time(one.visible)}</TimeNextVisible>"
    body = "".join(letter for letter in one.body if letter >= " " or letter in "\t\n\r")
    return (
        f"<QueueMessage><MessageId>{one.id}</MessageId><InsertionTime>{_time(one.inserted)}</InsertionTime>"
        f"<ExpirationTime>{_time(one.expires)}</ExpirationTime>{receipt if taken else ''}"
        f"<DequeueCount>{one.taken}</DequeueCount><MessageText>{escape(body)}</MessageText></QueueMessage>"
    )


def _time(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _xml(text: str, code: int = 200) -> web.Response:
    return web.Response(text=_HEAD + text, status=code, content_type="application/xml", charset="utf-8")


def _failure(error: Exception) -> web.Response:
    code, words = status(error), str(error)
    match error:
        case NotAuthenticated():
            code, name = 403, "AuthenticationFailed"
        case RoleMissing():
            name = "AuthorizationFailure"
        case NotFound():
            name = "QueueNotFound"
        case Conflict():
            code, name = 404, "MessageNotFound"
        case web.HTTPMethodNotAllowed():
            name, words = "UnsupportedHttpVerb", "The verb is not possible here."
        case VidijobError() | web.HTTPException():
            name = "ServerBusy" if code >= 500 else "InvalidInput"
        case _:
            name, words = "InternalError", "An unexpected error has occurred."
    response = _xml(f"<Error><Code>{name}</Code><Message>{escape(words)}</Message></Error>", code)
    response.headers["x-ms-error-code"] = name
    return response
