"""Jobs that wait: for what, together, and how they go on."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.engine.problems import Problems
from vidijob.engine.worker import Worker
from vidijob.errors import NotFound
from vidijob.executors.base import Done, Outcome, StepContext, Wait
from vidijob.jobs.model import Dependency, JobType, StepNumber, TaskDefinition
from vidijob.jobs.states import JobState, StepState


class Needing:
    """A step that waits until what it needs is there."""

    def __init__(self) -> None:
        self.there = False

    async def __call__(self, step: StepContext) -> Outcome:
        if step.step == 200 and not self.there:
            return Wait("TEST", {"what": step.data.get("what", ["it"])[0]}, "It is not there; bring it.")
        return Done()


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let jobs go on in several transactions, however few they are."""
    monkeypatch.setattr("vidijob.store.problems._AT_ONCE", 2)


def problems(engine: Engine) -> Problems:
    return Problems(engine.database, engine.bell, "VX")


async def make_due(engine: Engine) -> None:
    async with engine.database.session() as session:
        await session._connection.execute("UPDATE problem SET next_check = now() - interval '1 s'")


async def test_jobs_wait_together_without_a_slot_and_go_on_when_it_is_there(engine: Engine) -> None:
    engine.concurrent_jobs = 1
    need = Needing()
    executor = ScriptedExecutor(work=need)
    worker = engine.worker(executor)
    engine.scheduler()
    ids = [await engine.submit() for _ in range(3)]
    other = await engine.submit(what="something else")
    for id in [*ids, other]:
        job = await engine.until(id, JobState.WAITING)
        assert job.waiting is not None and job.waiting.reason == "It is not there; bring it."
        assert job.current_step is not None and job.current_step.state is StepState.WAITING
    found = await problems(engine).listing()
    assert [(one.type, dict(one.data), len(one.jobs)) for one in found] == [
        ("TEST", {"what": "it"}, 3),
        ("TEST", {"what": "something else"}, 1),
    ]
    assert [one.id for one in await problems(engine).of_job(other)] == [found[1].id]

    assert isinstance(worker, Worker)
    await make_due(engine)
    await worker.check()
    assert len(await problems(engine).listing()) == 2, "it was looked at, and is still so"
    need.there = executor.gone = True
    await make_due(engine)
    await worker.check()
    for id in [*ids, other]:
        job = await engine.until(id)
        assert job.state is JobState.FINISHED and job.waiting is None
        assert job.log is not None
        assert [(a.step, a.state) for a in job.log] == [
            (100, StepState.FINISHED), (200, StepState.WAITING), (200, StepState.FINISHED), (300, StepState.FINISHED),
        ]  # fmt: skip
    assert await problems(engine).listing() == []
    states = [new for job, step, _, new in await engine.events() if step is None and f"VX-{job}" == ids[0]]
    assert states == ["READY", "STARTED", "WAITING", "READY", "STARTED", "FINISHED"]


async def test_an_operator_lets_them_try_again(engine: Engine) -> None:
    need = Needing()
    engine.worker(ScriptedExecutor(work=need))
    engine.scheduler()
    id = await engine.submit()
    await engine.until(id, JobState.WAITING)
    (problem,) = await problems(engine).listing()
    await problems(engine).retry(ADMIN, str(problem.id))
    await engine.until(id, JobState.STARTED, JobState.READY, JobState.WAITING)
    async with asyncio.timeout(10):
        while not await problems(engine).listing():
            await asyncio.sleep(0.02)
    need.there = True
    (problem,) = await problems(engine).listing()
    await problems(engine).retry(ADMIN, str(problem.id), id)
    assert (await engine.until(id)).state is JobState.FINISHED


async def test_an_operator_lets_them_fail(engine: Engine) -> None:
    executor = ScriptedExecutor(work=Needing())
    engine.worker(executor)
    engine.scheduler()
    ids = [await engine.submit() for _ in range(2)]
    for id in ids:
        await engine.until(id, JobState.WAITING)
    (problem,) = await problems(engine).listing()
    await problems(engine).fail(ADMIN, str(problem.id))
    for id in ids:
        job = await engine.until(id)
        assert job.state is JobState.FAILED_TOTAL
        assert "decided not to wait" in job.data["errorMessage"][0]
        assert job.log is not None and job.log[-1].state is StepState.FAILED_FATAL
    assert [call for call in executor.calls if call[1] == 200] == [(id, 200) for id in ids]
    assert len([call for call in executor.calls if call[1] == 5000]) == 2
    assert await problems(engine).listing() == []


async def test_what_follows_a_step_that_was_let_fail_goes_on_at_once(engine: Engine) -> None:
    engine.types["OPTIONAL"] = JobType("OPTIONAL", (task(200, "need", critical=False), task(300)))
    engine.know_types()
    executor = ScriptedExecutor(need=Needing())
    engine.worker(executor)
    engine.scheduler()
    id = await engine.submit("OPTIONAL")
    await engine.until(id, JobState.WAITING)
    (problem,) = await problems(engine).listing()
    await problems(engine).fail(ADMIN, str(problem.id))
    assert (await engine.until(id, seconds=5)).state is JobState.FINISHED_WARNING
    assert executor.calls == [(id, 200), (id, 300)]


