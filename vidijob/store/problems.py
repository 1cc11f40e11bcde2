"""Problems in the database: why jobs wait, which jobs, and letting them go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vidijob.jobs.model import JobId, Priority, Problem, ProblemId, StepNumber
from vidijob.jobs.states import JobEvent, job_sources
from vidijob.store import jobs
from vidijob.store.database import Database, Session

#: Jobs that go on in one transaction.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that waits for a problem, by one of its steps."""

    job: JobId
    type: str
    user: str
    priority: Priority
    step: StepNumber
    description: str
    #: When that step began to wait.
    since: datetime


async def waiting(database: Database, problem: ProblemId, limit: int) -> list[WaitingJob]:
    """Return the jobs that wait for a problem, those that have waited longest first."""
    return [
        WaitingJob(
            job=JobId(row["job_id"]),
            type=row["type"],
            user=row["owner"],
            priority=Priority(row["priority"]),
            step=StepNumber(row["step"]),
            description=row["description"],
            since=row["since"],
        )
        for row in await database.rows("problem.waiting", problem, limit)
    ]


async def listing(database: Database, job: JobId | None = None) -> list[Problem]:
    """Return the problems that hold jobs back, or that hold back one job."""
    return [
        Problem(
            id=ProblemId(row["id"]),
            type=row["type"],
            data=row["data"],
            reason=row["reason"],
            since=row["since"],
            next_check=row["next_check"],
            jobs=tuple(JobId(id) for id in row["jobs"]),
        )
        for row in await database.rows("problem.list", job)
    ]


async def due(
    database: Database, types: Sequence[str], again: timedelta, limit: int
) -> list[tuple[ProblemId, str, Mapping[str, str]]]:
    """Take problems that are due for another look; the next look at them is ``again`` later."""
    rows = await database.rows("problem.due", list(types), again.total_seconds(), limit)
    return [(ProblemId(row["id"]), row["type"], row["data"]) for row in rows]


async def of_type(database: Database, type: str) -> list[tuple[ProblemId, Mapping[str, str]]]:
    """Return the problems of a type, with their data."""
    return [(ProblemId(row["id"]), row["data"]) for row in await database.rows("problem.of_type", type)]


async def is_due(database: Database) -> bool:
    """Tell whether a problem is due for another look."""
    return bool(await database.value("problem.is_due"))


async def resolve(
    database: Database, problem: ProblemId, *, actor: str, remark: str, doom: str | None = None
) -> list[JobId]:
    """Let the jobs that wait for a problem go on, or fail for the reason ``doom``; returns the jobs it held.

    However many they are, no transaction holds many of them; a job that waits again meanwhile is not taken twice.
    """
    held: list[JobId] = []
    while True:
        async with database.transaction() as session:
            rows = await session.rows("problem.jobs", problem, held[-1] if held else 0, _AT_ONCE)
            some = [JobId(row["job_id"]) for row in rows]
            await jobs.lock(session, some)
            if doom is not None:
                await session.rows("problem.doom", problem, some, doom)
            await _release(session, problem, some, actor, remark)
        held += some
        if len(some) < _AT_ONCE:
            return held


async def release_strays(session: Session, strays: Sequence[JobId]) -> list[JobId]:
    """Let locked jobs go on that wait for nothing that is known; returns them."""
    return await _release(session, None, strays, "scheduler", "it waited for nothing")


async def forget(database: Database, age: timedelta) -> None:
    """Take out problems that hold nobody back any more."""
    await database.rows("problem.forget", age.total_seconds())


async def _release(
    session: Session, problem: ProblemId | None, held: Sequence[JobId], actor: str, remark: str
) -> list[JobId]:
    states = [state.value for state in job_sources(JobEvent.RESUME)]
    rows = await session.rows("problem.release", problem, list(held), actor, remark, states)
    return [JobId(row["id"]) for row in rows]
