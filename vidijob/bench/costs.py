"""What a job costs, by how many steps it has: measured with few and with many, and a line through both. And what a request costs a
process that answers it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import aiohttp

from vidijob.access import ROLES
from vidijob.bench.clients import Asked, ask
from vidijob.bench.running import Ours
from vidijob.bench.serving import Wanted, serving
from vidijob.engine.accounts import Accounts
from vidijob.engine.jobtypes import JobTypes
from vidijob.store import bench
from vidijob.store.database import Database

#: The two numbers of steps that a line is drawn through.
FEW, MANY = 1, 6
_CLIENTS = 32
#: The statistics of the server are a second late.
_LATE = 1.5


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job costs, all in all: submitted, carried out, ended."""

    #: Seconds of a processor for the server's own processes, without HTTP and without what the steps do.
    engine: float
    #: Seconds of a processor for Postgres; 0 where it runs on another machine.
    database: float
    #: Bytes of the write-ahead log.
    log: float
    #: Bytes on the disk, with indexes, as long as the job is kept.
    disk: float
    #: Transactions.
    commits: float
    #: Seconds by the clock, when nothing but such jobs is done.
    time: float

    def combined(self, other: Cost, act: Callable[[float, float], float]) -> Cost:
        """Return what comes of each part of two."""
        return Cost(*(act(getattr(self, one.name), getattr(other, one.name)) for one in fields(Cost)))


@dataclass(frozen=True, slots=True)
class Line:
    """The cost of jobs of any number of steps."""

    few: Cost
    many: Cost

    def at(self, steps: int) -> Cost:
        """Return what a job of so many steps costs."""
        share = (steps - FEW) / (MANY - FEW)
        return self.few.combined(self.many, lambda few, many: max(few + share * (many - few), 0.0))


@dataclass(frozen=True, slots=True)
class Requests:
    """Seconds of a processor that a process with the API takes over one request."""

    read: float
    submission: float


async def line(database: Database, jobs: int) -> Line:
    """Measure, in a database that is there for that."""
    # The first run of all is slower: everything is new to everybody.
    await measured(database, max(jobs // 4, 1), FEW)
    return Line(await measured(database, jobs, FEW), await measured(database, max(jobs // 2, 1), MANY))


async def measured(database: Database, jobs: int, steps: int) -> Cost:
    """Return what a job of so many steps costs, by so many of them."""
    ours = Ours(database)
    await ours.clear()
    await asyncio.sleep(_LATE)
    log, disk, commits = await _counters(database)
    backends = {pid: _processor_seconds(pid) for pid in await bench.backends(database)}
    own, begun = time.process_time(), time.perf_counter()
    await ours.submit(jobs, _CLIENTS, steps=steps, grouped=True)
    await ours.drain(jobs, steps)
    taken, own = time.perf_counter() - begun, time.process_time() - own
    server = 0.0
    for pid in await bench.backends(database):
        server += max(_processor_seconds(pid) - backends.get(pid, 0.0), 0.0)
    await asyncio.sleep(_LATE)
    after = await _counters(database)
    return Cost(
        own / jobs,
        server / jobs,
        (after[0] - log) / jobs,
        (after[1] - disk) / jobs,
        (after[2] - commits) / jobs,
        taken / jobs,
    )


async def requests(database: Database, seconds: float) -> Requests:
    """Measure what a process that answers takes of its processor, in a database that is there for that and has no users."""
    await JobTypes(database).ship()
    password = secrets.token_urlsafe(16)
    await Accounts(database).add("admin", password, list(ROLES))
    login = {"Authorization": aiohttp.encode_basic_auth("admin", password), "Accept": "application/xml"}
    async with serving(Wanted(database.url)) as served:
        order = f"{served.address}/API/job?type=THUMBNAIL&holdJob=true"
        submission = Asked.of(order, login, "POST")
        wanted = {**login, "Accept": "application/json"}
        async with aiohttp.ClientSession() as session, session.post(order, headers=wanted) as answer:
            id = (await answer.json())["jobId"]
        read = Asked.of(f"{served.address}/API/job/{id}", login)
        found = []
        for asked in (read, submission):
            await ask([asked], _CLIENTS, seconds / 4)
            before = _processor_seconds(served.pid)
            heard = await ask([asked], _CLIENTS, seconds)
            found.append((_processor_seconds(served.pid) - before) / heard.answers)
    return Requests(*found)


async def _counters(database: Database) -> tuple[int, int, int]:
    return await bench.written(database), await bench.grown(database), await bench.commits(database)


def _processor_seconds(pid: int) -> float:
    """Return what a process of this machine has used so far; 0 for one that is not here."""
    with suppress(OSError, ValueError, IndexError):
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
