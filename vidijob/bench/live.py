"""What open pages of the console cost the server, and how soon each hears what happens. Server, pages and engine are three:
the server is a process of its own, and pages and engine are this one.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson

from vidijob.bench.figures import quantile
from vidijob.bench.running import USER, chain, running
from vidijob.bench.serving import Served, Wanted, serving
from vidijob.engine.accounts import Accounts
from vidijob.engine.commands import Commands
from vidijob.errors import SetupError
from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Priority
from vidijob.store.database import Database

_SITE = "VX"
_ROLES = ["_job_read", "_job_search", "_job_write"]
_STEPS = 3
#: After the last job, until everybody must have heard of it, in seconds.
_PATIENCE = 5.0
#: Before the measuring begins: pages load themselves when they are opened.
_WARM = 2.0
_LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured."""

    pages: int
    seconds: float
    jobs: int
    #: What each page was told of all jobs and their steps, in a second.
    events: float
    #: Of the server, in seconds of one core for each second.
    cores: float
    #: How often pages were loaded again, as browsers do it.
    loads: int
    #: Of all pages and jobs: from before a submission to when a page was told of it, in milliseconds.
    median: float
    late: float
    latest: float
    #: What some page was not told.
    missed: int


@dataclass
class _Watch:
    """What the pages hear."""

    submitted: dict[str, float] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    events: int = 0
    loads: int = 0
    open: int = 0

    def hear(self, changes: list[tuple[str, int | None, str]]) -> None:
        """Take what one page is told."""
        now = time.perf_counter()
        self.events += len(changes)
        for job, step, state in changes:
            if step is None and state == "READY" and job in self.submitted:
                self.delays.append(1000 * (now - self.submitted[job]))


async def look(database: Database, *, pages: int, rate: float, seconds: float) -> Seen:
    """Keep so many pages open while so many jobs a second are submitted and carried out."""
    async with _session(database) as cookies, serving(Wanted(database.url)) as served:
        connector = aiohttp.TCPConnector(limit=0)
        unhurried = aiohttp.ClientTimeout(total=None, sock_read=_LONGEST)
        async with aiohttp.ClientSession(cookies=cookies, connector=connector, timeout=unhurried) as client:
            watch = _Watch()
            opened = [asyncio.create_task(_page(client, served.address, watch)) for _ in range(pages)]
            try:
                return await _measure(database, served, watch, opened, rate=rate, seconds=seconds)
            finally:
                for page in opened:
                    page.cancel()
                await asyncio.gather(*opened, return_exceptions=True)


async def _measure(
    database: Database, served: Served, watch: _Watch, opened: list[asyncio.Task[None]], *, rate: float, seconds: float
) -> Seen:
    async with asyncio.timeout(_LONGEST):
        while watch.open < len(opened):
            await _unless_broken(opened)
            await asyncio.sleep(0.05)
    await asyncio.sleep(_WARM)
    watch.loads = watch.events = 0
    used, begun = _used(served.pid), time.perf_counter()
    async with running(database) as engine:
        commands = Commands(database, engine.bell, _plan, _SITE, engine.arrivals)
        for number in range(int(rate * seconds)):
            before = time.perf_counter()
            job = await commands.submit(USER, "BENCH", Priority.MEDIUM, {})
            watch.submitted[job_name(_SITE, job.id)] = before
            await asyncio.sleep(max(begun + (number + 1) / rate - time.perf_counter(), 0))
        taken = time.perf_counter() - begun
        cores, loads = (_used(served.pid) - used) / taken, watch.loads
        wanted, end = len(watch.submitted) * len(opened), time.perf_counter() + _PATIENCE
        while len(watch.delays) < wanted and time.perf_counter() < end:
            await _unless_broken(opened)
            await asyncio.sleep(0.05)
    if not watch.delays:
        raise SetupError("No page was told of any job.")
    return Seen(
        pages=len(opened),
        seconds=taken,
        jobs=len(watch.submitted),
        events=watch.events / len(opened) / taken,
        cores=cores,
        loads=loads,
        median=quantile(watch.delays, 0.5),
        late=quantile(watch.delays, 0.99),
        latest=max(watch.delays),
        missed=wanted - len(watch.delays),
    )


async def _page(client: aiohttp.ClientSession, address: str, watch: _Watch) -> None:
    """Be a page: follow, and load the table again whenever something happened, no more often than the server says."""
    pace, due = 2.0, 0.0
    async with asyncio.TaskGroup() as loading, client.get(f"{address}/console/live") as answer:
        if answer.status != 200:
            raise SetupError(f"A page is answered with {answer.status} when it wants to follow.")
        name = b""
        async for line in answer.content:
            if line.startswith(b"event: "):
                name = line[7:].strip()
            if not line.startswith(b"data: "):
                continue
            if name == b"pace":
                pace = orjson.loads(line[6:])
                watch.open += not due
                due = due or time.perf_counter()
            elif name == b"news":
                watch.hear(orjson.loads(line[6:])["changes"])
                if time.perf_counter() >= due:
                    due = time.perf_counter() + pace * random.uniform(0.85, 1.15)
                    loading.create_task(_load(client, address, watch))


async def _load(client: aiohttp.ClientSession, address: str, watch: _Watch) -> None:
    async with client.get(f"{address}/console/jobs") as answer:
        await answer.read()
        watch.loads += answer.status == 200


@asynccontextmanager
async def _session(database: Database) -> AsyncIterator[dict[str, str]]:
    """Make a user who is logged in, for as long as it is needed; gives its cookie."""
    accounts, name, password = Accounts(database), f"bench-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    await accounts.add(name, password, _ROLES)
    try:
        yield {"vidijob_session": await accounts.open_session(name, password)}
    finally:
        await accounts.delete(name)


async def _plan(type: str) -> tuple[PlannedStep, ...]:
    return chain(_STEPS)


async def _unless_broken(opened: list[asyncio.Task[None]]) -> None:
    for page in opened:
        if page.done():
            await page
            raise SetupError("A page was let go: it did not take what it was told in time.")


def _used(pid: int) -> float:
    """Return how much of a processor a process has used, in seconds."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        raise SetupError("What a process uses can be read under /proc only, which Linux has.") from None
    return (int(numbers[11]) + int(numbers[12])) / float(os.sysconf("SC_CLK_TCK"))
