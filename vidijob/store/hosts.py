"""The servers that an address names, and which of them is the primary now: ``postgresql://user@one,two:5433/name``.

Where there are several, every connection is to the one that takes writes. Of two that would, which happens when a primary that was
given up comes back as one, the younger counts, by its timeline: a number that each promotion raises.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit, urlunsplit

import asyncpg

from vidijob.store.queries import query

if TYPE_CHECKING:
    from asyncpg import Record

    Connection = asyncpg.Connection[Record]

_log = logging.getLogger(__name__)

#: Seconds for one of several servers; one that swallows packets must not keep the others from being asked.
_PATIENCE = 3.0
#: Seconds for the others once the primary as it was known has answered: only one that is younger matters then.
_GRACE = 0.5
#: What a server may answer that is not there, or that is no server of ours just now.
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

#: Connects to a server by an address that names no other.
Connect = Callable[[str], Awaitable["Connection"]]


class Hosts:
    """``url`` is asked anew for each connection."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        #: Where the primary was last, and its timeline.
        self._primary: str | None = None
        self._timeline = 0

    @property
    def url(self) -> str:
        """The address as it is given."""
        return self._url()

    async def connect(self, connect: Connect) -> Connection:
        """Connect to the primary; to the server, where there is only one. Raises what connecting raised."""
        addresses = split(self._url())
        if len(addresses) == 1:
            return await connect(addresses[0])
        return await self._choose(addresses, connect)

    async def _choose(self, addresses: Sequence[str], connect: Connect) -> Connection:
        looks = [asyncio.ensure_future(_look(connect, one)) for one in addresses]
        try:
            await self._wait(looks, addresses)
        except asyncio.CancelledError:
            for look in looks:
                # Those that were quicker than whoever did not want to wait any longer.
                look.add_done_callback(_let_go)
            raise
        found = [_outcome(look) for look in looks]
        errors = [one for one in found if isinstance(one, BaseException)]
        there = [
            (one[0], one[1], address)
            for one, address in zip(found, addresses, strict=True)
            if not isinstance(one, BaseException)
        ]
        primaries = [(timeline, connection, address) for timeline, connection, address in there if timeline is not None]
        best = max(primaries, key=lambda one: one[0], default=None)
        if best is not None and best[0] < self._timeline:
            best = None
        for _, connection, _ in there:
            if best is None or connection is not best[1]:
                connection.terminate()
        if best is None:
            lasting = [error for error in errors if not isinstance(error, _AWAY)]
            # That one is not to be reached says less than that another refuses us.
            refused = [error for error in errors if isinstance(error, asyncpg.PostgresError)]
            if wrong := [*lasting, *refused] or ([] if there else errors):
                raise wrong[0]
            raise asyncpg.TargetServerAttributeNotMatched("none of its servers takes writes just now")
        self._timeline, connection, address = best
        if address != self._primary:
            _log.info("the primary of the database is %s", urlsplit(address).netloc.rpartition("@")[2])
            self._primary = address
        return connection

    async def _wait(
        self, looks: Sequence[asyncio.Future[tuple[int | None, Connection]]], addresses: Sequence[str]
    ) -> None:
        """Wait for all of them; where the primary as it was known is there, not long for the others.

        They are asked all the same: it may have been given up and have come back while nobody here had a connection, and
        then one of them is younger.
        """
        if self._primary in addresses:
            known = looks[addresses.index(self._primary)]
            await asyncio.wait([known])
            if not known.cancelled() and known.exception() is None:
                await asyncio.wait(looks, timeout=_GRACE)
                return
        await asyncio.wait(looks)


def split(url: str) -> list[str]:
    """Return an address for each server that one names, in its order."""
    parts = urlsplit(url)
    login, at, places = parts.netloc.rpartition("@")
    return [_of(parts, f"{login}{at}{place}") for place in places.split(",")]


def _of(parts: SplitResult, netloc: str) -> str:
    return urlunsplit(parts._replace(netloc=netloc))


def _outcome(
    look: asyncio.Future[tuple[int | None, Connection]],
) -> tuple[int | None, Connection] | BaseException:
    if not look.done():
        look.cancel()
        look.add_done_callback(_let_go)
        return TimeoutError("no answer in time")
    return look.exception() or look.result()


def _let_go(look: asyncio.Future[tuple[int | None, Connection]]) -> None:
    if not look.cancelled() and look.exception() is None:
        look.result()[1].terminate()


async def _look(connect: Connect, address: str) -> tuple[int | None, Connection]:
    """Connect, and return the timeline as well; ``None`` for one that only follows another."""
    async with asyncio.timeout(_PATIENCE):
        connection = await connect(address)
        try:
            timeline: int | None = await connection.fetchval(query("standby.timeline").sql)
        except BaseException:
            connection.terminate()
            raise
        return timeline, connection
