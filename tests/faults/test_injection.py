"""At every place from which the engine sends a statement, everything that can go wrong goes wrong; no promise is broken."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.faults.injection import Faults, FaultyDatabase, Kind, sites
from tests.faults.scenario import History
from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from vidijob.engine.rescuer import Rescuer
from vidijob.errors import Unavailable
from vidijob.jobs.model import JobType
from vidijob.jobs.states import JobState
from vidijob.store.database import Database

#: Places that only a bug leads to; in an order in which what goes wrong at one leaves the next one something to do.
BY_A_BUG = (("steps.repair", "job.stray"), ("steps.repair", "step.repair"), ("steps.repair", "commit"))


def test_the_places_are_found() -> None:
    found = sites()
    assert ("steps.end", "problem.join") in found
    assert ("commands.abort", "commit") in found
    assert len(found) > 50
    assert found >= set(BY_A_BUG)


@pytest.mark.parametrize("kind", Kind)
async def test_everything_goes_wrong_once(
    url: str, database: Database, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A loop that fails at one place after the other would back off longer and longer.
    monkeypatch.setattr("vidijob.engine.loop._LONGEST_BACK_OFF", 0.2)
    faults = Faults()
    faulty = FaultyDatabase(url, faults)
    await faulty.open()
    try:
        faults.arm(kind)
        assert await History(faulty, database).go() == []
    finally:
        await faulty.close()
    assert sites() - set(faults.hit) == set(BY_A_BUG)


async def test_a_repair_goes_wrong_once(url: str, database: Database) -> None:
    for kind in Kind:
        faults = Faults()
        faulty = FaultyDatabase(url, faults)
        await faulty.open()
        engine = Engine(faulty, {"WORK": JobType("WORK", (task(100), task(200)))})
        rescuer = Rescuer(faulty, engine.bell, lambda: True)
        try:
            id = await engine.submit()
            engine.scheduler()
            await engine.until(id, JobState.STARTED)
            async with database.session() as session:
                await session._connection.execute("DELETE FROM step_queue")
            for site in BY_A_BUG:
                faults.arm(kind, only=site)
                with suppress(Unavailable):
                    await rescuer.sweep()
            faults.disarm()
            await rescuer.sweep()
            engine.worker(ScriptedExecutor())
            assert (await engine.until(id)).state is JobState.FINISHED
        finally:
            await engine.stop()
            await faulty.close()
        assert set(faults.hit) == (set(BY_A_BUG) if kind is not Kind.DELAY else set(BY_A_BUG[:1]))
