"""What a farm needs, for so many jobs a day: processes, slots, disk, log. Arithmetic on measured costs, and a small simulation of a
busy hour for how long jobs wait. It measures nothing.
"""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass

from vidijob.bench.costs import Cost, Requests

_DAY = 86_400.0
#: A processor, or a place of a worker, that is busy for more of the time than this lets too much wait.
_BUSY = 0.7
#: Jobs of the busy hour that are simulated, at most.
_SIMULATED = 20_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be carried."""

    jobs_per_day: float
    steps: int
    #: Of one step, in a place of a worker.
    step_seconds: float
    #: For how many days ended jobs are kept.
    keep_days: float
    #: Requests a second for single jobs, on average.
    reads: float
    #: How many times as much as on average there is to do in the busiest hour.
    peak: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes."""

    #: In the busiest hour.
    jobs_per_second: float
    #: Processes with the API, of one processor each.
    api: int
    #: Processors for scheduling, claiming and reporting.
    engine: float
    #: Processors for Postgres.
    database: float
    #: Places of workers.
    slots: int
    #: Databases: how many sites the jobs must be divided into, at the rate at which one can carry them out at most.
    sites: int
    #: Bytes on the disk, at the end.
    disk: float
    #: Bytes of log in a day.
    log: float
    #: How long a job of the busiest hour waits for a place, in seconds: half of them at most, 95 of a hundred.
    waits: tuple[float, float]


def plan(wish: Wish, cost: Cost, requests: Requests) -> Plan:
    """Return what a wish takes, by what a job of so many steps costs."""
    rate = wish.jobs_per_day / _DAY * wish.peak
    reads = wish.reads * wish.peak
    answering = rate * requests.submission + reads * requests.read
    slots = max(math.ceil(rate * wish.steps * wish.step_seconds / _BUSY), 1)
    return Plan(
        jobs_per_second=rate,
        api=max(math.ceil(answering / _BUSY), 1),
        engine=rate * cost.engine / _BUSY,
        database=rate * cost.database / _BUSY,
        slots=slots,
        sites=max(math.ceil(rate * cost.time / _BUSY), 1),
        disk=wish.jobs_per_day * wish.keep_days * cost.disk,
        log=wish.jobs_per_day * cost.log,
        waits=simulated(rate, wish.steps, wish.step_seconds, slots),
    )


def simulated(rate: float, steps: int, step_seconds: float, slots: int, seed: int = 1) -> tuple[float, float]:
    """Let an hour of jobs come by chance, each with steps one after the other of lengths by chance, first come, first served;
    returns how long half of them wait in all at most, and 95 of a hundred.
    """
    chance = random.Random(seed)
    if rate <= 0 or step_seconds <= 0:
        return 0.0, 0.0
    jobs = min(max(int(rate * 3600), 100), _SIMULATED)
    free = [0.0] * slots
    now, order, waits = 0.0, 0, [0.0] * jobs
    due: list[tuple[float, int, int, int]] = []
    for job in range(jobs):
        now += chance.expovariate(rate)
        due.append((now, order, job, steps))
        order += 1
    heapq.heapify(due)
    while due:
        ready, _, job, left = heapq.heappop(due)
        began = max(ready, heapq.heappop(free))
        waits[job] += began - ready
        ended = began + chance.expovariate(1 / step_seconds)
        heapq.heappush(free, ended)
        if left > 1:
            heapq.heappush(due, (ended, order, job, left - 1))
            order += 1
    waits.sort()
    return waits[len(waits) // 2], waits[int(len(waits) * 0.95)]
