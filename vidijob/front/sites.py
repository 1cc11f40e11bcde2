"""The sites: how each is spoken to, and what is known of whether it answers.

A site that did not answer is away until it answers a question of the front's own, which is asked each second; whoever wants
something of it meanwhile is told so at once. So one that hangs holds up a few requests, not all that come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from vidijob.errors import Unavailable

_log = logging.getLogger(__name__)

Body = bytes | aiohttp.StreamReader | None
#: So many requests are under way to one site at most; others wait for as long as for a connection.
_MOST = 200
#: And so many of those that wait for something to happen.
_MOST_WAITING = 2000
#: Seconds between two looks at a site that is away, and for one of them.
_PAUSE = 1.0
_LOOK = 2.0
#: An answer that has to be read as a whole and has more bytes is none.
_LARGEST = 64 * 1024 * 1024
#: A body of more bytes is not sent at once.
_LARGE = 256 * 1024


class SiteMissing(Unavailable):
    """A site does not answer."""

    def __init__(self, site: str, reason: str) -> None:
        #: Which one.
        self.site = site
        super().__init__(f"The site {site}", reason)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a site answered, read to its end."""

    site: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class Site:
    """One site, by the server that it is reached by."""

    def __init__(self, name: str, url: str, *, patience: float, connect: float, look_again: float = _PAUSE) -> None:
        """``patience`` and ``connect`` are how many seconds an answer and a connection are waited for."""
        self.name = name
        self._url = url
        self._patience = patience
        self._connect = connect
        self._look_again = look_again
        self._places = asyncio.Semaphore(_MOST)
        self._waiting = asyncio.Semaphore(_MOST_WAITING)
        self._session: aiohttp.ClientSession | None = None
        self._looking: asyncio.Task[None] | None = None
        #: Why it is away; ``None``: it is not, as far as is known.
        self.away: str | None = None

    def start(self) -> None:
        """Be ready to speak to it; nothing is sent yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=64 * 1024,
            max_field_size=64 * 1024,
        )

    async def stop(self) -> None:
        """Close every connection."""
        if self._looking is not None:
            self._looking.cancel()
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        seconds: float,
        longer: float = 0,
    ) -> Reply:
        """Ask, and read the answer to its end, within so many seconds; ``longer`` as in ``opened``. Raises ``SiteMissing``."""
        try:
            async with asyncio.timeout(seconds), self.opened(method, target, headers, body, longer=longer) as answer:
                return Reply(self.name, answer.status, answer.headers, await _whole(answer))
        except TimeoutError:
            raise self._lost(f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._lost(f"its answer broke off: {type(error).__name__}") from None

    @asynccontextmanager
    async def opened(
        self, method: str, target: str, headers: Mapping[str, str], body: Body, *, longer: float = 0
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, and hold the answer open, which may be silent for so many seconds longer than others.

        Raises ``SiteMissing`` where there is none.
        """
        if self.away is not None:
            raise SiteMissing(self.name, self.away)
        # Those who wait keep nobody out.
        places = self._waiting if longer else self._places
        try:
            async with asyncio.timeout(self._connect):
                await places.acquire()
        except TimeoutError:
            raise SiteMissing(self.name, "too many requests are under way to it") from None
        try:
            answer = await self._send(method, target, headers, body, longer)
            try:
                yield answer
            finally:
                answer.close() if not answer.content.at_eof() else answer.release()
        finally:
            places.release()

    async def _send(
        self, method: str, target: str, headers: Mapping[str, str], body: Body, longer: float
    ) -> aiohttp.ClientResponse:
        assert self._session is not None
        # As the client wrote it: nothing is decoded on the way.
        url = URL(self._url + target, encoded=True)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._connect, sock_read=self._patience + longer)
        try:
            return await self._session.request(
                method, url, headers=CIMultiDict(headers), data=_in_pieces(body), allow_redirects=False, timeout=limits
            )
        except aiohttp.ConnectionTimeoutError:
            raise self._lost(f"no connection within {self._connect:g} s") from None
        except TimeoutError:
            raise self._lost(f"no answer within {self._patience:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise self._lost(f"no connection: {type(error).__name__}") from None
        except (aiohttp.ClientError, OSError) as error:
            # The connection broke, perhaps because it was an old one; whether it was done is not known.
            raise SiteMissing(self.name, f"it did not answer: {type(error).__name__}") from None

    def _lost(self, reason: str) -> SiteMissing:
        if self.away is None:
            self.away = reason
            _log.warning("The site %s is away: %s", self.name, reason)
            self._looking = asyncio.create_task(self._look())
        return SiteMissing(self.name, reason)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_again)
            if await self.answers():
                self.away = None
                _log.warning("The site %s is back", self.name)
                return

    async def answers(self) -> bool:
        """Tell whether its server answers now."""
        assert self._session is not None
        try:
            async with asyncio.timeout(_LOOK), self._session.get(self._url + "/health") as answer:
                return answer.status < 500
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


class Sites:
    """All sites, in the order in which they were named."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self.all = tuple(sites)
        self.names = tuple(site.name for site in sites)
        self._by_name = {site.name: site for site in sites}

    @property
    def first(self) -> Site:
        """Return the one that is asked where none is named."""
        return self.all[0]

    def get(self, name: str | None) -> Site | None:
        """Return the one of a name, if there is one."""
        return None if name is None else self._by_name.get(name)


def _in_pieces(body: Body) -> Body | BytesIO:
    """Return a body as it is to be sent: a large one in pieces, that others get their turn between them."""
    return BytesIO(body) if isinstance(body, bytes) and len(body) > _LARGE else body


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise ValueError("an answer that is too large")
    return b"".join(parts)
