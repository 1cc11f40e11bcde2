"""Steps that need what few workers have, and what happens when nobody has it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.engine.problems import Problems
from vidijob.engine.vacancies import Vacancies
from vidijob.engine.worker import Worker
from vidijob.errors import Invalid
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.registry import Registry
from vidijob.jobs.model import JobType, Priority
from vidijob.jobs.resources import parse
from vidijob.jobs.states import JobState, StepState


def vacancies(engine: Engine, patience: timedelta = timedelta()) -> Vacancies:
    return Vacancies(engine.database, engine.bell, lambda: True, patience=patience)


def offering(engine: Engine, executor: ScriptedExecutor, offers: str, slots: int = 8) -> Worker:
    """Start a worker that offers something."""
    worker = Worker(
        engine.database, engine.bell, Registry({"test": executor}), slots=slots, site="VX", offers=parse(offers)
    )
    engine.parts.append(worker)
    worker.start()
    return worker


def need(engine: Engine, resources: str) -> None:
    """Make the type NEEDS, whose second step needs something."""
    engine.types["NEEDS"] = JobType(
        "NEEDS", (task(100), task(200, "need", resources=resources), task(5000, cleanup=True))
    )
    engine.know_types()


async def problems(engine: Engine) -> list[tuple[str, dict[str, str], int]]:
    found = await Problems(engine.database, engine.bell, "VX").listing()
    return [(one.type, dict(one.data), len(one.jobs)) for one in found]


async def stranded(engine: Engine, looking: Vacancies, job: str) -> None:
    """Look until a job waits."""
    async with asyncio.timeout(10):
        while (await engine.insights.job(job)).state is not JobState.WAITING:
            await looking.tick()
            await asyncio.sleep(0.05)


async def test_without_any_worker_jobs_wait_and_go_on_when_one_comes(engine: Engine) -> None:
    engine.concurrent_jobs = 1
    engine.scheduler()
    ids = [await engine.submit() for _ in range(3)]
    looking = vacancies(engine)
    for id in ids:
        # Each gives its slot to the next.
        await stranded(engine, looking, id)
    assert await problems(engine) == [("NO_WORKER", {"executor": "test"}, 3)]
    job = await engine.insights.job(ids[0])
    assert job.waiting is not None and job.waiting.type == "NO_WORKER"
    assert job.current_step is not None and job.current_step.state is StepState.WAITING
    await looking.tick()
    assert len(await problems(engine)) == 1, "it is still so"
    executor = ScriptedExecutor()
    engine.worker(executor)
    async with asyncio.timeout(10):
        while await problems(engine):
            await looking.tick()
            await asyncio.sleep(0.05)
    for id in ids:
        assert (await engine.until(id)).state is JobState.FINISHED
    states = [new for job_, step, _, new in await engine.events() if step is None and f"VX-{job_}" == ids[0]]
    assert states == ["READY", "STARTED", "WAITING", "READY", "STARTED", "FINISHED"]
    assert len(executor.calls) == 12


async def test_what_nobody_can_do_an_operator_lets_fail(engine: Engine) -> None:
    engine.scheduler()
    id = await engine.submit()
    looking = vacancies(engine)
    await stranded(engine, looking, id)
    # Somebody is there, for other work.
    engine.worker(ScriptedExecutor(), name="other")
    (problem,) = await Problems(engine.database, engine.bell, "VX").listing()
    await Problems(engine.database, engine.bell, "VX").fail(ADMIN, str(problem.id))
    async with asyncio.timeout(10):
        while not (log := (await engine.insights.job(id)).log) or log[-1].state is not StepState.FAILED_FATAL:
            await asyncio.sleep(0.05)
    engine.worker(ScriptedExecutor())  # for the clean-up
    assert (await engine.until(id)).state is JobState.FAILED_TOTAL


async def test_patience(engine: Engine) -> None:
    engine.scheduler()
    id = await engine.submit()
    await engine.until(id, JobState.STARTED)
    looking = vacancies(engine, timedelta(minutes=1))
    for _ in range(3):
        await looking.tick()
    assert await problems(engine) == []
    engine.worker(ScriptedExecutor())
    await engine.until(id)


async def test_a_step_runs_where_what_it_needs_is_offered(engine: Engine) -> None:
    need(engine, "gpu=1,label:studio")
    engine.scheduler()
    plain, half, whole = ScriptedExecutor(need=done), ScriptedExecutor(need=done), ScriptedExecutor(need=done)
    engine.worker(plain)
    offering(engine, half, "gpu=4")
    id = await engine.submit("NEEDS")
    looking = vacancies(engine)
    await stranded(engine, looking, id)
    assert await problems(engine) == [("NO_WORKER", {"executor": "test", "resources": "gpu=1,label:studio"}, 1)]
    # Others go on beside it.
    await engine.until(await engine.submit())
    offering(engine, whole, "gpu=1,label:studio,label:other")
    async with asyncio.timeout(10):
        while await problems(engine):
            await looking.tick()
            await asyncio.sleep(0.05)
    assert (await engine.until(id)).state is JobState.FINISHED
    assert [step for _, step in whole.calls].count(200) >= 1
    assert (id, 200) not in plain.calls + half.calls


async def done(step: StepContext) -> Outcome:
    return Done()


async def test_no_more_run_at_once_than_there_is_of_it(engine: Engine) -> None:
    need(engine, "gpu=2")
    engine.concurrent_jobs = 8
    now, most = 0, 0

    async def count(step: StepContext) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        return Done()

    engine.scheduler()
    offering(engine, ScriptedExecutor(need=count), "gpu=5", slots=16)
    ids = [await engine.submit("NEEDS") for _ in range(8)]
    for id in ids:
        await engine.until(id)
    assert most == 2


async def test_the_urgent_and_the_higher_go_first_also_among_those_that_need_something(engine: Engine) -> None:
    engine.types["GPU"] = JobType("GPU", (task(100, "need", resources="gpu=1"),))
    need(engine, "gpu=1")
    engine.concurrent_jobs = 6
    order = [("GPU", Priority.LOW), ("WORK", Priority.HIGH), ("GPU", Priority.HIGHEST), ("WORK", Priority.LOWEST)]
    ids = [await engine.submit(type, priority) for type, priority in order]
    engine.scheduler()
    for id in ids:
        await engine.until(id, JobState.STARTED)
    executor = ScriptedExecutor(need=done)
    offering(engine, executor, "gpu=1", slots=1)
    for id in ids:
        await engine.until(id)
    assert list(dict.fromkeys(job for job, _ in executor.calls)) == [ids[2], ids[1], ids[0], ids[3]]


async def test_a_drained_worker_counts_for_nobody(engine: Engine) -> None:
    engine.scheduler()
    worker = engine.worker(ScriptedExecutor())
    await engine.until(await engine.submit())
    from vidijob.engine.staff import Staff

    await Staff(engine.database, engine.bell).drain(ADMIN, str(worker.id))
    async with asyncio.timeout(5):
        while not worker.is_drained:
            await asyncio.sleep(0.02)
    id = await engine.submit()
    await stranded(engine, vacancies(engine), id)
    await engine.commands.abort(ADMIN, id, reason=None, cleanup=False)


@pytest.mark.parametrize("text", ["gpu", "gpu=", "gpu=x", "gpu=0", "gpu=-1", "gpu=nan", "gpu=1,gpu=2", "label:", "=1"])
async def test_needs_that_cannot_be_read_are_refused(engine: Engine, text: str) -> None:
    with pytest.raises(Invalid):
        parse(text)
    need(engine, text)
    with pytest.raises(Invalid):
        await engine.submit("NEEDS")
