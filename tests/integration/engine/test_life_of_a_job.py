"""A job from its submission to its end, with everything real but the work itself."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.access import User
from vidijob.errors import Invalid, RoleMissing
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.jobs.model import Dependency, JobType, Priority, StepNumber, TaskDefinition
from vidijob.jobs.states import JobState, StepState


async def test_runs_its_steps_in_order_and_finishes(engine: Engine) -> None:
    executor = ScriptedExecutor()
    engine.scheduler()
    engine.worker(executor)
    id = await engine.submit(a="b")
    job = await engine.until(id)
    assert job.state is JobState.FINISHED
    assert executor.calls == [(id, 100), (id, 200), (id, 300), (id, 5000)]
    assert job.finished is not None and job.finished >= job.started
    assert job.data == {"a": ["b"]}
    assert job.total_steps == 3
    assert job.current_step is not None and (job.current_step.number, job.current_step.state) == (3, StepState.FINISHED)
    assert job.log is not None
    assert [(a.step, a.attempts, a.state) for a in job.log] == [
        (100, 0, StepState.FINISHED),
        (200, 0, StepState.FINISHED),
        (300, 0, StepState.FINISHED),
    ]
    assert [event for event in await engine.events() if event[1] is None] == [
        (1, None, None, "READY"),
        (1, None, "READY", "STARTED"),
        (1, None, "STARTED", "FINISHED"),
    ]


async def test_data_that_a_step_sets_is_seen_by_the_next_and_by_the_reader(engine: Engine) -> None:
    seen: list[object] = []

    async def work(step: StepContext) -> Outcome:
        seen.append(dict(step.data))
        return Done({"found": [str(step.step)], "once": None})

    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    job = await engine.until(await engine.submit(once="x"))
    assert seen[0] == {"once": ["x"]}
    assert seen[1] == {"found": ["100"]}
    assert job.data == {"found": ["5000"]}


async def test_progress_and_notes_reach_the_log_while_the_step_runs(engine: Engine) -> None:
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        if step.step == 100:
            step.progress(30, 100, "percent")
            step.note("a third")
            await go_on.wait()
            step.progress(100, 100, "percent")
        return Done()

    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    id = await engine.submit()
    async with asyncio.timeout(10):
        while True:
            job = await engine.insights.job(id)
            if job.log and job.log[0].progress is not None and job.log[0].notes:
                break
            await asyncio.sleep(0.02)
    assert (job.log[0].progress.value, job.log[0].progress.total) == (30, 100)
    assert [note.text for note in job.log[0].notes] == ["a third"]
    assert job.current_step is not None and job.current_step.number == 1
    go_on.set()
    job = await engine.until(id)
    assert job.log is not None and job.log[0].progress is not None
    assert job.log[0].progress.value == 100
    assert [note.text for note in job.log[0].notes] == ["a third"]


async def test_data_that_a_running_step_tells_is_shown_and_becomes_the_jobs(engine: Engine) -> None:
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        if step.step == 100:
            step.tell({"done": ["30"], "left": ["7"]})
            step.tell({"done": ["40"], "big": ["x" * 10_000]})
            step.tell({"done": ["50"], "\x00": ["\x00"]})
            await go_on.wait()
            step.tell({"done": ["99"]})
        return Done({"left": None, "once": ["said"]})

    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    id = await engine.submit(done="nothing")
    async with asyncio.timeout(10):
        while (job := await engine.insights.job(id)).data.get("done") != ["50"]:
            await asyncio.sleep(0.02)
    nul = "\N{REPLACEMENT CHARACTER}"
    assert job.data == {"done": ["50"], "left": ["7"], nul: [nul]}, "what was too much was passed over"
    go_on.set()
    job = await engine.until(id)
    assert job.data == {"done": ["99"], nul: [nul], "once": ["said"]}


async def test_a_retry_is_tried_again_and_each_attempt_stays_in_the_log(engine: Engine) -> None:
    engine.types["RETRY"] = JobType("RETRY", (task(100, retryDelay="0.01"),))
    tries = 0

    async def work(step: StepContext) -> Outcome:
        nonlocal tries
        tries += 1
        return Retry(f"not yet {tries}") if tries < 3 else Done()

    engine.know_types()
    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    job = await engine.until(await engine.submit("RETRY"))
    assert job.state is JobState.FINISHED
    assert job.log is not None
    assert [(a.attempts, a.state, a.error) for a in job.log] == [
        (0, StepState.FAILED_RETRY, "not yet 1"),
        (1, StepState.FAILED_RETRY, "not yet 2"),
        (2, StepState.FINISHED, None),
    ]
    assert job.data["errorMessage-100-0-0"] == ["not yet 1"]
    assert "errorMessage" not in job.data


async def test_retries_are_used_up_after_as_many_as_the_definition_has(engine: Engine) -> None:
    engine.types["RETRY"] = JobType("RETRY", (task(100, retryDelay="0", retries="2"),))

    async def work(step: StepContext) -> Outcome:
        return Retry("never")

    engine.know_types()
    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    job = await engine.until(await engine.submit("RETRY"))
    assert job.state is JobState.FAILED_TOTAL
    assert job.log is not None
    assert [a.state for a in job.log] == [StepState.FAILED_RETRY, StepState.FAILED_RETRY, StepState.FAILED_FATAL]
    assert job.data["errorMessage"] == ["never"]


async def test_a_critical_failure_ends_the_job_after_clean_up(engine: Engine) -> None:
    states: list[JobState] = []

    async def work(step: StepContext) -> Outcome:
        if step.step == 5000:
            states.append((await engine.insights.job(step.job)).state)
        return Fail("broken") if step.step == 200 else Done()

    executor = ScriptedExecutor(work=work)
    engine.scheduler()
    engine.worker(executor)
    job = await engine.until(await engine.submit())
    assert job.state is JobState.FAILED_TOTAL
    assert [step for _, step in executor.calls] == [100, 200, 5000]
    assert states == [JobState.STARTED], "clean-up runs before the end shows"
    assert job.data == {"errorMessage": ["broken"], "errorMessage-200-0-0": ["broken"]}
    assert job.current_step is not None and job.current_step.state is StepState.FAILED_FATAL


async def test_a_failure_that_is_not_critical_ends_in_a_warning(engine: Engine) -> None:
    engine.types["SOFT"] = JobType("SOFT", (task(100, critical=False), task(200)))

    async def work(step: StepContext) -> Outcome:
        return Fail("a pity") if step.step == 100 else Done()

    engine.know_types()
    executor = ScriptedExecutor(work=work)
    engine.scheduler()
    engine.worker(executor)
    job = await engine.until(await engine.submit("SOFT"))
    assert job.state is JobState.FINISHED_WARNING
    assert [step for _, step in executor.calls] == [100, 200]


async def test_a_bug_in_an_executor_fails_the_step_with_its_trace(engine: Engine) -> None:
    async def work(step: StepContext) -> Outcome:
        raise ZeroDivisionError("oh")

    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    job = await engine.until(await engine.submit())
    assert job.state is JobState.FAILED_TOTAL
    assert "ZeroDivisionError: oh" in job.data["errorMessage"][0]


async def test_a_step_that_takes_too_long_is_retried_then_fails(engine: Engine) -> None:
    engine.types["SLOW"] = JobType("SLOW", (task(100, timeout="0.05", retries="1", retryDelay="0"),))

    async def work(step: StepContext) -> Outcome:
        await asyncio.sleep(60)
        return Done()

    engine.know_types()
    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    job = await engine.until(await engine.submit("SLOW"))
    assert job.state is JobState.FAILED_TOTAL
    assert job.log is not None and [a.state for a in job.log] == [StepState.FAILED_RETRY, StepState.FAILED_FATAL]
    assert "longer than" in job.data["errorMessage"][0]


async def test_a_type_without_clean_up_finishes_with_its_last_step(engine: Engine) -> None:
    engine.types["BARE"] = JobType("BARE", (task(100),))
    engine.know_types()
    engine.scheduler()
    engine.worker(ScriptedExecutor())
    assert (await engine.until(await engine.submit("BARE"))).state is JobState.FINISHED


async def test_parallel_steps_run_side_by_side_and_join(engine: Engine) -> None:
    after_100 = Dependency(step=StepNumber(100))
    engine.types["FORK"] = JobType(
        "FORK",
        (
            task(100),
            TaskDefinition(StepNumber(200), "left", "test", "meet", after_100),
            TaskDefinition(StepNumber(300), "right", "test", "meet", after_100),
            TaskDefinition(StepNumber(400), "join", "test", "work", Dependency(all_previous=True)),
        ),
    )
    both = asyncio.Barrier(2)

    async def meet(step: StepContext) -> Outcome:
        async with asyncio.timeout(10):
            await both.wait()
        return Done({f"by{step.step}": ["x"]})

    engine.know_types()
    executor = ScriptedExecutor(meet=meet)
    engine.scheduler()
    engine.worker(executor)
    job = await engine.until(await engine.submit("FORK"))
    assert job.state is JobState.FINISHED
    assert executor.calls[-1][1] == 400
    assert job.data == {"by200": ["x"], "by300": ["x"]}


async def test_a_critical_failure_stops_the_step_beside_it(engine: Engine) -> None:
    none = Dependency()
    engine.types["SIDE"] = JobType(
        "SIDE",
        (
            TaskDefinition(StepNumber(100), "fails", "test", "fail", none),
            TaskDefinition(StepNumber(200), "long", "test", "long", none),
            task(5000, cleanup=True),
        ),
    )
    running, stopped = asyncio.Event(), asyncio.Event()

    async def fail(step: StepContext) -> Outcome:
        await running.wait()
        return Fail("broken")

    async def long(step: StepContext) -> Outcome:
        running.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return Done()

    engine.know_types()
    executor = ScriptedExecutor(fail=fail, long=long)
    engine.scheduler()
    engine.worker(executor)
    job = await engine.until(await engine.submit("SIDE"))
    assert stopped.is_set()
    assert job.state is JobState.FAILED_TOTAL
    assert executor.calls[-1][1] == 5000
    assert job.data["errorMessage"] == ["broken"]


async def test_priority_goes_before_age(engine: Engine) -> None:
    engine.types["ONE"] = JobType("ONE", (task(100),))
    engine.concurrent_jobs = 1
    engine.know_types()
    order = [Priority.LOW, Priority.HIGHEST, Priority.MEDIUM, Priority.LOWEST, Priority.HIGH] * 10
    ids = [await engine.submit("ONE", priority) for priority in order]
    executor = ScriptedExecutor()
    engine.worker(executor)
    engine.scheduler()
    for id in ids:
        await engine.until(id)
    expected = [id for _, id in sorted(zip(order, ids, strict=True), key=lambda one: -one[0].rank)]
    assert [job for job, _ in executor.calls] == expected


async def test_only_who_has_the_role_may_submit_immediate(engine: Engine) -> None:
    plain = User("plain", frozenset({"_job_write"}))
    with pytest.raises(RoleMissing):
        await engine.commands.submit(plain, "WORK", Priority.IMMEDIATE, {})
    assert await engine.events() == []


@pytest.mark.parametrize("type", ["NOPE", "work", "", "EMPTY"])
async def test_a_type_that_cannot_be_run_is_refused(engine: Engine, type: str) -> None:
    engine.types["EMPTY"] = JobType("EMPTY", ())
    with pytest.raises(Invalid):
        engine.know_types()
        await engine.submit(type)
    assert await engine.events() == []


@pytest.mark.parametrize("data", [{"": ["x"]}, {"a": ["x\x00"]}, {"a\x00": ["x"]}, {"a": ["\ud800"]}])
async def test_data_that_cannot_be_stored_is_refused(engine: Engine, data: dict[str, list[str]]) -> None:
    with pytest.raises(Invalid):
        await engine.commands.submit(ADMIN, "WORK", Priority.MEDIUM, data)
    assert await engine.events() == []


async def test_a_hundred_submissions_at_once_are_all_stored_and_all_run(engine: Engine) -> None:
    ids = await asyncio.gather(*(engine.submit(n=str(n)) for n in range(100)))
    assert len(set(ids)) == 100
    engine.concurrent_jobs = 20
    executor = ScriptedExecutor()
    engine.scheduler()
    engine.worker(executor, slots=16)
    for n, id in enumerate(ids):
        job = await engine.until(id, seconds=30)
        assert (job.state, job.data) == (JobState.FINISHED, {"n": [str(n)]})
    assert len(executor.calls) == 400


async def test_a_rerun_copies_the_order_and_not_what_was_found_out(engine: Engine) -> None:
    async def work(step: StepContext) -> Outcome:
        return Fail("no") if step.step == 200 else Done({"vidijob_plan": ["x"]})

    engine.scheduler()
    engine.worker(ScriptedExecutor(work=work))
    first = await engine.submit(priority=Priority.HIGH, a="b")
    await engine.until(first)
    other = User("other", frozenset())
    again = await engine.commands.rerun(other, first, None)
    assert (again.type, again.priority, again.user) == ("WORK", Priority.HIGH, "other")
    assert again.data == {"a": ["b"], "rerunOf": [first]}
    low = await engine.commands.rerun(other, first, Priority.LOW)
    assert low.priority is Priority.LOW
