"""What steps that engines elsewhere carry out need of the engine: an address for each to call back, and what comes in there.

The message of a remote engine reaches the worker through the database: any process may take it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

from vidijob import access
from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop
from vidijob.errors import LeaseLost, NotFound, Unavailable
from vidijob.executors.base import ProgressUnit, StepContext
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import JobId, LeaseNumber, StepNumber
from vidijob.jobs.remote import Message, Verdict
from vidijob.store import remote_calls
from vidijob.store.database import Database
from vidijob.store.remote_calls import News

_log = logging.getLogger(__name__)

#: Seconds between two looks while a remote engine works; the bell makes it sooner.
_POLL = 2.0
#: And while a take-over is to be told of a job that somebody has locked.
_SOON = 0.1
_ASLEEP = 3600.0


class Reception:
    """Takes what remote engines tell."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def require(self, token: str) -> None:
        """Raise ``NotFound`` for a token that is not known, or whose attempt is over without an outcome."""
        status = await remote_calls.status(self._database, access.token_digest(token))
        if status is None or not (status.held or status.ended):
            raise NotFound("Callback", "of this address")

    async def take(self, token: str, message: Message) -> None:
        """Keep a message for the worker that waits for it; after the first outcome, nothing is kept any more."""
        if await remote_calls.tell(self._database, access.token_digest(token), message):
            self._bell.ring("vidijob_remote")
        else:
            await self.require(token)


class RemoteCalls:
    """For the workers of one process; ``address`` tells the URL below which a token is put, or ``None`` if none is known."""

    def __init__(self, database: Database, bell: Bell, site: str, address: Callable[[], Awaitable[str | None]]) -> None:
        self._database = database
        self._site = site
        self._address = address
        self._open: dict[bytes, _Callback] = {}
        self._looks = Loop("remote calls", self.look)
        bell.on("vidijob_remote", self._looks.wake)

    def start(self) -> None:
        """Begin to look for what is told."""
        self._looks.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._looks.stop()

    @asynccontextmanager
    async def open(self, step: StepContext) -> AsyncIterator[_Callback]:
        """Make an address for an attempt, which is dead when the attempt has ended."""
        address = await self._address()
        token = access.new_token()
        digest = access.token_digest(token)
        job = parse_job(self._site, step.job)
        callback = _Callback(step, job, None if address is None else f"{address}/{token}", self._looks.wake)
        if not await remote_calls.open_(self._database, digest, job, StepNumber(step.step), LeaseNumber(step.lease)):
            raise LeaseLost(job, step.step, step.lease)
        self._open[digest] = callback
        self._looks.wake()
        try:
            yield callback
        finally:
            del self._open[digest]
            try:
                await remote_calls.close(self._database, digest)
            except Unavailable as error:
                # It is dead all the same when the lease is given up; the sweeper takes it out.
                _log.warning("step %d of job %s: its address stays for a while: %s", step.step, step.job, error)

    async def look(self) -> float:
        """Tell which steps were taken over, and hand on what remote engines have told since the last look."""
        due = {digest: callback for digest, callback in self._open.items() if callback.due}
        if due:
            calls = {digest: callback.job for digest, callback in due.items()}
            for digest in await remote_calls.take_over(self._database, calls):
                due.pop(digest).due = False
        if not self._open:
            return _ASLEEP
        known = {digest: callback.version for digest, callback in self._open.items()}
        for news in await remote_calls.news(self._database, known):
            if (told := self._open.get(news.digest)) is not None:
                told.hear(news)
        return _SOON if due else _POLL


class _Callback:
    """One address, as the worker sees it."""

    def __init__(self, step: StepContext, job: JobId, url: str | None, wake: Callable[[], None]) -> None:
        self.url = url
        self.job = job
        #: A take-over that is not stored yet.
        self.due = False
        #: How much of what was told has been heard.
        self.version = 0
        self._lines = 0
        self._step = step
        self._wake = wake
        self._verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

    def taken_over(self) -> None:
        """Have it stored that a remote engine has taken the step over."""
        self.due = True
        self._wake()

    async def verdict(self) -> Verdict:
        """Wait until the engine says how the step ended."""
        return await self._verdict

    def hear(self, news: News) -> None:
        """Hand on what is new."""
        self.version = news.version
        if news.progress is not None:
            told = news.progress
            self._step.progress(told.value, told.total, cast(ProgressUnit, told.unit))
        for line in news.lines[self._lines :]:
            self._step.note(line)
        self._lines = len(news.lines)
        if news.verdict is not None and not self._verdict.done():
            self._verdict.set_result(news.verdict)
