"""A step that runs lets others start beside it: once, whatever happens to it, and only while it is held."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.graphs import ALL_PREVIOUS, NONE, PREVIOUS, task
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.engine.rescuer import Rescuer
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.jobs.model import JobType, Lease, TaskDefinition, WorkerId
from vidijob.jobs.states import JobState, StepState
from vidijob.store import running, steps
from vidijob.store.steps import End, Held

LONG = timedelta(seconds=60)


Interrupt = Callable[[Engine, Held], Awaitable[None]]


def define(engine: Engine, *tasks: TaskDefinition) -> None:
    engine.types["BESIDE"] = JobType("BESIDE", tasks)
    engine.know_types()


@pytest.fixture
def two_before(engine: Engine) -> None:
    """300 starts when both 100 and 200 have signalled or ended."""
    define(engine, task(100), task(200), task(300, NONE, ALL_PREVIOUS), task(5000, cleanup=True))


async def claim(engine: Engine, count: int) -> dict[int, Held]:
    """Take so many steps by hand, as a worker that does nothing more."""
    found: dict[int, Lease] = {}
    async with asyncio.timeout(10):
        while len(found) < count:
            leases = await steps.claim(
                engine.database, WorkerId(uuid4()), ["test"], limit=count, urgent_only=False, duration=LONG
            )
            found |= {lease.step: lease for lease in leases}
            await asyncio.sleep(0.02)
    return {step: Held(lease.job, lease.step, lease.number) for step, lease in found.items()}


async def states(engine: Engine) -> dict[int, str]:
    async with engine.database.session() as session:
        rows = await session._connection.fetch("SELECT number, state::text FROM step ORDER BY number")
    return {row["number"]: row["state"] for row in rows}


async def vanish(engine: Engine, held: Held) -> None:
    async with engine.database.session() as session:
        await session._connection.execute(
            "UPDATE lease SET expires_at = now() - interval '1 s' WHERE step = $1", held.step
        )
    await Rescuer(engine.database, engine.bell, lambda: True).tick()


async def retry(engine: Engine, held: Held) -> None:
    await steps.end(engine.database, [End(held, StepState.FAILED_RETRY, error="again")])


async def hand_back(engine: Engine, held: Held) -> None:
    async with engine.database.session() as session:
        worker = await session._connection.fetchval("SELECT worker FROM lease WHERE step = $1", held.step)
    await steps.give_back(engine.database, [held], WorkerId(worker))


@pytest.mark.usefixtures("two_before")
@pytest.mark.parametrize("interrupt", [retry, vanish, hand_back])
async def test_a_step_that_is_run_again_does_not_count_twice(engine: Engine, interrupt: Interrupt) -> None:
    engine.scheduler()
    await engine.submit("BESIDE")
    held = await claim(engine, 2)
    assert not await running.signal(engine.database, [held[100]])
    assert await states(engine) == {100: "STARTED_PARALLEL_ASYNCHRONOUS", 200: "STARTED_ASYNCHRONOUS", 300: "NONE", 5000: "NONE"}  # fmt: skip
    await interrupt(engine, held[100])
    held |= await claim(engine, 1)
    assert not await running.signal(engine.database, [held[100]])
    assert (await states(engine))[100] == "STARTED_PARALLEL_ASYNCHRONOUS", "it may show again"
    assert (await states(engine))[300] == "NONE", "of two that it waits for one has signalled, though twice"
    assert await running.signal(engine.database, [held[200]])
    assert (await states(engine))[300] == "READY"
    before = await engine.events()
    assert before[-1] == (1, 300, "NONE", "READY")
    assert not await running.signal(engine.database, list(held.values()))
    assert await engine.events() == before, "who has signalled says nothing new"
    # What ends now frees nobody a second time.
    await steps.end(engine.database, [End(one, StepState.FINISHED) for one in held.values()])
    assert (await states(engine))[300] == "READY"
    assert len([event for event in await engine.events() if event[1] == 300]) == 1


@pytest.mark.usefixtures("two_before")
async def test_a_signal_of_a_lost_lease_changes_nothing(engine: Engine) -> None:
    engine.scheduler()
    await engine.submit("BESIDE")
    held = await claim(engine, 2)
    await vanish(engine, held[100])
    before = await states(engine), await engine.events()
    assert not await running.signal(engine.database, [held[100]])
    assert (await states(engine), await engine.events()) == before
    await claim(engine, 1)
    before = await states(engine), await engine.events()
    assert not await running.signal(engine.database, [held[100]]), "the lease of another"
    assert (await states(engine), await engine.events()) == before


@pytest.mark.usefixtures("two_before")
async def test_nothing_starts_by_a_signal_in_a_job_that_is_aborted(engine: Engine) -> None:
    engine.scheduler()
    id = await engine.submit("BESIDE")
    held = await claim(engine, 2)
    await engine.commands.abort(ADMIN, id, reason=None, cleanup=True)
    assert not await running.signal(engine.database, list(held.values()))
    assert (await states(engine))[300] == "NONE"
    await steps.end(engine.database, [End(one, StepState.FAILED_FATAL) for one in held.values()])
    engine.worker(executor := ScriptedExecutor())
    assert (await engine.until(id)).state is JobState.ABORTED
    assert [step for _, step in executor.calls] == [5000]


async def test_a_critical_failure_after_the_signal_stops_what_it_let_start(engine: Engine) -> None:
    define(engine, task(100), task(200, NONE, PREVIOUS), task(5000, cleanup=True))
    runs, stopped = asyncio.Event(), asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        if step.step == 100:
            step.signal()
            await runs.wait()
            return Fail("broken")
        if step.step == 200:
            runs.set()
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()
        return Done()

    engine.worker(executor := ScriptedExecutor(work=work))
    engine.scheduler()
    job = await engine.until(await engine.submit("BESIDE"))
    assert job.state is JobState.FAILED_TOTAL and job.data["errorMessage"] == ["broken"]
    assert stopped.is_set()
    assert [step for _, step in executor.calls] == [100, 200, 5000]
    assert job.log is not None and job.log[1].error == "Stopped: the job was aborted or has failed."


async def test_a_signal_is_honoured_while_the_step_goes_on(engine: Engine) -> None:
    define(engine, task(100), task(200, NONE, PREVIOUS), task(300, PREVIOUS))
    beside = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        if step.step == 100:
            step.signal()
            step.signal()
            async with asyncio.timeout(10):
                await beside.wait()
        elif step.step == 200:
            beside.set()
        return Done()

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    job = await engine.until(await engine.submit("BESIDE"))
    assert job.state is JobState.FINISHED
    told = [(step, new) for _, step, _, new in await engine.events() if step in (100, 200) and new != "READY"]
    assert told.index((100, "STARTED_PARALLEL_ASYNCHRONOUS")) < told.index((200, "STARTED_ASYNCHRONOUS"))
    assert told.index((200, "STARTED_ASYNCHRONOUS")) < told.index((100, "FINISHED"))
    assert len([one for one in told if one == (100, "STARTED_PARALLEL_ASYNCHRONOUS")]) == 1
