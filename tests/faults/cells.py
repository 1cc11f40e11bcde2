"""The chaos matrix: one fault a cell, each with a phase before, one while it lasts and one after it.

A cell measures what comes out of a system that is offered jobs of half a second at a steady rate, well within what one of its
workers could do: jobs ended in a second, before the fault and when it is over; how soon a new job begins after it; how soon what
a killed worker had under way runs elsewhere; what never ends. A fault of a process is over for the measure when its leases have
run out and a second more, any other after two seconds; a pressure is measured while it lasts as well. Since what is offered is
steady and what the machine could do is not asked, a rate below the offered one means that something stood still.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import isinf
from typing import TYPE_CHECKING

import asyncpg

from tests.faults.child import LASTING
from tests.faults.systems import NotTaken, System

if TYPE_CHECKING:
    from asyncpg import Connection, Record

#: When the second phase is over, what is measured begins so many seconds later.
_SETTLED = 2.0
#: The rest is waited for as long as something ends now and then, in seconds.
_PATIENCE = 45.0


@dataclass
class Cell:
    """One fault and what it cost a system."""

    name: str
    system: System
    #: Jobs that are offered in a second, and how many seconds a phase lasts.
    rate: float
    seconds: float
    #: Jobs ended in a second; ``during`` is left out where the fault takes no time.
    before: float = 0.0
    during: float | None = None
    after: float = 0.0
    #: Seconds from the end of the fault (for a crash: from when Postgres took connections) until a job began that was
    #: submitted after it; ``None``: none did.
    first: float | None = None
    #: For a killed or stopped worker: seconds until the last of what it had under way ran elsewhere, or had ended all the
    #: same; infinite: that never did.
    elsewhere: float | None = None
    #: When the jobs that were acknowledged were first submitted; those of them that had not ended when nothing ended any more.
    submitted: dict[int, float] = field(default_factory=dict)
    unfinished: int = 0
    breaches: list[str] = field(default_factory=list)
    exits: list[str] = field(default_factory=list)
    #: The process that was killed, and when.
    victim: tuple[int, float] | None = None
    #: When it is set, no more is offered.
    offered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def kind(self) -> Kind:
        """What its fault is like."""
        return KINDS[self.name]

    @property
    def recovery(self) -> float:
        """What comes out afterwards, as a share of what came out before, or of what was offered where a rest of earlier jobs came
        out as well; under a pressure, the lesser of meanwhile and afterwards.
        """
        least = min(self.during or 0, self.after) if self.kind.pressure else self.after
        return least / min(self.before, self.rate) if self.before else 0.0

    @property
    def good(self) -> bool:
        """Whether it kept every promise, and came back."""
        prompt = self.first is not None and (self.first <= 2 or not self.kind.prompt)
        prompt = prompt and (self.elsewhere or 0) <= self.system.lease + 1
        return not (self.breaches or self.exits or self.unfinished) and self.recovery >= 0.98 and prompt

    def line(self) -> str:
        """Return it for people."""
        during = "" if self.during is None else f"during {self.during:5.2f}/s, "
        first = "never" if self.first is None else f"{self.first:.2f} s"
        elsewhere = "" if self.elsewhere is None else f", elsewhere {_after(self.elsewhere)}"
        return (
            f"{'good' if self.good else 'BAD ':4} {self.system.title:13} {self.name:30} {self.recovery:4.2f} "
            f"(before {self.before:5.2f}/s, {during}after {self.after:5.2f}/s), first new job {first}{elsewhere}, "
            f"{self.unfinished} of {len(self.submitted)} unfinished {self.exits or ''}{self.breaches[:3] or ''}"
        )


def _after(seconds: float) -> str:
    return "never" if isinf(seconds) else f"after {seconds:.1f} s"


Act = Callable[[Cell], Awaitable[None]]


@dataclass(frozen=True)
class Kind:
    """What a fault does, and what it is like."""

    act: Act
    #: Whether leases must run out before it is over.
    leases: bool = False
    #: Whether nothing is broken: jobs are to go on meanwhile.
    pressure: bool = False
    #: Whether a new job is to begin within two seconds; where a leader vanishes, another one leads a little later.
    prompt: bool = False
    #: Whether it needs a server beside the workers.
    server: bool = False


async def _crash(cell: Cell) -> None:
    await cell.system.cluster.crash()


async def _cut(cell: Cell) -> None:
    for _ in range(3):
        await cell.system.cut()
        await asyncio.sleep(0.3)


async def _exhaust(cell: Cell) -> None:
    """All connections that Postgres gives are taken, and those of the system cut."""
    taken: list[Connection[Record]] = []
    try:
        for _ in range(3):
            await cell.system.cut()
            with suppress(asyncpg.PostgresError, OSError):
                while True:
                    taken.append(await asyncpg.connect(cell.system.cluster.url))
        await asyncio.sleep(3)
    finally:
        for connection in taken:
            connection.terminate()


async def _kill(cell: Cell) -> None:
    """Nobody comes in its place: the other one has it all."""
    victim = cell.system.workers[0]
    victim.process.kill()
    cell.victim = (victim.process.pid, time.time())
    victim.process.wait()
    cell.system.members.remove(victim)


async def _kill_again_and_again(cell: Cell) -> None:
    """Another process comes in the place of each at once."""
    for number in range(6):
        cell.system.kill(cell.system.members[number % len(cell.system.members)])
        await asyncio.sleep(1)


async def _stop_worker(cell: Cell) -> None:
    victim = cell.system.workers[0]
    cell.victim = (victim.process.pid, time.time())
    await cell.system.pause(victim, 2 * cell.system.lease)


async def _stop_server(cell: Cell) -> None:
    await cell.system.pause(cell.system.servers[0], cell.system.lease)


async def _idle_in_transaction(cell: Cell) -> None:
    """Somebody locks three of the jobs that wait, whatever the table is, and goes for coffee."""
    async with connected(cell.system) as connection, connection.transaction():
        held, end = 0, time.monotonic() + cell.seconds
        while time.monotonic() < end and held < 3:
            held += len(await connection.fetch(cell.system.head))
        await asyncio.sleep(max(end - time.monotonic(), 0))


async def _held_snapshot(cell: Cell) -> None:
    async with connected(cell.system) as connection, connection.transaction(isolation="repeatable_read"):
        await connection.execute("SELECT count(*) FROM pg_class")
        await asyncio.sleep(cell.seconds)


async def _readers(cell: Cell) -> None:
    """Three look at everything, one over the other, each for as long as the phase lasts."""
    end = time.monotonic() + cell.seconds

    async def read() -> None:
        async with connected(cell.system) as connection:
            while time.monotonic() < end:
                async with connection.transaction(isolation="repeatable_read"):
                    await connection.execute(cell.system.reading)
                    await asyncio.sleep(0.5)

    await asyncio.gather(*(read() for _ in range(3)))


async def _burst_of_notifications(cell: Cell) -> None:
    """Some hundreds of notifications a second, on every channel."""
    query = "SELECT pg_notify(c, '') FROM unnest($1::text[]) c, generate_series(1, 50) n"
    async with connected(cell.system) as connection:
        end = time.monotonic() + cell.seconds
        while time.monotonic() < end:
            await connection.execute(query, list(cell.system.channels))
            await asyncio.sleep(0.05)


async def _burst_of_jobs(cell: Cell) -> None:
    """What else comes in five seconds comes at once, beside the rest."""
    end = time.monotonic() + cell.seconds
    await asyncio.gather(*(_submit(cell) for _ in range(int(cell.rate * 5))))
    await asyncio.sleep(max(end - time.monotonic(), 0))


KINDS: dict[str, Kind] = {
    "Postgres crashes": Kind(_crash, prompt=True),
    "all connections are cut": Kind(_cut, prompt=True),
    "no connection is left": Kind(_exhaust, prompt=True),
    "a worker is killed": Kind(_kill, leases=True),
    "one after the other is killed": Kind(_kill_again_and_again, leases=True),
    "a worker is stopped": Kind(_stop_worker),
    "a server is stopped": Kind(_stop_server, leases=True, server=True),
    "idle in transaction": Kind(_idle_in_transaction, pressure=True, prompt=True),
    "a held snapshot": Kind(_held_snapshot, pressure=True, prompt=True),
    "overlapping readers": Kind(_readers, pressure=True, prompt=True),
    "a burst of notifications": Kind(_burst_of_notifications, pressure=True, prompt=True),
    "a burst of jobs": Kind(_burst_of_jobs, pressure=True, prompt=True),
}


@asynccontextmanager
async def connected(system: System) -> AsyncIterator[Connection[Record]]:
    """Connect to the system's database, as soon as it lets us."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                connection = await asyncpg.connect(system.cluster.url)
                break
            await asyncio.sleep(0.02)
    try:
        yield connection
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=2)


