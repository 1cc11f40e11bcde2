"""Style sheets, scripts and pictures: read once, under an address that changes with their contents, kept by browsers."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).with_name("static")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def contents() -> dict[str, bytes]:
    """Return every file by its name."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}


@cache
def version() -> str:
    """Return what the addresses have in them: another one as soon as any file is another."""
    digest = hashlib.sha256()
    for name, body in contents().items():
        digest.update(name.encode() + b"\0" + body + b"\0")
    return digest.hexdigest()[:16]


async def serve(request: web.Request) -> web.StreamResponse:
    """Answer with a file; no login, there is nothing in it that is not in the package."""
    name = request.match_info["name"]
    body = contents().get(name)
    if body is None:
        raise web.HTTPNotFound
    response = web.Response(body=body, content_type=_TYPES[Path(name).suffix], charset="utf-8")
    # A page that was made by another version of the program asks for another address: it gets what there is, unkept.
    fresh = request.match_info["version"] == version()
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
