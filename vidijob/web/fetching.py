"""The client that files are fetched with by http and https: as careful about addresses as the one of webhooks (``outbound.py``),
also after a redirection, and patient, since files are large.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp

from vidijob.jobs.reach import Network
from vidijob.web.outbound import guarded

#: Seconds for a connection, and without a byte.
_CONNECT = 15.0
_SILENT = 60.0


def file_client(networks: Sequence[Network]) -> Callable[..., Awaitable[aiohttp.ClientSession]]:
    """Return what makes a session; ``networks`` may be called although they are not public."""

    async def make(**ignored: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=guarded(networks), use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "vidijob", "Accept-Encoding": "identity"},
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_SILENT),
        )

    return make
