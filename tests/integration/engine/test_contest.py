"""Many schedulers and workers fight for the same jobs while some of them are killed; the event log says who was right.

``VIDIJOB_TEST_CONTEST=2000`` makes it long.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from datetime import timedelta

import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor
from tests.integration.engine.test_admission import most_started
from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.scheduler import Scheduler
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.registry import Registry
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState
from vidijob.store.database import Database

JOBS = int(os.environ.get("VIDIJOB_TEST_CONTEST", "200"))
LIMIT = 5
LEASE = timedelta(seconds=1.5)


def kill(part: object) -> None:
    """End a part as kill -9 does: nothing is handed back, nobody is told."""
    loops = [*vars(part).values(), *(vars(part._reports).values() if isinstance(part, Worker) else ())]
    for thing in loops:
        if isinstance(thing, Loop) and thing._task is not None:
            thing._task.cancel()
    if isinstance(part, Worker):
        for run in part._runs.values():
            if run.task is not None:
                run.task.cancel()
        part._runs.clear()
        part._room._over = True
        part._reports._ends.clear()
    if isinstance(part, Scheduler):
        part._term = None


class Process:
    """What one process has of its own: connections and ears."""

    def __init__(self, url: str) -> None:
        self.database = Database(lambda: url, connections=3)
        self.bell = Bell(self.database)
        self.parts: list[Scheduler | Worker | Rescuer] = []

    async def start(self) -> None:
        await self.database.open()
        self.bell.start()

    def scheduler(self) -> Scheduler:
        scheduler = Scheduler(self.database, self.bell, concurrent_jobs=LIMIT)
        rescuer = Rescuer(self.database, self.bell, lambda: scheduler.leads)
        self._run(scheduler, rescuer)
        return scheduler

    def worker(self, executor: ScriptedExecutor) -> Worker:
        worker = Worker(self.database, self.bell, Registry({"test": executor}), slots=4, site="VX")
        for part in self.parts:
            if isinstance(part, Scheduler):
                part.employ(worker)
        self._run(worker)
        return worker

    def _run(self, *parts: Scheduler | Worker | Rescuer) -> None:
        for part in parts:
            self.parts.append(part)
            part.start()

    async def stop(self) -> None:
        for part in self.parts:
            await part.stop()
        await self.bell.stop()
        await self.database.close()


@pytest.mark.slow
@pytest.mark.timeout(60 + JOBS)
async def test_never_more_than_the_limit_whoever_is_killed(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("worker", "rescuer"):
        monkeypatch.setattr(f"vidijob.engine.{module}.LEASE", LEASE)

    async def work(step: StepContext) -> Outcome:
        await asyncio.sleep(random.uniform(0, 0.01))
        return Done()

    chance = random.Random(7)
    priorities = chance.choices(list(Priority), k=JOBS)
    # All wait before anybody begins: how quickly they are submitted decides nothing.
    ids = await asyncio.gather(*(engine.submit(priority=priority) for priority in priorities))
    processes = [Process(url) for _ in range(4)]
    await asyncio.gather(*(process.start() for process in processes))
    schedulers = [process.scheduler() for process in processes for _ in range(2)]
    workers = [process.worker(ScriptedExecutor(work=work)) for process in processes for _ in range(4)]
    try:
        for _ in range(max(3, JOBS // 100)):
            await asyncio.sleep(0.7)
            for victim in [*chance.sample(workers, 3), *(one for one in schedulers if one.leads)]:
                kill(victim)
            # Others come in their place.
            process = chance.choice(processes)
            workers = [*(one for one in workers if one._claims._task and not one._claims._task.cancelling()),
                       *(process.worker(ScriptedExecutor(work=work)) for _ in range(3))]  # fmt: skip
            schedulers = [one for one in schedulers if one._elections._task and not one._elections._task.cancelling()]
            schedulers.append(process.scheduler())
        for id in ids:
            assert (await engine.until(id, seconds=30 + JOBS)).state is JobState.FINISHED
    finally:
        await asyncio.gather(*(process.stop() for process in processes))
    events = list(await engine.events())
    immediate = {
        int(id.removeprefix("VX-")) for id, one in zip(ids, priorities, strict=True) if one is Priority.IMMEDIATE
    }
    assert most_started([event for event in events if event[0] not in immediate]) == LIMIT
    # They went ahead of all others that waited, and past the limit: the last of them began before most of these.
    begun = [job for job, step, _, new in events if step is None and new == "STARTED"]
    last = max(begun.index(job) for job in immediate)
    assert last - len(immediate) < (JOBS - len(immediate)) / 2
    ends = Counter(job for job, step, _, new in events if step is None and new == "FINISHED")
    assert len(ends) == JOBS and set(ends.values()) == {1}
    finished = Counter((job, step) for job, step, _, new in events if step is not None and new == "FINISHED")
    assert set(finished.values()) == {1}, "no step counted twice"


async def test_another_leads_within_five_seconds_of_a_sudden_death(engine: Engine) -> None:
    first, second = engine.scheduler(), engine.scheduler()
    async with asyncio.timeout(10):
        while not (first.leads or second.leads):
            await asyncio.sleep(0.01)
    leader, other = (first, second) if first.leads else (second, first)
    await asyncio.sleep(1.2)
    kill(leader)
    killed = asyncio.get_running_loop().time()
    job = await engine.submit()
    await engine.until(job, JobState.STARTED)
    assert other.leads
    assert asyncio.get_running_loop().time() - killed < 5