async def _submit(cell: Cell) -> None:
    """Submit a job, again and again until it is acknowledged."""
    began = time.time()
    while True:
        with suppress(NotTaken):
            cell.submitted[await cell.system.submit()] = began
            return
        await asyncio.sleep(0.05)


async def _offer(cell: Cell) -> None:
    """Offer jobs at the rate; one that is not taken does not keep the next one waiting."""
    begin, number = time.monotonic(), 0
    async with asyncio.TaskGroup() as group:
        while not cell.offered.is_set():
            group.create_task(_submit(cell))
            number += 1
            await asyncio.sleep(begin + number / cell.rate - time.monotonic())


async def run(name: str, system: System, *, seconds: float, rate: float) -> Cell:
    """Take a system through one cell; each phase lasts so many seconds."""
    cell = Cell(name, system, rate, seconds)
    await system.start()
    try:
        await system.until_ready()
        offering = asyncio.create_task(_offer(cell))
        async with asyncio.timeout(60):
            # What came before all had started has been done, and the rest comes and goes.
            while len(cell.submitted) < 3 * rate or await _behind(cell) > rate * LASTING + 2:
                await asyncio.sleep(0.5)
        began = time.time()
        await asyncio.sleep(seconds)
        hurt = time.time()
        await cell.kind.act(cell)
        over = time.time()
        await asyncio.sleep(system.lease + 1 if cell.kind.leases else _SETTLED)
        settled = time.time()
        await asyncio.sleep(seconds)
        end = time.time()
        cell.offered.set()
        await asyncio.wait({offering}, timeout=30)
        offering.cancel()
        ended = await _all_ended(cell)

        def rate_of(since: float, until: float) -> float:
            return sum(since < at <= until for at in ended.values()) / (until - since)

        cell.before, cell.after = rate_of(began, hurt), rate_of(settled, end)
        cell.during = rate_of(hurt, over) if over - hurt > 0.5 else None
        _beginnings(cell, over, ended)
        cell.breaches = await system.breaches(cell.submitted)
    finally:
        await system.close()
        await system.stop()
    cell.exits = system.exits
    return cell


