"""At every place from which the engine sends a statement, everything that can go wrong goes wrong; no promise is broken."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from tests.faults.injection import AROUND, ENGINE, Faults, FaultyDatabase, Kind, Site, sites
from tests.faults.scenario import History
from tests.faults.telling_history import TellingHistory
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.notifications import Notifications
from vidijob.engine.notifier import Notifier
from vidijob.engine.rescuer import Rescuer
from vidijob.errors import Unavailable
from vidijob.jobs.model import JobType
from vidijob.jobs.notifications import Definition, HttpAction, Place, Scope, Trigger
from vidijob.jobs.states import JobState
from vidijob.store.database import Database

#: Places that only a bug leads to; in an order in which what goes wrong at one leaves the next one something to do.
BY_A_BUG = (("steps.repair", "job.stray"), ("steps.repair", "step.repair"), ("steps.repair", "commit"))
#: A place that only an answer leads to which was lost.
BY_A_LOSS = ("steps.held_by", "step.held_by")
#: Places that only a database leads to which came from another server.
BY_A_MOVE = (("deliveries.settle_in", "delivery.restamp"), ("deliveries.settle_in", "delivery.settle_in"))
#: Places of jobs that only the history with others around passes.
WITH_OTHERS = {("remote_calls.come_back", "remote_call.come_back"), ("admissions.heads", "job.heads")}
#: Places of the parts around.
AROUND_ALONE = sites(AROUND) - sites(ENGINE)


def test_the_places_are_found() -> None:
    found = sites()
    assert ("steps.end", "problem.join") in found
    assert ("commands.abort", "commit") in found
    assert len(found) > 50
    assert found >= {*BY_A_BUG, *WITH_OTHERS}
    assert set(BY_A_MOVE) < AROUND_ALONE
    assert len(AROUND_ALONE) > 30


@pytest.mark.parametrize("kind", Kind)
async def test_everything_goes_wrong_once(
    url: str, database: Database, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A loop that fails at one place after the other would back off longer and longer.
    monkeypatch.setattr("vidijob.engine.loop._LONGEST_BACK_OFF", 0.2)
    # The head of the queue is read in both ways by turns, as when that takes long.
    monkeypatch.setattr("vidijob.engine.heads._LONG", 0.0)
    faults = Faults()
    faulty = FaultyDatabase(url, faults)
    await faulty.open()
    try:
        faults.arm(kind)
        assert await History(faulty, database).go() == []
    finally:
        await faulty.close()
    assert sites() - set(faults.hit) - {BY_A_LOSS} == {*BY_A_BUG, *WITH_OTHERS}
    assert BY_A_LOSS in faults.passed or kind is Kind.DELAY


@pytest.mark.parametrize("kind", Kind)
async def test_everything_goes_wrong_once_with_others_around(
    url: str, database: Database, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidijob.engine.loop._LONGEST_BACK_OFF", 0.2)
    # What a sender could not enter, another sends again soon.
    monkeypatch.setattr("vidijob.engine.sender.LEASE", timedelta(seconds=1.5))
    monkeypatch.setattr("vidijob.engine.sender._AGAIN", (0.1, 0.4))
    monkeypatch.setattr("vidijob.engine.sender._BEAT", 0.3)
    # However little lies about.
    monkeypatch.setattr("vidijob.engine.sweeper._WORN", 0)
    faults = Faults()
    faulty = FaultyDatabase(url, faults)
    await faulty.open()
    try:
        faults.arm(kind)
        assert await TellingHistory(faulty, database).go() == []
    finally:
        await faulty.close()
    assert (AROUND_ALONE | WITH_OTHERS) - set(faults.hit) == set(BY_A_MOVE)


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


@pytest.mark.parametrize("site", BY_A_MOVE)
async def test_a_move_goes_wrong_once(url: str, database: Database, site: Site) -> None:
    faults = Faults()
    faulty = FaultyDatabase(url, faults)
    await faulty.open()
    engine = Engine(faulty, {"WORK": JobType("WORK", (task(100),))})
    notifier = Notifier(faulty, engine.bell, Composer("VX").compose)
    notifications = Notifications(database, engine.bell, ExternalIds(database, "VX"), "VX")

    async def read() -> None:
        with suppress(Unavailable):
            await asyncio.sleep(0.03)  # it pauses between two looks
            await notifier.tick()

    async def told() -> list[str]:
        async with database.session() as session:
            rows = await session._connection.fetch("SELECT job_id FROM delivery ORDER BY id")
        return [f"VX-{row['job_id']}" for row in rows]

    definition = Definition(HttpAction("http://receiver.example/"), Trigger.CREATE)
    await notifications.define(ADMIN, Place(Scope.JOBS), definition, "")
    jobs = []
    try:
        for kind in Kind:
            jobs.append(await engine.submit())
            await read()
            assert await told() == jobs
            # Dumped with one job not looked at; the next is submitted here.
            jobs.append(await engine.submit())
            async with database.session() as session:
                for table in ("event_cursor", "event"):
                    await session._connection.execute(
                        f"UPDATE {table} SET tx = (tx::text::bigint + 1000000000)::text::xid8"
                    )
            jobs.append(await engine.submit())
            faults.arm(kind, only=site, calls=(faults.passed[site] + 1,))
            await read()
            faults.disarm()
            async with asyncio.timeout(10):
                while len(await told()) < len(jobs):
                    await read()
            assert sorted(await told()) == sorted(jobs)
    finally:
        await engine.stop()
        await faulty.close()
    assert faults.hit == {site: len(Kind)}
