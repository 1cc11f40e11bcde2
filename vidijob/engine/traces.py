"""What an attempt leaves in the data of its job, under the keys of real servers: step, sub-task, attempt (contract 1.5)."""

from __future__ import annotations

from vidijob.engine.run import Run
from vidijob.jobs.model import Progress
from vidijob.jobs.states import StepState


def traces(run: Run, state: StepState, reason: str | None) -> dict[str, list[str]]:
    """Return ``progress-200-0-0`` = ``bytes 512/1024`` and, of one that failed, ``errorMessage-200-0-0``.

    Of a step that is done as sub-tasks each has its own; its reason stands at the first when none of them failed.
    """
    sub_tasks = run.sub_tasks.told() if run.sub_tasks is not None else ()
    told = {one.place: one.progress for one in sub_tasks} or {0: run.told()}
    errors = {one.place: one.error for one in sub_tasks if one.error is not None}
    if reason is not None and state is not StepState.WAITING and not errors:
        errors = {0: reason}
    return {
        **{
            _key("progress", run, place): [_words(progress)] for place, progress in told.items() if progress is not None
        },
        **{_key("errorMessage", run, place): [error] for place, error in errors.items()},
    }


def _key(what: str, run: Run, sub_task: int) -> str:
    return f"{what}-{run.step}-{sub_task}-{run.hold.ordinal}"


def _words(told: Progress) -> str:
    value = round(told.value) if told.unit == "bytes" else told.value
    return f"{told.unit} {value}/{round(told.total)}"
