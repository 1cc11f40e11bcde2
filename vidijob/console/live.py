"""Live pages: what happens, sent to every page that is open, by server-sent events. What is told is written once, however
many pages are told; a page that does not take it in time is let go, and comes back by itself.

A page is told ``news`` (``{"changes": [[job, step, state], …], "progress": [[job, step, value, total, unit], …]}``),
``flood`` (too much to tell: look at everything again) and ``pace`` (for how many seconds a page waits between two looks
at everything, which grows with the number of pages).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import orjson
from aiohttp import web

from vidijob.console import sessions
from vidijob.console.visit import Room, Visit
from vidijob.engine.feed import Feed, Happening
from vidijob.errors import NotAuthenticated, Unavailable
from vidijob.jobs.identity import job_name
from vidijob.web.routing import Route

#: What a page may be behind.
_MOST_WAITING = 100
#: A line for nothing, so that whoever is in between does not take the connection for dead, in seconds.
_PULSE = 15.0
#: How often it is asked whether the visitor is still logged in and may still see this.
_ASK = 30.0
#: Whole pages that are made anew in a second, at most, for all open pages together.
_PAGES_A_SECOND = 25
_LEAST_PACE = 2.0
_ROLE = "_job_read"


class Live:
    """The open pages of one process."""

    def __init__(self, feed: Feed, site: str) -> None:
        self._feed = feed
        self._site = site
        self._pages: set[asyncio.Queue[bytes | None]] = set()
        self._leave: Callable[[], None] | None = None
        self._listening = asyncio.Lock()
        self._closed = False

    @property
    def pace(self) -> float:
        """For how many seconds a page waits between two looks at everything."""
        return max(_LEAST_PACE, len(self._pages) / _PAGES_A_SECOND)

    async def open(self) -> asyncio.Queue[bytes | None]:
        """Enter a page; what happens from now on comes out of the queue, ``None`` at the end."""
        page: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)
        if self._closed:
            page.put_nowait(None)
            return page
        self._pages.add(page)
        try:
            async with self._listening:
                if self._leave is None:
                    self._leave = await self._feed.listen(self.tell)
        except BaseException:
            self.leave(page)
            raise
        return page

    def leave(self, page: asyncio.Queue[bytes | None]) -> None:
        """Take a page out."""
        self._pages.discard(page)
        if not self._pages and self._leave is not None:
            self._leave()
            self._leave = None

    def close(self) -> None:
        """End every page's connection: the server stops."""
        self._closed = True
        for page in list(self._pages):
            self._let_go(page)

    def tell(self, happening: Happening) -> None:
        """Tell all pages."""
        told = _event("flood", {}) if happening.flood else _event("news", self._news(happening))
        for page in list(self._pages):
            try:
                page.put_nowait(told)
            except asyncio.QueueFull:
                self._let_go(page)

    def _let_go(self, page: asyncio.Queue[bytes | None]) -> None:
        while not page.empty():
            page.get_nowait()
        page.put_nowait(None)
        self.leave(page)

    def _news(self, happening: Happening) -> dict[str, object]:
        return {
            "changes": [[job_name(self._site, one.job), one.step, one.new] for one in happening.events],
            "progress": [
                [job_name(self._site, job), step, progress.value, progress.total, progress.unit]
                for job, step, progress in happening.progress
            ],
        }


LIVE = web.AppKey("live", Live)


async def follow(visit: Visit) -> web.StreamResponse:
    """Tell a page what happens until it is closed, its visitor has logged out, or the server stops."""
    live = visit.request.app[LIVE]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    page = await live.open()
    try:
        await response.prepare(visit.request)
        await response.write(b"retry: 2000\n\n" + _event("pace", live.pace))
        with contextlib.suppress(ConnectionError):
            await _pass_on(visit, live, page, response)
    finally:
        live.leave(page)
    return response


async def _pass_on(visit: Visit, live: Live, page: asyncio.Queue[bytes | None], response: web.StreamResponse) -> None:
    loop = asyncio.get_running_loop()
    asked, pace = loop.time(), live.pace
    while True:
        try:
            async with asyncio.timeout(_PULSE):
                told = await page.get()
        except TimeoutError:
            told = b": \n\n"
        if told is None:
            return
        if loop.time() > asked + _ASK:
            if not await _may_still(visit):
                return
            asked = loop.time()
        if live.pace != pace:
            pace = live.pace
            told += _event("pace", pace)
        await response.write(told)


async def _may_still(visit: Visit) -> bool:
    try:
        user = await visit.accounts.authenticate_token(sessions.of(visit.request))
    except NotAuthenticated:
        return False
    except Unavailable:
        return True
    return user.has(_ROLE)


def _event(name: str, value: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(value))


ROOM = Room([Route("GET", "/live", follow, _ROLE)])
