"""Job types in the database: brought by the program, changed by administrators, seen by every process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.integration.engine.conftest import ADMIN, task
from vidijob.engine.jobtypes import JobTypes
from vidijob.engine.plans import STALE
from vidijob.errors import Conflict, Invalid, NotFound
from vidijob.jobs.catalogue import EDITION, JOB_TYPES
from vidijob.jobs.model import Dependency, JobType, KnownTask, StepNumber, TaskDefinition, TaskDefinitionId
from vidijob.store import jobtypes
from vidijob.store.database import Database

NEWER = EDITION + 1


def kind(*tasks: TaskDefinition, name: str = "OURS") -> JobType:
    return JobType(name, tasks)


async def steps(types: JobTypes, name: str = "OURS") -> dict[int, str]:
    """Return step → method of a type."""
    return {known.task.step: known.task.method for known in await types.tasks_of(name)}


def to_method(method: str) -> Callable[[KnownTask], tuple[str, TaskDefinition]]:
    return lambda known: (known.job_type, replace(known.task, method=method))


@pytest.fixture
def types(database: Database) -> JobTypes:
    return JobTypes(database)


async def test_the_shipped_types_are_there_as_the_program_has_them(types: JobTypes) -> None:
    assert [known.name for known in await types.listing()] == list(JOB_TYPES)
    for name, shipped in JOB_TYPES.items():
        assert await types.kind(name) == shipped
    ids = [known.id for known in await types.tasks()]
    assert len(set(ids)) == len(ids) > 0


async def test_bringing_them_again_changes_nothing_and_tells_nobody(types: JobTypes, database: Database) -> None:
    before = await types.tasks(), await jobtypes.version(database)
    await types.ship()
    assert (await types.tasks(), await jobtypes.version(database)) == before


async def test_many_processes_at_once(database: Database) -> None:
    ours = kind(task(100), task(200), task(5000, cleanup=True))
    await asyncio.gather(*(JobTypes(database).ship([ours]) for _ in range(20)))
    types = JobTypes(database)
    assert await steps(types) == {100: "work", 200: "work", 5000: "work"}
    assert [known.name for known in await types.listing()].count("OURS") == 1


async def test_a_newer_program_updates_what_nobody_touched(types: JobTypes) -> None:
    await types.ship([kind(task(100), task(200), task(300))])
    before = {int(known.task.step): known.id for known in await types.tasks_of("OURS")}
    await types.ship([kind(task(100), task(200, "better"), task(400))], NEWER)
    assert await steps(types) == {100: "work", 200: "better", 400: "work"}
    after = {int(known.task.step): known.id for known in await types.tasks_of("OURS")}
    assert after[200] == before[200]
    await types.ship([kind(task(100), task(300))], NEWER)
    assert await steps(types) == {100: "work", 300: "work"}


async def test_an_older_program_leaves_the_types_of_a_newer_one_alone(types: JobTypes) -> None:
    await types.ship([kind(task(100, "new"))], NEWER)
    await types.ship([kind(task(100, "old")), kind(task(100), name="GONE")])
    assert await steps(types) == {100: "new"}
    assert "GONE" not in {known.name for known in await types.listing()}


async def test_what_an_administrator_changed_or_deleted_stays_so(types: JobTypes) -> None:
    ours = kind(task(100), task(200), task(300))
    await types.ship([ours])
    await types.change(ADMIN, ("OURS", StepNumber(100)), to_method("mine"))
    await types.delete(ADMIN, ("OURS", StepNumber(200)))
    (own,) = await types.add(ADMIN, [("OURS", task(400, "own"))])
    mine = {100: "mine", 300: "work", 400: "own"}
    for edition in (EDITION, NEWER):
        await types.ship([ours], edition)
        assert await steps(types) == mine
    # Now the program brings a step that the administrator has, and drops one that they changed.
    await types.ship([kind(task(200), task(300, "newer"), task(400))], NEWER + 1)
    assert await steps(types) == {100: "mine", 300: "newer", 400: "own"}
    assert (await types.task(own)).task.method == "own"
    await types.delete(ADMIN, own)
    await types.ship([kind(task(200), task(300, "newer"), task(400))], NEWER + 2)
    assert await steps(types) == {100: "mine", 300: "newer"}


async def test_a_change_that_changes_nothing_leaves_a_step_to_the_program(types: JobTypes, database: Database) -> None:
    await types.ship([kind(task(100))])
    version = await jobtypes.version(database)
    await types.change(ADMIN, ("OURS", StepNumber(100)), lambda known: (known.job_type, known.task))
    assert await jobtypes.version(database) == version
    await types.ship([kind(task(100, "newer"))], NEWER)
    assert await steps(types) == {100: "newer"}


async def test_a_step_that_was_moved_is_the_administrators(types: JobTypes) -> None:
    await types.ship([kind(task(100), task(200))])
    await types.change(
        ADMIN, ("OURS", StepNumber(200)), lambda known: (known.job_type, replace(known.task, step=StepNumber(250)))
    )
    await types.ship([kind(task(100), task(200, "newer"))], NEWER)
    assert await steps(types) == {100: "work", 250: "work"}


async def test_new_steps_that_do_not_fit_to_an_administrators_are_left_out(
    types: JobTypes, caplog: pytest.LogCaptureFixture
) -> None:
    await types.ship([kind(task(100), task(200))])
    after = replace(task(300), dependency=Dependency(step=StepNumber(200)))
    await types.add(ADMIN, [("OURS", after)])
    with caplog.at_level(logging.WARNING):
        await types.ship([kind(task(100), task(150)), kind(task(1), name="OTHER")], NEWER)
    assert "the steps of OURS stay as they are" in caplog.text
    assert await steps(types) == {100: "work", 200: "work", 300: "work"}
    assert await steps(types, "OTHER") == {1: "work"}


async def test_a_type_of_an_administrators_own_is_not_taken_over(types: JobTypes) -> None:
    await types.define(ADMIN, "LATER", 20000)
    await types.add(ADMIN, [("LATER", task(7, "own"))])
    await types.ship([kind(task(7), name="LATER")], NEWER)
    assert await steps(types, "LATER") == {7: "own"}


async def test_of_many_that_define_the_same_one_does(types: JobTypes, database: Database) -> None:
    results = await asyncio.gather(
        *(JobTypes(database).define(ADMIN, "ACME", 20000 + number) for number in range(10)),
        *(JobTypes(database).define(ADMIN, f"ACME_{number}", 25000) for number in range(10)),
        return_exceptions=True,
    )
    assert [result for result in results if result is not None and not isinstance(result, Conflict)] == []
    assert results[:10].count(None) == 1 and results[10:].count(None) == 1
    assert len(await types.listing()) == len(JOB_TYPES) + 2


async def test_changes_at_once_cannot_make_a_circle_together(types: JobTypes, database: Database) -> None:
    await types.define(ADMIN, "ACME", 20000)
    free = [replace(task(number), dependency=Dependency()) for number in (100, 200)]
    await types.add(ADMIN, [("ACME", one) for one in free])

    def after(step: int) -> Callable[[KnownTask], tuple[str, TaskDefinition]]:
        return lambda known: (known.job_type, replace(known.task, dependency=Dependency(step=StepNumber(step))))

    results = await asyncio.gather(
        JobTypes(database).change(ADMIN, ("ACME", StepNumber(100)), after(200)),
        JobTypes(database).change(ADMIN, ("ACME", StepNumber(200)), after(100)),
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(Invalid) == 1
    await types.plans.of("ACME")


async def test_other_processes_see_a_change_within_a_moment(database: Database) -> None:
    now = 100.0
    here, there = JobTypes(database, clock=lambda: now), JobTypes(database, clock=lambda: now)
    await here.define(ADMIN, "ACME", 20000)
    for types in (here, there):
        with pytest.raises(Invalid, match="no task definitions"):
            await types.plans.of("ACME")
    await here.add(ADMIN, [("ACME", task(100))])
    assert len(await here.plans.of("ACME")) == 1
    now += STALE / 2
    with pytest.raises(Invalid):
        await there.plans.of("ACME")
    now += STALE / 2
    assert len(await there.plans.of("ACME")) == len(await here.plans.of("ACME")) == 1
    await there.drop(ADMIN, "ACME")
    assert len(await here.plans.of("ACME")) == 1
    now += STALE
    with pytest.raises(Invalid, match="There is no job type"):
        await here.plans.of("ACME")


async def test_nothing_is_read_again_while_nothing_changes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    types = JobTypes(database, clock=lambda: now)
    asked = {"version": 0, "tasks": 0}

    def count(name: str) -> None:
        real = getattr(jobtypes, name)

        async def counted(*arguments: object) -> object:
            asked[name] += 1
            return await real(*arguments)

        monkeypatch.setattr(jobtypes, name, counted)

    count("version")
    count("tasks")
    first = await types.plans.of("TRANSCODE")
    await asyncio.gather(*(types.plans.of("TRANSCODE") for _ in range(100)))
    assert asked == {"version": 1, "tasks": 1}
    now += STALE
    await asyncio.gather(*(types.plans.of("COPY_FILE") for _ in range(100)))
    assert asked == {"version": 2, "tasks": 1}
    assert await types.plans.of("TRANSCODE") is first


async def test_what_is_not_there(types: JobTypes) -> None:
    for place in (TaskDefinitionId(10**6), ("TRANSCODE", StepNumber(1)), ("NOPE", StepNumber(100))):
        with pytest.raises(NotFound):
            await types.task(place)
        with pytest.raises(NotFound):
            await types.delete(ADMIN, place)
        with pytest.raises(NotFound):
            await types.change(ADMIN, place, lambda known: (known.job_type, known.task))


async def test_a_script_is_kept_once_and_stays_for_the_jobs_that_have_it(types: JobTypes, database: Database) -> None:
    await types.define(ADMIN, "ACME", 20000)
    script = TaskDefinition(StepNumber(1), "", "script", "run", script="1;")
    await types.add(ADMIN, [("ACME", script), ("ACME", replace(script, step=StepNumber(2)))])
    (first, second) = await types.plans.of("ACME")
    assert first.task.metadata == second.task.metadata == {"script": jobtypes.script_digest("1;")}
    await types.set_script(ADMIN, ("ACME", StepNumber(1)), "2;")
    await types.drop(ADMIN, "ACME")
    async with database.session() as session:
        rows = await session._connection.fetch("SELECT digest, source FROM script ORDER BY source")
    assert [tuple(row) for row in rows] == [(jobtypes.script_digest(text), text) for text in ("1;", "2;")]
