"""The chaos matrix: one fault a cell, each with a phase before, one while it lasts and one after it, of jobs that do nothing.

A cell measures what the fleet carries out when it has always enough to do: jobs ended in a second, before and after; how soon
after a crash a job ends again; how soon the steps of a killed worker run elsewhere. Rates are of one run on one machine and
mean something only beside each other.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from tests.faults import checker, child
from tests.faults.fleet import Fleet
from vidijob.engine.bell import Bell
from vidijob.errors import Unavailable
from vidijob.jobs.graph import plan
from vidijob.jobs.model import Priority
from vidijob.jobs.states import ENDED, JobState
from vidijob.store import jobs
from vidijob.store.database import Database
from vidijob.store.jobs import NewJob

if TYPE_CHECKING:
    from asyncpg import Connection, Record

#: So many jobs are kept waiting.
_BACKLOG = 300
#: After the fault, for so many seconds, nothing is measured.
_SETTLE = 6.0
_ENDED = [state.value for state in ENDED]
Act = Callable[["Cell"], Awaitable[None]]


@dataclass
class Cell:
    """One fault and what it cost."""

    name: str
    fleet: Fleet
    #: Jobs in a second.
    before: float = 0.0
    during: float = 0.0
    after: float = 0.0
    #: Seconds from the end of the fault (for a crash: from when Postgres took connections) to the next job's end.
    first: float = 0.0
    #: For a killed worker: seconds until the last of its steps ran elsewhere.
    elsewhere: float | None = None
    breaches: list[str] = field(default_factory=list)
    exits: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether it kept every promise, and came back."""
        prompt = self.elsewhere is None or self.elsewhere <= self.fleet.lease + 1
        return not (self.breaches or self.exits) and self.after >= 0.98 * self.before and self.first <= 2 and prompt

    def line(self) -> str:
        """Return it for people."""
        elsewhere = "" if self.elsewhere is None else f", steps elsewhere after {self.elsewhere:.1f} s"
        return (
            f"{'good' if self.good else 'BAD ':4} {self.name:32} before {self.before:6.1f}/s, during {self.during:6.1f}/s, "
            f"after {self.after:6.1f}/s ({self.after / self.before if self.before else 0:.2f}), "
            f"first job after {self.first:.2f} s{elsewhere} {self.exits or ''}{self.breaches[:3] or ''}"
        )


async def _crash(cell: Cell) -> None:
    await cell.fleet.cluster.crash()


async def _cut(cell: Cell) -> None:
    for _ in range(3):
        await cell.fleet.cut()
        await asyncio.sleep(0.3)


async def _exhaust(cell: Cell) -> None:
    """All connections that Postgres gives are taken, and those of the fleet cut."""
    taken: list[Connection[Record]] = []
    try:
        for _ in range(3):
            await cell.fleet.cut()
            with suppress(asyncpg.PostgresError, OSError):
                while True:
                    taken.append(await asyncpg.connect(cell.fleet.cluster.url))
        await asyncio.sleep(3)
    finally:
        for connection in taken:
            connection.terminate()


async def _kill(cell: Cell) -> None:
    victim = cell.fleet.workers[0]
    held = "SELECT count(*) FROM lease WHERE worker = (SELECT id FROM worker WHERE pid = $1)"
    async with connected(cell.fleet) as connection:
        while True:
            # Only while it stands still is it certain that it holds something when it is killed.
            victim.process.send_signal(signal.SIGSTOP)
            if await connection.fetchval(held, victim.process.pid):
                break
            victim.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.01)
        killed = time.time()
        # Not replaced at once: the steps are for the others.
        victim.process.kill()
        victim.process.wait()
        while await connection.fetchval(held, victim.process.pid):
            await asyncio.sleep(0.05)
    cell.elsewhere = time.time() - killed
    cell.fleet.members.remove(victim)
    cell.fleet.add("worker")


async def _kill_again_and_again(cell: Cell) -> None:
    for number in range(6):
        cell.fleet.kill(cell.fleet.members[number % len(cell.fleet.members)])
        await asyncio.sleep(1)


async def _stop_worker(cell: Cell) -> None:
    await cell.fleet.pause(cell.fleet.workers[0], 2 * cell.fleet.lease)


async def _stop_leader(cell: Cell) -> None:
    await asyncio.gather(*(cell.fleet.pause(member, cell.fleet.lease) for member in cell.fleet.servers[:1]))


async def _idle_in_transaction(cell: Cell) -> None:
    """Somebody locks the head of the queues and goes for coffee."""
    async with connected(cell.fleet) as connection, connection.transaction():
        await connection.execute("SELECT FROM job_queue ORDER BY priority DESC, job_id LIMIT 3 FOR UPDATE")
        await asyncio.sleep(5)


async def _held_snapshot(cell: Cell) -> None:
    async with connected(cell.fleet) as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("SELECT count(*) FROM job")
        await asyncio.sleep(8)


