"""Calls of somebody else's server: signature, limits, and which addresses it may have. It does not know what is told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from vidijob.errors import Invalid, NoAnswer, Unreachable
from vidijob.jobs.reach import FORBIDDEN, Network, may_be_called
from vidijob.jobs.remote import Answer

#: Names looked up at once; others wait, so nothing else of this process is to use these threads.
_LOOKUPS = 32
#: Seconds for a connection, the look-up of the name included.
_CONNECT = 10.0
#: An answer with more bytes cannot be read.
_LARGEST = 10 * 1024 * 1024


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of ``Vidijob-Signature``: HMAC-SHA256 of the timestamp, a dot and the body, in hex."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


class Outbound:
    """Calls servers; ``networks`` may be called although they are not public, ``secret`` is asked when it is needed."""

    def __init__(self, secret: Callable[[], Awaitable[str]], networks: Sequence[Network] = ()) -> None:
        self._secret = secret
        self._names = _Names()
        watch = aiohttp.TraceConfig()
        watch.on_connection_reuseconn.append(_note_kept)
        self._session = aiohttp.ClientSession(
            # Every connection is made by the guard, also that to an address that a name has only now.
            connector=aiohttp.TCPConnector(limit=0, resolver=self._names, socket_factory=guarded(networks)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "vidijob", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trace_configs=[watch],
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        await self._names.close()

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
        read: bool = True,
    ) -> Answer:
        """Call once, signed if there is a body; redirections are not followed. Without ``read`` what the answer says does
        not matter.

        Raises ``Unreachable`` without a connection, ``NoAnswer`` when it broke or was silent for too long, ``Invalid``
        for an address that must not be called.
        """
        where = URL(url)
        sent = dict(headers)
        if body is not None:
            timestamp = str(int(time.time()))
            sent["Vidijob-Timestamp"] = timestamp
            sent["Vidijob-Signature"] = signature(await self._secret(), timestamp, body)
        try:
            async with asyncio.timeout(seconds):
                if where.user is not None:
                    sent["Authorization"] = aiohttp.encode_basic_auth(where.user, where.password or "")
                return await self._call(method, where.with_user(None), sent, body, read=read)
        except aiohttp.ConnectionTimeoutError:
            raise Unreachable(f"{where.host}: no connection within {_CONNECT:g} s.") from None
        except TimeoutError:
            raise NoAnswer(f"{where.host}: no answer within {seconds:g} s.") from None
        except aiohttp.ClientConnectorCertificateError:
            raise Unreachable(f"{where.host}: its certificate cannot be trusted.") from None
        except aiohttp.ClientConnectorDNSError:
            raise Unreachable(f"The name {where.host} is not known.") from None
        except aiohttp.ClientConnectorError as error:
            if _is_forbidden(error.os_error):
                raise Invalid("url", f"{where.host}: {FORBIDDEN}.") from None
            raise Unreachable(f"{where.host}: no connection: {_reason(error.os_error)}.") from None
        except aiohttp.InvalidURL:
            raise Invalid("url", "The url cannot be called.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a part cannot be sent or read. What these errors say may hold the URL, and that a password.
            raise NoAnswer(f"{where.host}: no answer that can be read: {type(error).__name__}.") from None

    async def _call(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None, *, read: bool
    ) -> Answer:
        connection = _Connection()
        limit = aiohttp.ClientTimeout(connect=_CONNECT)
        while True:
            try:
                async with self._session.request(
                    method,
                    url,
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    timeout=limit,
                    trace_request_ctx=connection,
                ) as answer:
                    said = await _read(answer) if read else b""
                    return Answer(answer.status, answer.content_type, said)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # A connection that was kept from the last call may be closed by the server just now.
                if not connection.kept:
                    raise
                connection.kept = False


def guarded(networks: Sequence[Network]) -> Callable[[tuple[int, int, int, str, tuple[object, ...]]], socket.socket]:
    """Return what makes the sockets of a client that calls public addresses, and those of ``networks``."""
    allowed = tuple(networks)

    def make(address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        family, kind, protocol, _, where = address
        if not may_be_called(str(where[0]), allowed):
            raise PermissionError(FORBIDDEN)
        return socket.socket(family, kind, protocol)

    return make


class _Connection:
    """The connection of one call."""

    def __init__(self) -> None:
        #: Whether it was kept from an earlier call.
        self.kept = False


async def _note_kept(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    connection: _Connection = context.trace_request_ctx
    connection.kept = True


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(64 * 1024):
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise ValueError("an answer that is too large")
    return b"".join(parts)


class _Names(AbstractResolver):
    """Looks names up in threads of its own: those of servers that are gone take long."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="outbound-name")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG),
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(where[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, where in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _is_forbidden(error: OSError) -> bool:
    return isinstance(error, PermissionError) and error.errno is None


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
