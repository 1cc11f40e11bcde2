"""A job that waits long goes ahead of ones that were given a higher priority, where the setting says so."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from vidijob.engine.configuration import Configuration
from vidijob.engine.task_groups import TaskGroups
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.model import JobType, Priority
from vidijob.jobs.pools import Pool
from vidijob.jobs.states import JobState
from vidijob.jobs.task_groups import JobFilter, TaskGroup


async def briefly(step: StepContext) -> Outcome:
    await asyncio.sleep(0.02)
    return Done()


async def started(engine: Engine, job: str) -> bool:
    return (await engine.insights.job(job)).state is not JobState.READY


#: How many others were admitted before a job although it was due already: it had waited for each rank that it lacks.
_LATE = """
WITH own AS (
  SELECT min(at) + 4 * $2::interval AS due, min(at) FILTER (WHERE new_state = 'STARTED') AS started
  FROM event WHERE job_id = $1 AND step IS NULL
)
SELECT started >= due AS patient,
       (SELECT count(*) FROM event e WHERE e.step IS NULL AND e.new_state = 'STARTED' AND e.at > due AND e.at < started) AS others
FROM own
"""


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("ageing", [timedelta(milliseconds=200), None])
async def test_the_lowest_starts_under_an_endless_stream_of_the_highest_once_it_is_due(
    engine: Engine, ageing: timedelta | None, grouped: bool
) -> None:
    engine.types["ONE"] = JobType("ONE", (task(100),))
    engine.know_types()
    engine.concurrent_jobs, engine.ageing = 1, ageing
    if grouped:
        group = TaskGroup("g", max_concurrency=5, filters=(JobFilter(types=("ONE",)),))
        await TaskGroups(engine.database, engine.bell).put(group)
    lowest = await engine.submit("ONE", Priority.LOWEST)
    for _ in range(5):
        await engine.submit("ONE", Priority.HIGHEST)
    engine.worker(ScriptedExecutor(work=briefly))
    engine.scheduler()
    stream = asyncio.create_task(submit_for_ever(engine))
    try:
        async with asyncio.timeout(8 if ageing else 2):
            while not await started(engine, lowest):
                await asyncio.sleep(0.05)
    except TimeoutError:
        assert ageing is None, "it never started"
    else:
        assert ageing is not None, "it overtook without a reason"
        async with engine.database.session() as session:
            found = await session._connection.fetchrow(_LATE, int(lowest.removeprefix("VX-")), ageing)
        assert found is not None and found["patient"], "it had not waited long enough"
        # The one that was chosen before it was due, and the one that was under way to that.
        assert found["others"] <= 2, "those that were admitted before it although it was due"
    finally:
        stream.cancel()


async def submit_for_ever(engine: Engine) -> None:
    while True:
        # Always several in the queue.
        await asyncio.gather(*(engine.submit("ONE", Priority.HIGHEST) for _ in range(3)))
        await asyncio.sleep(0.03)


async def test_it_does_not_grow_into_a_place_that_a_pool_keeps(engine: Engine) -> None:
    engine.types["ONE"] = JobType("ONE", (task(100),))
    engine.know_types()
    engine.ageing = timedelta(milliseconds=1)
    await Configuration(engine.database, engine.bell).set_job_pools(2, [Pool(Priority.HIGHEST, 2)], replace=True)
    lowest = [await engine.submit("ONE", Priority.LOWEST) for _ in range(3)]
    await asyncio.sleep(0.05)
    engine.worker(ScriptedExecutor(work=briefly))
    engine.scheduler()
    highest = [await engine.submit("ONE", Priority.HIGHEST) for _ in range(3)]
    for id in highest:
        await engine.until(id)
    assert not any([await started(engine, id) for id in lowest])
