"""Sub-tasks as the database has them: rows ⇄ model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidijob.jobs.model import JobId, Progress, SubTask
from vidijob.jobs.states import StepState
from vidijob.store.database import Session


async def of_jobs(session: Session, ids: Sequence[JobId]) -> dict[int, tuple[SubTask, ...]]:
    """Return the sub-tasks of all attempts at the steps of jobs, by attempt."""
    found: dict[int, list[SubTask]] = {}
    for row in await session.rows("sub_task.of_jobs", list(ids)):
        value = row["progress_value"]
        told = None if value is None else Progress(value, row["progress_total"], row["progress_unit"])
        found.setdefault(row["attempt"], []).append(
            SubTask(row["place"], row["description"], StepState(row["state"]), row["at"], told, row["error"])
        )
    return {attempt: tuple(sub_tasks) for attempt, sub_tasks in found.items()}


def document(sub_task: SubTask) -> dict[str, Any]:
    """Return a sub-task as the statements take it."""
    return {
        "place": sub_task.place,
        "description": sub_task.description,
        "state": sub_task.state.value,
        "at": sub_task.at.timestamp(),
        "error": sub_task.error,
        **progress(sub_task.progress),
    }


def progress(told: Progress | None) -> dict[str, Any]:
    """Return progress as the statements take it."""
    return {} if told is None else {"value": told.value, "total": told.total, "unit": told.unit}