async def _readers(cell: Cell) -> None:
    async def read() -> None:
        async with connected(cell.fleet) as connection:
            end = time.monotonic() + 6
            while time.monotonic() < end:
                await connection.execute(
                    "SELECT count(*) FROM job j JOIN step s ON s.job_id = j.id JOIN event e ON e.job_id = j.id"
                )

    await asyncio.gather(*(read() for _ in range(3)))


async def _burst(cell: Cell) -> None:
    """Notifications without end, on every channel."""
    async with connected(cell.fleet) as connection:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            await connection.execute(
                "SELECT pg_notify(c, n::text) FROM unnest('{vidijob_job,vidijob_step,vidijob_stop}'::text[]) c, generate_series(1, 50) n"
            )


CELLS: dict[str, Act] = {
    "Postgres crashes": _crash,
    "all connections are cut": _cut,
    "no connection is left": _exhaust,
    "a worker is killed": _kill,
    "one after the other is killed": _kill_again_and_again,
    "a worker is stopped": _stop_worker,
    "a server is stopped": _stop_leader,
    "idle in transaction": _idle_in_transaction,
    "a held snapshot": _held_snapshot,
    "overlapping readers": _readers,
    "a burst of notifications": _burst,
}


@asynccontextmanager
async def connected(fleet: Fleet) -> AsyncIterator[Connection[Record]]:
    """Connect to the fleet's database, as soon as it lets us."""
    connection = await _connect(fleet)
    try:
        yield connection
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=2)


async def _connect(fleet: Fleet) -> Connection[Record]:
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                return await asyncpg.connect(fleet.cluster.url)
            await asyncio.sleep(0.02)


class Feed:
    """Keeps the fleet busy, and counts."""

    def __init__(self, fleet: Fleet) -> None:
        url = fleet.cluster.url
        self._database = Database(lambda: url, connections=2, application="feed")
        self._bell = Bell(self._database)
        self._plan = plan(child.TYPE.tasks)
        self.acknowledged: list[int] = []
        self._feeding: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to feed."""
        await self._database.open()
        self._bell.start()
        self._feeding = asyncio.create_task(self._feed())

    async def stop(self) -> None:
        """Feed no more."""
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait({self._feeding})
        await self._bell.stop()
        await self._database.close()

    async def _feed(self) -> None:
        new = NewJob("FAULT", JobState.READY, Priority.MEDIUM, "admin", {}, self._plan)
        while True:
            with suppress(Unavailable):
                async with self._database.session() as session:
                    waiting = await session._connection.fetchval("SELECT count(*) FROM job_queue")
                if waiting < _BACKLOG:
                    stored = await jobs.submit(self._database, [new] * (_BACKLOG - waiting))
                    self.acknowledged += [one[0] for one in stored if one is not None]
                    self._bell.ring("vidijob_job")
            await asyncio.sleep(0.1)


async def _ended(fleet: Fleet) -> int:
    async with connected(fleet) as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM job WHERE state = ANY ($1)", _ENDED)
        return found


async def _rate(fleet: Fleet, seconds: float) -> float:
    """Return how many jobs ended in a second, over so many."""
    before, began = await _ended(fleet), time.monotonic()
    await asyncio.sleep(seconds)
    return (await _ended(fleet) - before) / (time.monotonic() - began)


async def run(name: str, folder: Path, *, seconds: float, lease: float) -> Cell:
    """Go through one cell; each phase lasts so many seconds."""
    fleet = Fleet(folder, limit=32, lease=lease)
    cell, feed = Cell(name, fleet), Feed(fleet)
    await fleet.start()
    try:
        await feed.start()
        async with asyncio.timeout(60):
            while await _ended(fleet) < 50:
                await asyncio.sleep(0.2)
        cell.before = await _rate(fleet, seconds)
        ended, began = await _ended(fleet), time.monotonic()
        await CELLS[name](cell)
        then, over = await _ended(fleet), time.monotonic()
        cell.during = (then - ended) / (over - began)
        async with asyncio.timeout(60):
            while await _ended(fleet) <= then:
                await asyncio.sleep(0.02)
        cell.first = time.monotonic() - over
        await asyncio.sleep(_SETTLE)
        cell.after = await _rate(fleet, seconds)
        await feed.stop()
        async with asyncio.timeout(120):
            while await _ended(fleet) < await _all(fleet):
                await asyncio.sleep(0.2)
        async with connected(fleet) as connection:
            for kind in ("json", "jsonb"):
                await connection.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
            log = await checker.read(connection)
        journal = [checker.Begun(*map(int, line.split())) for line in fleet.journal.read_text().splitlines()]
        cell.breaches = checker.breaches(log, limit=fleet.limit, acknowledged=feed.acknowledged, journal=journal)
    finally:
        await fleet.stop()
    cell.exits = fleet.exits
    return cell


async def _all(fleet: Fleet) -> int:
    async with connected(fleet) as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM job")
        return found