async def test_a_step_is_let_fail_while_the_one_beside_it_goes_on(engine: Engine) -> None:
    none = Dependency()
    engine.types["SIDE"] = JobType(
        "SIDE",
        (
            TaskDefinition(StepNumber(200), "needs", "test", "need", none),
            TaskDefinition(StepNumber(300), "long", "test", "long", none),
        ),
    )
    engine.know_types()
    go_on = asyncio.Event()

    async def long(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done()

    executor = ScriptedExecutor(need=Needing(), long=long)
    engine.worker(executor)
    engine.scheduler()
    id = await engine.submit("SIDE")
    async with asyncio.timeout(10):
        while not (known := await problems(engine).listing()):
            await asyncio.sleep(0.02)
    await problems(engine).fail(ADMIN, str(known[0].id))
    job = await engine.until(id, seconds=5)
    assert job.state is JobState.FAILED_TOTAL
    assert [step for _, step in executor.calls].count(200) == 1, "it was not run once more"


async def test_abort_of_a_waiting_job(engine: Engine) -> None:
    executor = ScriptedExecutor(work=Needing())
    engine.worker(executor)
    engine.scheduler()
    first, second = await engine.submit(), await engine.submit()
    for id in (first, second):
        await engine.until(id, JobState.WAITING)
    await engine.commands.abort(ADMIN, first, reason=None, cleanup=False)
    assert (await engine.until(first)).state is JobState.ABORTED
    assert (first, 5000) in executor.calls, "a job that has begun is always cleaned up"
    (problem,) = await problems(engine).listing()
    assert [f"VX-{job}" for job in problem.jobs] == [second]


async def test_a_step_waits_while_the_one_beside_it_goes_on(engine: Engine) -> None:
    none = Dependency()
    engine.types["SIDE"] = JobType(
        "SIDE",
        (
            TaskDefinition(StepNumber(200), "needs", "test", "need", none),
            TaskDefinition(StepNumber(300), "long", "test", "long", none),
            task(400),
        ),
    )
    engine.know_types()
    need, go_on = Needing(), asyncio.Event()

    async def long(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done()

    executor = ScriptedExecutor(need=need, long=long)
    worker = engine.worker(executor)
    engine.scheduler()
    id = await engine.submit("SIDE")
    async with asyncio.timeout(10):
        while not await problems(engine).listing():
            await asyncio.sleep(0.02)
    assert (await engine.insights.job(id)).state is JobState.STARTED
    # It comes back while the job still runs: the step is run again without the job having waited.
    need.there = executor.gone = True
    await make_due(engine)
    assert isinstance(worker, Worker)
    await worker.check()
    async with asyncio.timeout(10):
        while [step for _, step in executor.calls].count(200) < 2:
            await asyncio.sleep(0.02)
    go_on.set()
    assert (await engine.until(id)).state is JobState.FINISHED
    assert "WAITING" not in [new for _, step, _, new in await engine.events() if step is None]


async def test_a_clean_up_that_wants_to_wait_is_tried_again_instead(engine: Engine) -> None:
    engine.types["WAITS"] = JobType(
        "WAITS", (task(100), TaskDefinition(StepNumber(5000), "clean", "test", "clean", cleanup=True, metadata={"retries": "1", "retryDelay": "0"}))
    )  # fmt: skip
    engine.know_types()

    async def clean(step: StepContext) -> Outcome:
        return Wait("TEST", {}, "no")

    engine.worker(ScriptedExecutor(clean=clean))
    engine.scheduler()
    assert (await engine.until(await engine.submit("WAITS"))).state is JobState.FINISHED_WARNING


async def test_a_job_that_waits_for_nothing_is_found_by_the_sweeper(engine: Engine) -> None:
    from vidijob.engine.rescuer import Rescuer

    need = Needing()
    engine.worker(ScriptedExecutor(work=need))
    engine.scheduler()
    id = await engine.submit()
    await engine.until(id, JobState.WAITING)
    need.there = True
    async with engine.database.session() as session:
        await session._connection.execute("DELETE FROM problem")
    await Rescuer(engine.database, engine.bell, lambda: True).sweep()
    assert (await engine.until(id)).state is JobState.FINISHED


@pytest.mark.parametrize("text", ["0", "1", "x", "-1", "99999999999999999999", "", "\u0661"])
async def test_a_problem_that_is_not_there(engine: Engine, text: str) -> None:
    with pytest.raises(NotFound):
        await problems(engine).retry(ADMIN, text)
    with pytest.raises(NotFound):
        await problems(engine).fail(ADMIN, text)
