"""The table of the face: action, handler, role; and the way of every call from HTTP and back.

The order is fixed: the action is known, the key is, the signature is right, the time is now, the number was not used, there
were not too many, the role is there; only then the handler, so that a call that is refused has changed nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from aiohttp import web

from vidijob.access import User
from vidijob.api.alibaba import documents as wire
from vidijob.api.alibaba import handlers, pipelines
from vidijob.api.alibaba.call import Call, Options
from vidijob.api.alibaba.faults import RETRY_AFTER, Fault, fault
from vidijob.api.alibaba.signature import Received, claim
from vidijob.binding import json, xml
from vidijob.binding.fields import Document
from vidijob.engine.access_keys import Entry
from vidijob.errors import NotAuthenticated, NotFound
from vidijob.web import addresses, bodies, keys
from vidijob.web.middleware import shown

_log = logging.getLogger(__name__)

PREFIX = "/mps"
OPTIONS = web.AppKey("mps", Options)
_LARGEST = 1024 * 1024

_REFUSED = {
    Entry.EXPIRED: "InvalidTimeStamp.Expired",
    Entry.REPEATED: "SignatureNonceUsed",
    Entry.THROTTLED: "Throttling.User",
}

Handler = Callable[[Call], Awaitable[Document]]


#: What can be called, and the role that it needs.
ACTIONS: Mapping[str, tuple[Handler, str]] = {
    "CancelJob": (handlers.cancel_job, "_job_write"),
    "SubmitJobs": (handlers.submit_jobs, "_job_write"),
    "QueryJobList": (handlers.query_job_list, "_job_read"),
    "ListJob": (handlers.list_job, "_job_read"),
    "AddPipeline": (pipelines.add, "_job_write"),
    "UpdatePipeline": (pipelines.update, "_job_write"),
    "QueryPipelineList": (pipelines.query, "_job_read"),
    "SearchPipeline": (pipelines.search, "_job_read"),
    "DeletePipeline": (pipelines.delete, "_job_write"),
}


def routes() -> list[web.RouteDef]:
    """Return the face for the server."""
    return [web.route("*", path, _dispatch) for path in (PREFIX, PREFIX + "/")]


@web.middleware
def answer_at_root(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> Awaitable[web.StreamResponse]:
    """Answer calls of this face at ``/`` as well: the vendor's SDKs know hosts, and no path."""
    is_call = request.rel_url.raw_path == "/" and (
        request.method == "POST" or "x-acs-action" in request.headers or "Action" in request.query
    )
    return _dispatch(request) if is_call else handler(request)


async def _dispatch(request: web.Request) -> web.StreamResponse:
    request_id = str(uuid4()).upper()
    received: Received | None = None
    try:
        received = await _received(request)
        document, status = await _answer(request, received, request_id), 200
    except Exception as error:
        refused = fault(error)
        if refused.code == "InternalError":
            _log.exception("%s %s [%s]", request.method, shown(request.path), request_id)
        host = request.headers.get("Host", "")[:300]
        document = wire.Error(request_id=request_id, host_id=host, code=refused.code, message=refused.message)
        status = refused.status
    if received.wants_json if received is not None else "json" in request.headers.get("Accept", ""):
        body, media = json.write(document), "application/json;charset=utf-8"
    else:
        body, media = xml.write(document), "text/xml;charset=utf-8"
    response = web.Response(body=body, status=status, headers={"Content-Type": media, "x-acs-request-id": request_id})
    if isinstance(document, wire.Error) and document.code == "Throttling.User":
        response.headers["x-acs-retry-after"] = str(RETRY_AFTER)
    return response


async def _received(request: web.Request) -> Received:
    body = await bodies.whole(request, _LARGEST)
    query = bodies.pairs(request.rel_url.raw_query_string, "query")
    form = bodies.pairs(body, "body") if bodies.is_form(request) else {}
    if query.keys() & form.keys():
        raise Fault("InvalidParameter", "the same one in the query and in the body")
    path = request.rel_url.raw_path
    # As the client may know it, where a proxy has put the face at a path of its own.
    paths = tuple({path: None, path.removeprefix(PREFIX) or "/": None})
    return Received(request.method, paths, query, form, bodies.headers(request), body)


async def _answer(request: web.Request, received: Received, request_id: str) -> Document:
    if request.method not in ("GET", "POST"):
        raise Fault("UnsupportedHTTPMethod")
    if not received.action:
        raise Fault("MissingParameter", "Action")
    if received.action not in ACTIONS:
        raise Fault("InvalidAction.NotFound")
    request[keys.ROUTE] = f"{PREFIX} {received.action}"
    handler, role = ACTIONS[received.action]
    if not received.is_v3 and received.parameters.get("Format", "XML").upper() not in ("JSON", "XML"):
        raise Fault("InvalidParameter", "Format")
    services, options = request.app[keys.SERVICES], request.app[OPTIONS]
    user = await _user(received, services, options)
    user.require(role)
    return await handler(
        Call(
            request_id=request_id,
            user=user,
            parameters=received.parameters,
            services=services,
            options=options,
            uuids=await services.identities.uuids(),
            site=request.app[keys.SITE],
            base=addresses.base(request),
        )
    )


async def _user(received: Received, services: keys.Services, options: Options) -> User:
    claimed = claim(received)
    try:
        user, secret = await services.access_keys.holder(claimed.key)
        claimed.prove(secret)
        # Only what is signed rightly is entered: nobody else can use numbers up.
        entry = await services.access_keys.enter(claimed.key, claimed.nonce, received.action, options.rate, claimed.at)
    except NotFound:
        raise Fault("InvalidAccessKeyId.NotFound") from None
    except NotAuthenticated:
        raise Fault("InvalidAccessKeyId.Inactive") from None
    if entry is not Entry.ADMITTED:
        raise Fault(_REFUSED[entry])
    return user
