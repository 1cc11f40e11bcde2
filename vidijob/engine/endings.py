"""What is reported of an attempt that has ended, by what its executor answered. It knows no database."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import assert_never

from vidijob.engine.run import Run
from vidijob.engine.traces import traces
from vidijob.executors.base import Done, Fail, Retry, Wait
from vidijob.jobs import policy
from vidijob.jobs.states import StepState
from vidijob.observability import metrics
from vidijob.store.steps import End, Held


def answered(held: Held, run: Run, outcome: Done | Wait | Retry | Fail) -> End:
    """Return the end that an outcome is."""
    lease = run.hold
    match outcome:
        case Done(data):
            return _end(held, run, StepState.FINISHED, data=data)
        case Wait(type, about, reason, changes) if not lease.cleanup:
            return _end(held, run, StepState.WAITING, reason, data=changes, problem=(type, about))
        # Clean-up does not wait: the end of the job would wait with it.
        case Retry(reason, changes) | Wait(_, _, reason, changes) if (
            lease.retries < (rules := policy.retry_policy(lease.metadata)).retries
        ):
            delay = policy.retry_delay(rules, lease.retries, random.Random())
            return _end(held, run, StepState.FAILED_RETRY, reason, data=changes, delay=delay)
        case Retry(reason, changes) | Fail(reason, changes) | Wait(_, _, reason, changes):
            return _end(held, run, StepState.FAILED_FATAL, reason, data={**changes, "errorMessage": [reason]})
        case _:
            assert_never(outcome)


def stopped(held: Held, run: Run) -> End:
    """Return the end of an attempt that was stopped from outside."""
    return _end(held, run, StepState.FAILED_FATAL, "Stopped: the job was aborted or has failed.")


def _end(
    held: Held,
    run: Run,
    state: StepState,
    reason: str | None = None,
    *,
    data: Mapping[str, Sequence[str] | None] = MappingProxyType({}),
    delay: timedelta = timedelta(),
    problem: tuple[str, Mapping[str, str]] | None = None,
) -> End:
    metrics.STEP_SECONDS.add(run.hold.job_type, run.hold.executor, state.value, seconds=run.seconds)
    divided = run.sub_tasks
    if divided is not None:
        divided.close(state)
    return End(
        held,
        state,
        error=reason,
        data={**run.said(), **data, **traces(run, state, reason)},
        delay=delay,
        problem=problem,
        progress=run.told(),
        notes=run.take_notes(),
        total_sub_tasks=divided.total if divided is not None else None,
        sub_tasks=divided.told() if divided is not None else (),
    )
