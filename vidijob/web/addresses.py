"""The address of this server as its clients know it: what a URL in an answer begins with."""

from __future__ import annotations

import re

from aiohttp import web

from vidijob.errors import Invalid
from vidijob.web import keys

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def base(request: web.Request) -> str:
    """Return scheme and host without a slash at the end: the public URL if one is set, else what the client wrote.

    Headers that proxies add are not believed: anybody can send them. Raises ``Invalid`` for a ``Host`` that is none.
    """
    public = request.app[keys.PUBLIC_URL]
    if public:
        return public
    host = request.headers.get("Host")
    if host is None:
        # Before HTTP/1.1 there need not be one.
        socket = request.transport.get_extra_info("sockname") if request.transport is not None else None
        name, port = socket[:2] if isinstance(socket, tuple) else ("localhost", 80)
        host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    if not _HOST.fullmatch(host):
        raise Invalid("Host", "The header Host is a name and perhaps a port; URLs in the answer would begin with it.")
    return f"{request.scheme}://{host}"
