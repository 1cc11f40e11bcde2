"""What everybody may read: the OpenAPI document and the schemas. No login."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from aiohttp import hdrs, web

from vidijob.errors import Invalid
from vidijob.web import addresses

#: For how many seconds a copy may be used unasked.
_FRESH = 300


def routes(document: Callable[[], dict[str, Any]], schemas: Path) -> list[web.RouteDef]:
    """Return the routes of the OpenAPI document, which is made when it is first asked for, and of the files in a folder."""
    made = cache(document)

    async def openapi(request: web.Request) -> web.StreamResponse:
        try:
            servers = [{"url": addresses.base(request)}]
        except Invalid as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        return _answer(request, orjson.dumps({**made(), "servers": servers}), "application/json")

    return [web.get("/openapi.json", openapi), *(_file(path) for path in sorted(schemas.glob("*.xsd")))]


def _file(path: Path) -> web.RouteDef:
    body = path.read_bytes()

    async def schema(request: web.Request) -> web.StreamResponse:
        return _answer(request, body, "application/xml")

    return web.get(f"/schemas/{path.name}", schema)


def _answer(request: web.Request, body: bytes, media_type: str) -> web.Response:
    digest = hashlib.sha256(body).hexdigest()[:32]
    known = request.if_none_match or ()
    same = any(tag.value in (digest, "*") for tag in known)
    answer = web.Response(status=304) if same else web.Response(body=body, content_type=media_type)
    answer.etag = digest
    answer.headers[hdrs.CACHE_CONTROL] = f"public, max-age={_FRESH}"
    return answer
