"""Hands one request over to one site, and its answer back, as they are."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import aiohttp
from aiohttp import web

from vidijob.front import headers
from vidijob.front.sites import Body, Reply, Site, SiteMissing
from vidijob.web.streaming import Streamed

#: What is not longer is read before it is handed on.
_SHORT = 256 * 1024


async def forward(
    request: web.Request, site: Site, target: str, body: Body, *, longer: float = 0
) -> web.StreamResponse:
    """Ask a site what a client asks, and return its answer, which may be silent for so many seconds longer than others.

    Raises ``SiteMissing``.
    """
    pieces = _pieces(request, site, target, body, longer)
    answer = await anext(pieces)
    assert isinstance(answer, aiohttp.ClientResponse)
    said = headers.to_client(answer.headers)
    length = answer.content_length
    if request.method == "HEAD" or (length is not None and length <= _SHORT):
        whole = b"".join([piece async for piece in pieces if isinstance(piece, bytes)])
        return web.Response(status=answer.status, body=whole, headers=said)
    streamed = Streamed(request, b"", _bytes(pieces), said)
    streamed.set_status(answer.status)
    return streamed


def passed_on(reply: Reply) -> web.Response:
    """Return what one of several sites answered as the answer to the client."""
    said = headers.to_client(reply.headers)
    said.popall("Content-Length", None)
    said[headers.SITE] = reply.site
    return web.Response(status=reply.status, body=reply.body, headers=said)


async def _pieces(
    request: web.Request, site: Site, target: str, body: Body, longer: float
) -> AsyncGenerator[aiohttp.ClientResponse | bytes]:
    """Yield the answer, and then what is in it: so it is held for as long as somebody reads it."""
    sent = headers.to_site(request, site.name)
    if isinstance(body, aiohttp.StreamReader):
        sent.update(headers.of_length(request))
    async with site.opened(request.method, target, sent, body, longer=longer) as answer:
        yield answer
        try:
            async for piece in answer.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            # TimeoutError is an OSError.
            raise SiteMissing(site.name, f"its answer broke off: {type(error).__name__}") from None


async def _bytes(pieces: AsyncGenerator[aiohttp.ClientResponse | bytes]) -> AsyncGenerator[bytes]:
    try:
        async for piece in pieces:
            assert isinstance(piece, bytes)
            yield piece
    finally:
        await pieces.aclose()