async def _behind(cell: Cell) -> int:
    """Return how many jobs have not ended yet."""
    return len(cell.submitted) - len(await cell.system.ended())


async def _all_ended(cell: Cell) -> dict[int, float]:
    """Wait until all that was acknowledged has ended, as long as something does; return when what ended."""
    ended, since = await cell.system.ended(), time.monotonic()
    workers = cell.system.workers
    while time.monotonic() - since < _PATIENCE and cell.submitted.keys() - ended.keys():
        if all(worker.process.poll() is not None for worker in workers):
            break
        await asyncio.sleep(0.5)
        before, ended = ended, await cell.system.ended()
        if len(ended) != len(before):
            since = time.monotonic()
    cell.unfinished = len(cell.submitted.keys() - ended.keys())
    return ended


def _beginnings(cell: Cell, over: float, ended: dict[int, float]) -> None:
    """Find out when what began."""
    begun = cell.system.begun()
    cell.first = min((one.at - over for one in begun if cell.submitted.get(one.job, 0) > over), default=None)
    if cell.victim is None:
        return
    pid, killed = cell.victim
    under_way = {one.job for one in begun if one.pid == pid and one.at <= killed < ended.get(one.job, float("inf"))}
    # Or it has ended: by a worker that was only stopped.
    again = {job: ended.get(job, float("inf")) for job in under_way}
    for one in begun:
        if one.job in under_way and one.pid != pid:
            again[one.job] = min(again[one.job], one.at)
    cell.elsewhere = max((at - killed for at in again.values()), default=0.0)


def table(cells: list[Cell]) -> str:
    """Return all that was measured: a line for each cell, a column for each system."""
    titles = list(dict.fromkeys(cell.system.title for cell in cells))
    found = {(cell.name, cell.system.title): cell for cell in cells}
    rows = [["", *titles]]
    for name in dict.fromkeys(cell.name for cell in cells):
        row = [name]
        for title in titles:
            cell = found.get((name, title))
            row.append("-" if cell is None else _short(cell))
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles) + 1)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    what = (
        "recovery; seconds until a new job began; seconds until a killed worker's jobs ran elsewhere; unfinished; exits"
    )
    return "\n".join([what, *lines])


def _short(cell: Cell) -> str:
    first = "never" if cell.first is None else f"{cell.first:.2f} s"
    elsewhere = "" if cell.elsewhere is None else f", {_after(cell.elsewhere)}"
    wrong = f", {cell.unfinished} unfinished" if cell.unfinished else ""
    wrong += f", {len(cell.exits)} exits" if cell.exits else ""
    wrong += f", {len(cell.breaches)} breaches" if cell.breaches else ""
    return f"{cell.recovery:.2f}, {first}{elsewhere}{wrong}"
