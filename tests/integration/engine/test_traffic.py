"""What plots are drawn of: the queue, what ended, how long jobs waited."""

from __future__ import annotations

from datetime import timedelta

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.engine.traffic import Observer, Span
from vidijob.executors.base import Fail, Outcome, StepContext
from vidijob.jobs.model import Priority
from vidijob.store.database import Database


async def move(database: Database, back: timedelta) -> None:
    """Let everything have happened so much earlier."""
    async with database.session() as session:
        seconds = back.total_seconds()
        await session._connection.execute(
            "UPDATE job SET started = started - make_interval(secs => $1), finished = finished - make_interval(secs => $1)",
            seconds,
        )
        await session._connection.execute("UPDATE event SET at = at - make_interval(secs => $1)", seconds)


async def test_what_ended_is_counted_in_the_stretch_in_which_it_ended(engine: Engine) -> None:
    async def fail(step: StepContext) -> Outcome:
        return Fail("not today")

    engine.worker(ScriptedExecutor(work=fail))
    engine.scheduler()
    failed = await engine.submit()
    await engine.until(failed)
    await move(engine.database, timedelta(minutes=5))
    aborted = await engine.submit()
    await engine.commands.abort(ADMIN, aborted, reason=None, cleanup=False)
    await engine.until(aborted)
    seen = await Observer(engine.database).look(Span.HOUR)
    assert len(seen.ended) == len(seen.waited) == Span.HOUR.number
    assert [one.at for one in seen.ended] == sorted(one.at for one in seen.ended)
    last = seen.ended[-3:]
    assert sum(one.failed + one.aborted for one in last) == 1 and sum(one.failed for one in seen.ended[-8:-3]) == 1
    assert sum(one.finished for one in seen.ended) == 0
    # Of another span, the same jobs.
    assert sum(one.failed + one.aborted for one in (await Observer(engine.database).look(Span.DAY)).ended) == 2


async def test_who_waits_is_seen_waiting(engine: Engine) -> None:
    for priority in (Priority.HIGH, Priority.HIGH, Priority.LOW):
        await engine.submit(priority=priority)
    await move(engine.database, timedelta(minutes=2))
    seen = await Observer(engine.database).look(Span.HOUR)
    assert [(one.priority, one.jobs) for one in seen.queued if one.jobs] == [(Priority.HIGH, 2), (Priority.LOW, 1)]
    assert all((one.since is not None) == (one.jobs > 0) for one in seen.queued)
    assert seen.running == 0
    waited = [one for one in seen.waited if one.half is not None]
    assert waited and all(
        timedelta(minutes=2) <= one.half <= one.nearly_all for one in waited if one.half and one.nearly_all
    )
    assert all(one.half < timedelta(minutes=4) for one in waited if one.half)


async def test_an_admitted_job_counts_with_what_it_has_waited(engine: Engine) -> None:
    engine.worker(ScriptedExecutor())
    engine.scheduler()
    await engine.until(await engine.submit())
    observer = Observer(engine.database)
    seen = await observer.look(Span.WEEK)
    (waited,) = [one for one in seen.waited if one.half is not None]
    assert waited.half is not None and waited.half < timedelta(seconds=10)
    assert sum(one.finished for one in seen.ended) == 1
    # Whoever asks at once sees the same.
    assert await observer.look(Span.WEEK) is seen
