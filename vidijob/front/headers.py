"""Which headers go through a front, and which are of one connection only (RFC 9110, 7.6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from multidict import CIMultiDict

from vidijob.api.vidispine.translate import parts
from vidijob.front import tokens
from vidijob.web.keys import REQUEST_ID

#: Names the site that a request is meant for; the parameter ``site`` does so as well.
SITE = "Vidijob-Site"
#: Names the sites that are not in an answer.
MISSING = "Vidijob-Missing-Sites"

_OF_A_CONNECTION = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
#: What the front says itself; cookies are of the console, which is not here.
_NOT_TO_SITES = _OF_A_CONNECTION | {
    "authorization", "content-length", "cookie", "expect", "x-request-id", SITE.lower(), parts.HEADER.lower(),
}  # fmt: skip
_NOT_TO_CLIENTS = _OF_A_CONNECTION | {"server", "set-cookie", "x-request-id", "x-content-type-options"}


def to_site(request: web.Request, site: str) -> CIMultiDict[str]:
    """Return what a site is sent of a request's headers. ``Host`` is among them: URLs in answers begin with it."""
    left_out = _NOT_TO_SITES | _named(request.headers)
    if _is_packed(request):
        # It was unpacked on its way in.
        left_out = left_out | {"content-encoding"}
    sent = CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in left_out)
    login = tokens.for_site(request.headers.get("Authorization"), site)
    if login is not None:
        sent["Authorization"] = login
    sent["X-Request-Id"] = request[REQUEST_ID]
    return sent


def of_length(request: web.Request) -> dict[str, str]:
    """Return what says how long a body is that is handed on as it comes, where that is known."""
    length = request.content_length
    return {} if length is None or _is_packed(request) else {"Content-Length": str(length)}


def to_client(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return what a client is sent of the headers of an answer."""
    left_out = _NOT_TO_CLIENTS | _named(headers)
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


def for_pages(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what a browser is told of who may read an answer that is put together here."""
    told = {name: value for name, value in headers.items() if name.lower().startswith("access-control-")}
    return told | ({"Vary": headers["Vary"]} if "Vary" in headers else {})


def _is_packed(request: web.Request) -> bool:
    return request.headers.get("Content-Encoding", "identity").lower() != "identity"


def _named(headers: Mapping[str, str]) -> set[str]:
    return {name.strip().lower() for name in headers.get("Connection", "").split(",") if name.strip()}
