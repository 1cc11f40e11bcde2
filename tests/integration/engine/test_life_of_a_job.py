"""A job from its submission to its end, with everything real but the work itself."""

from __future__ import annotations

from tests.integration.engine.conftest import Engine, ScriptedExecutor
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
