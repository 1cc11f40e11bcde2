"""How fast jobs are submitted, picked up and carried out: by the engine itself, beside other job queues and beside the least
that Postgres can do, by turns in one run. Everything is put into a second database.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec

from vidijob.bench.counting import counting
from vidijob.bench.figures import Figure, Size, quantile
from vidijob.bench.held import held
from vidijob.bench.history import history
from vidijob.bench.peers import Dbos, PgQueuer, Procrastinate
from vidijob.bench.running import AT_ONCE, Ours
from vidijob.store import bench, ceiling
from vidijob.store.database import Database

_CHAIN = 3
#: Of what a peer takes a hundred times as long for, there is this part of the jobs.
_FEWER = 50
#: What the least that Postgres can do is done with.
_CONNECTIONS, _BATCH = 4, 32
_POSTED_STEPS = 4
_CLIENTS = (1, 32)
#: Jobs a second, of which it is told how long they wait.
_IDLE_RATE = 20
_LIMIT = 10


async def drained(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Jobs of one step that do nothing, and what they add to the write-ahead log, beside two other queues."""
    ours = Ours(database)
    queue, limited, slow = PgQueuer(database), PgQueuer(database, batch=_LIMIT, limit=_LIMIT), Procrastinate(database)
    await queue.make()
    await slow.make()
    rates: dict[str, list[float]] = {"ours": [], "queue": [], "limited": [], "slow": []}
    logs: dict[str, list[float]] = {"ours": [], "queue": []}
    some = size.part(10)
    for _ in range(size.rounds):
        for name, system in (("ours", ours), ("queue", queue)):
            await system.clear()
            before = await bench.written(database)
            await system.put(size.jobs)
            rates[name].append(size.jobs / await system.drain(size.jobs))
            logs[name].append((await bench.written(database) - before) / size.jobs)
        for name, other in (("limited", limited), ("slow", slow)):
            await other.clear()
            await other.put(some)
            rates[name].append(some / await other.drain(some))
    this = statistics.median(rates["ours"])
    for name, beside in (
        ("queue", "PgQueuer, batches of 100"),
        ("limited", f"PgQueuer, at most {_LIMIT} at once"),
        ("slow", "Procrastinate"),
    ):
        yield Figure("jobs of one step", this, statistics.median(rates[name]), beside, unit="jobs/s")
    yield Figure(
        "write-ahead log of a job",
        statistics.median(logs["ours"]),
        statistics.median(logs["queue"]),
        "PgQueuer",
        unit="bytes",
    )


async def chained(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Jobs of three steps, one after the other, beside the least that they can be in Postgres, and beside workflows of DBOS
    where that is installed.
    """
    ours, dbos = Ours(database), Dbos(database, _CHAIN) if find_spec("dbos") is not None else None
    await ceiling.make(database)
    number, few = size.part(2), size.part(_FEWER)
    rates: dict[str, list[float]] = {"ours": [], "least": [], "whole": [], "dbos": []}
    for _ in range(size.rounds):
        await ours.clear()
        begun = time.perf_counter()
        await ours.put(number, _CHAIN)
        putting = time.perf_counter() - begun
        carried_out = await ours.drain(number, _CHAIN)
        rates["ours"].append(number / carried_out)
        rates["whole"].append(number / (putting + carried_out))
        await ceiling.put(database, number, _CHAIN)
        rates["least"].append(number / await _least(database))
        if dbos is not None:
            rates["dbos"].append(few / await dbos.run(few))
    found = {name: statistics.median(each) for name, each in rates.items() if each}
    beside = f"bare statements, {_CONNECTIONS} connections, {_BATCH} jobs in each"
    yield Figure(f"jobs of {_CHAIN} steps", found["ours"], found["least"], beside, unit="jobs/s")
    if dbos is None:
        return
    beside = f"DBOS, workflows of {_CHAIN} steps"
    yield Figure(
        f"the same, with their submission, {AT_ONCE} at once", found["whole"], found["dbos"], beside, unit="jobs/s"
    )


async def _least(database: Database) -> float:
    async def work() -> None:
        while started := await ceiling.claim(database, _BATCH):
            while started:
                started = await ceiling.advance(database, started)

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(_CONNECTIONS)))
    taken = time.perf_counter() - begun
    if left := await ceiling.open_jobs(database):
        raise AssertionError(f"{left} jobs have not ended")
    return taken


async def submitted(database: Database, size: Size) -> AsyncIterator[Figure]:
    """Submissions of jobs of four steps, checked and stored when they return: those that wait together beside each alone."""
    ours = Ours(database)
    for clients in _CLIENTS:
        number = size.part(5 if clients > 1 else 10)
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(size.rounds):
            for grouped, found in ((True, rates[0]), (False, rates[1])):
                await ours.clear()
                taken = await ours.submit(number, clients, steps=_POSTED_STEPS, grouped=grouped)
                found.append(number / taken)
        name = f"submissions, {clients} client{'s' if clients > 1 else ''}"
        this, other = map(statistics.median, rates)
        yield Figure(name, this, other, "each in a transaction of its own", unit="jobs/s")


async def picked_up(database: Database, size: Size) -> AsyncIterator[Figure]:
    """From the beginning of a submission to that of its step, while there is little to do, beside another queue."""
    ours, queue = Ours(database), PgQueuer(database)
    await queue.make()
    number = min(100, size.part(20))
    waits: tuple[list[float], list[float]] = ([], [])
    for _ in range(size.rounds):
        for system, found in ((ours, waits[0]), (queue, waits[1])):
            await system.clear()
            found += await system.waits(number, 1 / _IDLE_RATE)
    for share in (0.5, 0.99):
        name = f"picked up after, {_IDLE_RATE} jobs/s, p{100 * share:.0f}"
        this, other = (quantile(found, share) for found in waits)
        yield Figure(name, this, other, "PgQueuer")


#: All figures, by the names that they are asked for.
FIGURES: dict[str, Callable[[Database, Size], AsyncIterator[Figure]]] = {
    "drain": drained,
    "chain": chained,
    "submit": submitted,
    "pickup": picked_up,
    "held": held,
    "history": history,
    "counts": counting,
}
