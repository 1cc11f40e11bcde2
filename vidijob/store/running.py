"""What steps tell while they run, beside progress and lines: that others may start, and what they are divided into.

Everything names the lease; of a step that has lost it nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vidijob.jobs.model import SubTask
from vidijob.jobs.states import StepEvent, step_sources
from vidijob.store import jobs
from vidijob.store.database import Database
from vidijob.store.steps import Held, name
from vidijob.store.sub_tasks import document


async def signal(database: Database, signals: Sequence[Held]) -> bool:
    """Let what waits for a signal of these steps start; tells whether anything does."""
    async with database.transaction() as session:
        await jobs.lock(session, [held.job for held in signals])
        sources = [state.value for state in step_sources(StepEvent.SIGNAL)]
        ready = await session.rows("signal.send", [name(held) for held in signals], sources)
    return bool(ready)


async def split(database: Database, totals: Mapping[Held, int]) -> None:
    """Enter that attempts are done as so many sub-tasks."""
    async with database.transaction() as session:
        await jobs.lock(session, [held.job for held in totals])
        sources = [state.value for state in step_sources(StepEvent.SPLIT)]
        splits = [name(held) | {"total": total} for held, total in totals.items()]
        await session.rows("sub_task.split", splits, sources)


async def tell(database: Database, told: Mapping[Held, Sequence[SubTask]]) -> None:
    """Store what sub-tasks have told."""
    lines = [name(held) | document(sub_task) for held, sub_tasks in told.items() for sub_task in sub_tasks]
    await database.rows("sub_task.tell", lines)
