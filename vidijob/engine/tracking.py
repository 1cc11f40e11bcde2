"""One attempt as traces and logs see it: a span that is a child of the request which submitted the job, and the job's id in
every line that is logged meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vidijob.engine.run import Run
from vidijob.errors import Unavailable
from vidijob.executors.base import Fail, Outcome, Retry
from vidijob.jobs.model import JobId
from vidijob.observability import tracing
from vidijob.observability.logs import JOB
from vidijob.observability.tracing import Entry
from vidijob.store import traces
from vidijob.store.database import Database


def is_tracked() -> bool:
    """Tell whether spans are wanted of anything: where they are not, an attempt costs nothing here."""
    return tracing.is_on()


@asynccontextmanager
async def tracked(database: Database, run: Run) -> AsyncIterator[Entry]:
    """Track what is done inside as an attempt; the task that this runs in is the attempt's own."""
    JOB.set(run.job)
    lease = run.hold
    with tracing.span(
        f"{lease.executor}.{lease.method}", "consumer", parent=await _submitter(database, lease.job),
        vidijob__job=run.job, vidijob__type=lease.job_type, vidijob__step=lease.step, vidijob__attempt=lease.ordinal,
    ) as entry:  # fmt: skip
        yield entry


def tell(entry: Entry, outcome: Outcome) -> None:
    """Tell the span how the attempt ended."""
    entry.set(vidijob__outcome=type(outcome).__name__)
    if isinstance(outcome, Fail | Retry):
        entry.fail(outcome.reason)


async def _submitter(database: Database, job: JobId) -> str | None:
    """Return the span that submitted a job, where traces are wanted."""
    if not tracing.is_on():
        return None
    try:
        return await traces.of(database, job)
    except Unavailable:
        # The step is worth more than its trace.
        return None
