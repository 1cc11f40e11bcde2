"""Jobs of which another face tells each state: nothing that happens to one is passed over, whoever writes it and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.engine.conftest import ADMIN, Engine
from vidijob.engine import commands
from vidijob.engine.cleaner import Cleaner
from vidijob.engine.listings import Listings
from vidijob.engine.watcher import Advanced, Record, Told, Watched, Watcher
from vidijob.errors import NotFound, Unavailable
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import JobId, Origin, Watch
from vidijob.jobs.states import JobState
from vidijob.store import jobs, watches
from vidijob.store.database import Database

ENDED = ("ABORTED", "DELETED")


@dataclass
class Listener:
    """Tells nobody, and remembers what there was to tell."""

    face = "test"
    kind = "receiver"
    heard: list[tuple[JobId, str]] = field(default_factory=list)

    def receivers(self, origin: Origin) -> Sequence[UUID]:
        """Name nobody."""
        return ()

    def advance(self, advanced: Advanced, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Tell of no progress."""
        return Told(advanced.told, False, ())

    def tell(self, watched: Watched, origin: Origin, receivers: Mapping[UUID, Record]) -> Told:
        """Remember each state of a job that is new."""
        state = watched.told
        for event in watched.events:
            if event.step is None and event.new != state:
                state = event.new
                self.heard.append((watched.job, state))
        return Told(state, state in ENDED, ())


@pytest.fixture
def listener() -> Listener:
    """What is told."""
    return Listener()


@pytest.fixture
def watcher(engine: Engine, database: Database, listener: Listener) -> Watcher:
    """A watcher that looks when the test says."""
    return Watcher(database, engine.bell, listener)


async def watched(database: Database) -> int:
    """Return how many jobs are watched."""
    async with database.session() as session:
        return int(await session._connection.fetchval("SELECT count(*) FROM watch"))


@pytest.mark.parametrize("later", [True, False])
async def test_what_an_older_transaction_writes_is_told(
    engine: Engine, database: Database, watcher: Watcher, listener: Listener, later: bool
) -> None:
    name = await engine.submit()
    job = parse_job("VX", name)
    async with database.transaction() as older:
        # It has its number before the job is watched, as one that locks several jobs one after the other.
        await older.script("SELECT pg_current_xact_id()")
        if later:
            await Listings(database).subscribe(job, "READY", [])
        else:
            async with database.transaction() as session:
                await session.script(f"INSERT INTO job_origin (job_id, face, document) VALUES ({job}, 'test', '{{}}')")
                await watches.begin(session, {job: Watch.STATES})
        await jobs.lock(older, [job])
        await jobs.abort(older, job, cleanup=False, actor="admin", reason=None)
    await watcher.look(0)
    assert listener.heard[-1] == (job, "ABORTED")
    assert await watched(database) == 0


async def test_a_job_that_ends_while_somebody_subscribes_is_told_and_can_be_deleted(
    engine: Engine, database: Database, watcher: Watcher, listener: Listener
) -> None:
    name = await engine.submit()
    await watcher.look(0)
    # Who subscribes has seen it READY.
    await engine.commands.abort(ADMIN, name, reason=None, cleanup=False)
    await Listings(database).subscribe(parse_job("VX", name), "READY", [])
    await watcher.look(100)
    assert listener.heard == [(parse_job("VX", name), "ABORTED")]
    await engine.commands.delete(ADMIN, [name])


async def test_a_job_whose_end_is_still_to_be_told_is_neither_purged_nor_deleted(
    engine: Engine, database: Database, watcher: Watcher, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await engine.submit()
    job = parse_job("VX", name)
    await Listings(database).subscribe(job, "READY", [])
    await engine.commands.abort(ADMIN, name, reason=None, cleanup=False)
    async with database.session() as session:
        await session.script("UPDATE job SET finished = finished - interval '2 days'")
    # As after two days without a watcher: the cleaner comes first.
    cleaner = Cleaner(database, lambda: True, keep_jobs=timedelta(days=1))
    await cleaner.tick()
    monkeypatch.setattr(commands, "_UNTOLD_WAIT", 0.1)
    with pytest.raises(Unavailable):
        await engine.commands.delete(ADMIN, [name])
    assert (await engine.insights.job(name)).state is JobState.ABORTED
    await watcher.look(0)
    assert listener.heard == [(job, "ABORTED")] and await watched(database) == 0
    await cleaner.tick()
    with pytest.raises(NotFound):
        await engine.insights.job(name)


async def test_one_that_somebody_else_went_on_with_in_vain_is_looked_at_again(
    engine: Engine, database: Database, watcher: Watcher, listener: Listener
) -> None:
    name = await engine.submit()
    await Listings(database).subscribe(parse_job("VX", name), "READY", [])
    await watcher.look(0)
    await engine.commands.abort(ADMIN, name, reason=None, cleanup=False)
    async with database.transaction() as session:
        await watches.due(session, [parse_job("VX", name)], "0")
        await watcher.look(1)
        assert listener.heard == []
    await watcher.look(2)
    assert listener.heard == []
    await watcher.look(61)
    assert [state for _, state in listener.heard] == ["ABORTED"]


async def test_the_database_may_come_from_another_server(
    engine: Engine, database: Database, watcher: Watcher, listener: Listener
) -> None:
    name = await engine.submit()
    await Listings(database).subscribe(parse_job("VX", name), "READY", [])
    async with database.session() as session:
        await session.script("UPDATE watch SET tx = '4000000000'")
    await engine.commands.abort(ADMIN, name, reason=None, cleanup=False)
    await watcher.look(0)
    assert [state for _, state in listener.heard] == ["ABORTED"]


async def test_messages_that_nobody_reads_go_however_many_they_are(database: Database, watcher: Watcher) -> None:
    async with database.session() as session:
        await session.script(
            "INSERT INTO queue VALUES ('full'); INSERT INTO queue_message (queue, body, expires_at) "
            "SELECT 'full', 'x', now() - interval '1 s' FROM generate_series(1, 2500)"
        )
        await watcher.look(0)
        assert await session._connection.fetchval("SELECT count(*) FROM queue_message") == 0
