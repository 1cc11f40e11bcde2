"""Answers that are made while they are sent, so that they are never held as a whole. It does not know what they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import nullcontext

from aiohttp import web

from vidijob.web.guests import GUESTS
from vidijob.web.keys import REQUEST_ID
from vidijob.web.middleware import shown

_log = logging.getLogger(__name__)


class Streamed(web.StreamResponse):
    """An answer in pieces; one that cannot be brought to its end is cut off, so that nobody takes it for whole."""

    def __init__(
        self, request: web.Request, first: bytes, rest: AsyncGenerator[bytes], headers: Mapping[str, str]
    ) -> None:
        """Take the first piece, whose making may have failed before anything was sent, and what makes the others."""
        super().__init__(headers=headers)
        self._request = request
        self._first = first
        self._rest = rest

    async def write_eof(self, data: bytes = b"") -> None:
        """Send all pieces, no faster than the client takes them."""
        guests = self._request.app.get(GUESTS)
        try:
            if self._request.method != "HEAD":
                with nullcontext() if guests is None else guests.attending(self._request):
                    await self._send(self._first)
                    async for piece in self._rest:
                        await self._send(piece)
        except ConnectionError:
            raise
        except Exception as error:
            _log.warning(
                "%s %s was cut off: %s [%s]",
                self._request.method,
                shown(self._request.path),
                str(error) or type(error).__name__,
                self._request[REQUEST_ID],
            )
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("The answer could not be brought to its end.") from error
        finally:
            await self._rest.aclose()
        await super().write_eof(data)

    async def _send(self, piece: bytes) -> None:
        # Who takes nothing is let go by whoever looks after the connections.
        await self.write(piece)
        # A fast client never makes it wait, and others would.
        await asyncio.sleep(0)
