"""The call of a receiver: headers, signature, limits, and which addresses it may have. It knows neither jobs nor lanes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from vidijob.jobs.deliveries import Letter, Reply
from vidijob.jobs.reach import Network, may_be_called

#: Names looked up at once; others wait, so nothing else of this process is to use these threads.
_LOOKUPS = 32

#: Makes the bytes of what is told, and their Content-Type, from its pairs and the one that a notification asks for.
Write = Callable[[Sequence[tuple[str, str]], str | None], tuple[bytes, str]]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of ``Vidijob-Signature``: HMAC-SHA256 of the timestamp, a dot and the body, in hex."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


class Webhooks:
    """Calls receivers; ``networks`` may be called although they are not public, ``secret`` is asked when it is needed."""

    def __init__(self, write: Write, secret: Callable[[], Awaitable[str]], networks: Sequence[Network] = ()) -> None:
        self._write = write
        self._secret = secret
        self._networks = tuple(networks)
        self._names = _Names()
        watch = aiohttp.TraceConfig()
        watch.on_connection_reuseconn.append(_note_kept)
        self._session = aiohttp.ClientSession(
            # Every connection is made by _open, also that to an address that a name has only now.
            connector=aiohttp.TCPConnector(limit=0, resolver=self._names, socket_factory=self._open),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "vidijob"},
            auto_decompress=False,
            trace_configs=[watch],
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        await self._names.close()

    async def deliver(self, letter: Letter) -> Reply:
        """Try once; a status of 200 to 299 is the only good answer, and redirections are not followed."""
        body, content_type = self._write(letter.fields, letter.call.content_type)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "Vidijob-Delivery": str(letter.key),
            "Vidijob-Attempt": str(letter.attempt),
            "Vidijob-Timestamp": timestamp,
            "Vidijob-Signature": signature(await self._secret(), timestamp, body),
        }
        seconds = letter.call.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._call(letter.call.method, URL(letter.call.url), headers, body)
        except TimeoutError:
            return Reply(None, f"No answer within {seconds:g} s.")
        except aiohttp.ClientConnectorCertificateError:
            return Reply(None, "The receiver's certificate cannot be trusted.")
        except aiohttp.ClientConnectorDNSError:
            return Reply(None, "The name of the receiver is not known.")
        except aiohttp.ClientConnectorError as error:
            return Reply(None, f"No connection: {_reason(error.os_error)}.")
        except aiohttp.InvalidURL:
            return Reply(None, "The url cannot be called.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a part of the URL cannot be sent. What these errors say may hold the URL, and that a password.
            return Reply(None, f"No answer that can be read: {type(error).__name__}.")

    async def _call(self, method: str, url: URL, headers: dict[str, str], body: bytes) -> Reply:
        if url.user is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(url.user, url.password or "")
        connection = _Connection()
        while True:
            try:
                async with self._session.request(
                    method,
                    url.with_user(None),
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(),
                    trace_request_ctx=connection,
                ) as answer:
                    good = 200 <= answer.status < 300
                    return Reply(answer.status, None if good else f"The answer was {answer.status}.")
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # A connection that was kept from the last call may be closed by the receiver just now.
                if not connection.kept:
                    raise
                connection.kept = False

    def _open(self, address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        family, kind, protocol, _, where = address
        if not may_be_called(str(where[0]), self._networks):
            raise PermissionError("the settings (webhook_networks) do not allow this address to be called")
        return socket.socket(family, kind, protocol)


class _Connection:
    """The connection of one call."""

    def __init__(self) -> None:
        #: Whether it was kept from an earlier call.
        self.kept = False


async def _note_kept(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    connection: _Connection = context.trace_request_ctx
    connection.kept = True


class _Names(AbstractResolver):
    """Looks names up in threads of its own: those of servers that are gone take long."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="webhook-name")

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


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, PermissionError) and error.errno is None:
        return str(error)
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
