"""What happens when a worker vanishes, comes back too late, or hands back what it holds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Outcome, StepContext, Vanished
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import Lease, LeaseNumber, Note, StepNumber, WorkerId
from vidijob.jobs.policy import MOST_VANISHED
from vidijob.jobs.states import JobState, StepState
from vidijob.store import steps
from vidijob.store.steps import End, Held

LONG = timedelta(seconds=60)
OVER = timedelta(seconds=-1)


async def claim_one(engine: Engine, duration: timedelta, worker: WorkerId | None = None) -> Lease:
    """Take the next step by hand, as a worker that does nothing more."""
    async with asyncio.timeout(10):
        while True:
            leases = await steps.claim(
                engine.database,
                worker or WorkerId(uuid4()),
                ["test"],
                limit=1,
                urgent_only=False,
                duration=duration,
            )
            if leases:
                return leases[0]
            await asyncio.sleep(0.02)


def held(lease: Lease) -> Held:
    return Held(lease.job, lease.step, lease.number)


def rescuer(engine: Engine) -> Rescuer:
    return Rescuer(engine.database, engine.bell, lambda: True)


async def test_a_step_whose_worker_vanished_runs_again_and_the_log_says_so(engine: Engine) -> None:
    engine.scheduler()
    id = await engine.submit()
    lost = await claim_one(engine, OVER)
    await rescuer(engine).tick()
    executor = ScriptedExecutor()
    engine.worker(executor)
    job = await engine.until(id)
    assert job.state is JobState.FINISHED
    assert job.log is not None
    assert [(a.step, a.attempts, a.state) for a in job.log][:2] == [
        (100, 0, StepState.DISAPPEARED),
        (100, 1, StepState.FINISHED),
    ]
    assert lost.step == 100


async def test_lines_that_come_late_are_not_those_of_the_attempt_that_began_meanwhile(engine: Engine) -> None:
    engine.scheduler()
    id = await engine.submit()
    late = await claim_one(engine, LONG)
    async with engine.database.transaction() as other:
        await other.script(
            f"UPDATE step SET tries = tries + 1, attempt = attempt + 1 WHERE job_id = {late.job} AND attempt > 0"
        )
        line = Note(datetime.now(UTC), "A line")
        noting = asyncio.create_task(steps.note(engine.database, {held(late): [line]}))
        async with asyncio.timeout(10):
            while not await other._connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ):
                await asyncio.sleep(0.01)
            assert not noting.done()
    await noting
    job = await engine.insights.job(id)
    assert job.log is not None and [list(attempt.notes) for attempt in job.log] == [[]]


async def test_a_lease_that_is_kept_is_not_rescued(engine: Engine) -> None:
    engine.scheduler()
    await engine.submit()
    lease = await claim_one(engine, OVER)
    kept = await steps.extend(engine.database, {held(lease): None}, LONG)
    assert kept == {held(lease): False}
    await rescuer(engine).tick()
    assert await steps.extend(engine.database, {held(lease): None}, LONG) == {held(lease): False}


async def test_a_late_result_does_not_count(engine: Engine) -> None:
    engine.scheduler()
    id = await engine.submit()
    stale = await claim_one(engine, OVER)
    await rescuer(engine).tick()
    fresh = await claim_one(engine, LONG)
    assert fresh.step == stale.step and fresh.number > stale.number
    before = await engine.events()
    ended = await steps.end(engine.database, [End(held(stale), StepState.FINISHED, data={"by": ["the stale one"]})])
    assert (ended.accepted, ended.busy, ended.over) == (set(), set(), [])
    assert await steps.extend(engine.database, {held(stale): None}, LONG) == {}
    assert await steps.give_back(engine.database, [held(stale)], None) == []
    assert await engine.events() == before
    ended = await steps.end(engine.database, [End(held(fresh), StepState.FINISHED, data={"by": ["fresh"]})])
    assert ended.accepted == {held(fresh)}
    assert (await engine.insights.job(id)).data == {"by": ["fresh"]}


async def test_ending_twice_counts_once(engine: Engine) -> None:
    engine.scheduler()
    await engine.submit()
    lease = await claim_one(engine, LONG)
    end = End(held(lease), StepState.FINISHED)
    results = await asyncio.gather(*(steps.end(engine.database, [end]) for _ in range(5)))
    assert sorted(len(ended.accepted) for ended in results) == [0, 0, 0, 0, 1]


async def test_a_worker_that_lost_its_lease_gives_up(engine: Engine) -> None:
    cancelled, running = asyncio.Event(), asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        if running.is_set():
            return Done()
        running.set()
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return Done()

    engine.scheduler()
    worker = engine.worker(ScriptedExecutor(work=work))
    id = await engine.submit()
    await asyncio.wait_for(running.wait(), 10)
    # As if this process had been stopped for longer than its lease: another took the step over meanwhile.
    async with engine.database.session() as session:
        await session._connection.execute(
            "UPDATE lease SET expires_at = now() - interval '1 s', number = number + 1000000"
        )
    await asyncio.wait_for(cancelled.wait(), 15)
    # The one who took it over vanishes; nobody has to wait until somebody looks by himself.
    await rescuer(engine).tick()
    engine.bell.ring("vidijob_step")
    job = await engine.until(id)
    assert job.state is JobState.FINISHED
    assert isinstance(worker, Worker)
    assert [event for event in await engine.events() if event[1] == 100][-1][3] == "FINISHED"


async def test_a_stopping_worker_hands_back_at_once(engine: Engine) -> None:
    running = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        running.set()
        await asyncio.sleep(60)
        return Done()

    engine.scheduler()
    first = engine.worker(ScriptedExecutor(work=work))
    id = await engine.submit()
    await asyncio.wait_for(running.wait(), 10)
    engine.parts.remove(first)
    await first.stop()
    engine.worker(ScriptedExecutor())
    job = await engine.until(id, seconds=5)
    assert job.state is JobState.FINISHED
    assert job.log is not None and job.log[0].state is StepState.DISAPPEARED


async def test_a_step_that_kills_its_workers_does_not_go_round_for_ever(engine: Engine) -> None:
    engine.scheduler()
    id = await engine.submit()
    for _ in range(MOST_VANISHED + 1):
        await claim_one(engine, OVER)
        await rescuer(engine).tick()
    engine.worker(ScriptedExecutor())
    job = await engine.until(id)
    assert job.state is JobState.FAILED_TOTAL
    assert "vanished" in job.data["errorMessage"][0]
    assert job.log is not None
    assert [a.state for a in job.log] == [*[StepState.DISAPPEARED] * MOST_VANISHED, StepState.FAILED_FATAL]


async def test_an_abort_ends_even_when_the_worker_has_vanished(engine: Engine) -> None:
    from tests.integration.engine.conftest import ADMIN

    engine.scheduler()
    id = await engine.submit()
    await claim_one(engine, OVER)
    assert await engine.commands.abort(ADMIN, id, reason=None, cleanup=True) is JobState.ABORTED_PENDING
    await rescuer(engine).tick()
    executor = ScriptedExecutor()
    engine.worker(executor)
    assert (await engine.until(id)).state is JobState.ABORTED
    assert executor.calls == [(id, 5000)]


async def test_two_workers_never_hold_the_same_step(engine: Engine) -> None:
    engine.concurrent_jobs = 50
    engine.scheduler()
    for _ in range(50):
        await engine.submit()
    async with asyncio.timeout(10):
        while len([event for event in await engine.events() if event[3] == "READY" and event[1] == 100]) < 50:
            await asyncio.sleep(0.02)
    claims = await asyncio.gather(
        *(
            steps.claim(engine.database, WorkerId(uuid4()), ["test"], limit=7, urgent_only=False, duration=LONG)
            for _ in range(12)
        )
    )
    taken = [(lease.job, lease.step) for leases in claims for lease in leases]
    assert len(taken) == len(set(taken)) == 50
    numbers = [lease.number for leases in claims for lease in leases]
    assert len(numbers) == len(set(numbers))


async def test_a_worker_takes_only_what_its_executors_can_do(engine: Engine) -> None:
    engine.scheduler()
    await engine.submit()
    async with asyncio.timeout(15):
        while not [event for event in await engine.events() if event[1] == 100]:
            await asyncio.sleep(0.02)
    assert (
        await steps.claim(engine.database, WorkerId(uuid4()), ["other"], limit=5, urgent_only=False, duration=LONG)
        == []
    )


@pytest.mark.parametrize("fault", ["queue", "advance"])
async def test_the_sweeper_moves_on_what_stands_still(engine: Engine, fault: str) -> None:
    scheduler = engine.scheduler()
    id = await engine.submit()
    await engine.until(id, JobState.STARTED)
    await scheduler.stop()
    async with engine.database.session() as session:
        if fault == "queue":
            await session._connection.execute("DELETE FROM step_queue")
        else:
            await session._connection.execute(
                "DELETE FROM step_queue; UPDATE step SET state = 'FINISHED' WHERE NOT cleanup"
            )
    await rescuer(engine).sweep()
    engine.worker(ScriptedExecutor())
    assert (await engine.until(id)).state is JobState.FINISHED


async def test_a_step_that_vanished_elsewhere_is_run_again(engine: Engine) -> None:
    tried: list[LeaseNumber] = []

    async def work(step: StepContext) -> Outcome:
        tried.append(LeaseNumber(step.lease))
        return Vanished("The machine elsewhere is gone.") if len(tried) == 1 else Done()

    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    id = await engine.submit()
    async with asyncio.timeout(5):
        while not tried:
            await asyncio.sleep(0.01)
    first = Held(parse_job("VX", id), StepNumber(100), tried[0])
    async with asyncio.timeout(5):
        # Its worker does not extend it any more: it runs out as soon as somebody looks.
        while await steps.extend(engine.database, {first: None}, OVER):
            await rescuer(engine).tick()
    job = await engine.until(id)
    assert job.state is JobState.FINISHED
    attempts = [attempt for attempt in job.log or () if attempt.step == 100]
    assert [attempt.state for attempt in attempts] == [StepState.DISAPPEARED, StepState.FINISHED]
    assert [note.text for note in attempts[0].notes] == ["The machine elsewhere is gone."]
