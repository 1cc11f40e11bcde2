"""One job's steps as they stand: rows → model."""

from __future__ import annotations

from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.history import StandingStep
from vidijob.jobs.model import JobId, StepNumber, TaskDefinition
from vidijob.jobs.states import StepState
from vidijob.store.database import Session


async def steps(session: Session, job: JobId) -> list[StandingStep]:
    """Return the steps of a job, in order; a step does not tell what it waits for but by what others unlock."""
    return [
        StandingStep(
            PlannedStep(
                TaskDefinition(
                    StepNumber(row["number"]),
                    row["description"],
                    row["executor"],
                    row["method"],
                    critical=row["critical"],
                    cleanup=row["cleanup"],
                ),
                row["waiting"],
                row["waiting_parallel"],
                tuple(StepNumber(number) for number in row["unlocks"]),
                tuple(StepNumber(number) for number in row["unlocks_parallel"]),
            ),
            StepState(row["state"]),
        )
        for row in await session.rows("step.of_job", job)
    ]
