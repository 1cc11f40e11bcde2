"""The pool, transactions and notifications on a real Postgres, and what becomes of them when it goes away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import chain, repeat
from typing import TYPE_CHECKING

import asyncpg
import pytest

from vidijob.errors import TransitionRefused, Unavailable
from vidijob.store import users, workers
from vidijob.store.database import Database, until_available

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

#: The key of the lock that ``schema.lock`` takes; who holds it keeps that query waiting.
LOCK = 7664217001


@pytest.fixture
async def admin(url: str) -> AsyncIterator[Connection]:
    """A connection of the test's own beside the pool."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
def nowhere() -> Iterator[str]:
    """The URL of a server that does not listen; its port is nobody else's."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/nowhere"


async def terminate(admin: Connection, *, waiting: bool = False) -> int:
    """End the other connections to this database (or only those that wait for a lock) as a restart would."""
    ended = await admin.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        + (" AND wait_event_type = 'Lock'" if waiting else "")
    )
    return len(ended)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def names(database: Database) -> list[str]:
    return [account.name for account in await users.listing(database)]


# Errors


async def test_a_refused_connection_is_unavailable(nowhere: str) -> None:
    with pytest.raises(Unavailable) as refused:
        await Database(lambda: nowhere).open()
    assert refused.value.what == "The database"


async def test_a_pool_that_is_not_open_is_unavailable(url: str) -> None:
    database = Database(lambda: url)
    for _ in range(2):
        with pytest.raises(Unavailable, match="closed"):
            await workers.alive(database)
        await database.open()
        await workers.alive(database)
        await database.close()
        await database.close()


@pytest.mark.parametrize(
    "state",
    ["08006", "25006", "25P03", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01", "57P03", "58030"],
)
async def test_a_state_that_means_not_now_is_unavailable(database: Database, state: str) -> None:
    async with database.session() as session:
        with pytest.raises(Unavailable, match="boom"):
            await session.script(f"DO $$BEGIN RAISE EXCEPTION 'boom' USING ERRCODE = '{state}'; END$$")
    await workers.alive(database)


@pytest.mark.parametrize("state", ["22012", "23505", "23514", "42601", "42P01", "P0001", "XX000"])
async def test_a_state_that_is_a_bug_stays_what_it_is(database: Database, state: str) -> None:
    async with database.session() as session:
        with pytest.raises(asyncpg.PostgresError, match="boom") as raised:
            await session.script(f"DO $$BEGIN RAISE EXCEPTION 'boom' USING ERRCODE = '{state}'; END$$")
    assert raised.value.sqlstate == state
    await workers.alive(database)


async def test_a_statement_that_takes_too_long_is_unavailable(url: str, admin: Connection) -> None:
    database = Database(lambda: url, longest=0.3)
    await database.open()
    await admin.execute("SELECT pg_advisory_lock($1)", LOCK)
    with pytest.raises(Unavailable):
        await database.rows("schema.lock")
    await workers.alive(database)
    await database.close()


async def test_a_migration_may_take_longer_than_a_statement(url: str) -> None:
    database = Database(lambda: url, longest=0.2)
    await database.open()
    async with database.session() as session:
        await session.script("SELECT pg_sleep(0.5)")
    await database.close()


async def test_who_finds_no_free_connection_is_told_that_it_is_unavailable(url: str) -> None:
    database = Database(lambda: url, connections=1, patience=0.1)
    await database.open()
    async with database.session():
        with pytest.raises(Unavailable):
            await workers.alive(database)
    await workers.alive(database)
    await database.close()


async def test_reads_of_a_snapshot_see_the_same_moment_and_change_nothing(database: Database) -> None:
    async with database.snapshot() as session:
        assert await users.listing(session) == []
        await users.add(database, "someone", "hash", [])
        assert await users.listing(session) == []
        with pytest.raises(Unavailable, match="read-only"):
            await session.rows("user.add", "other", "hash", [])
    assert await names(database) == ["someone"]


async def test_a_backend_that_is_terminated_during_a_query_is_unavailable_and_the_pool_recovers(
    database: Database, admin: Connection
) -> None:
    await admin.execute("SELECT pg_advisory_lock($1)", LOCK)
    waiting = [asyncio.create_task(database.rows("schema.lock")) for _ in range(3)]
    ended = 0
    async with asyncio.timeout(10):
        while ended < 3:
            ended += await terminate(admin, waiting=True)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    await until_available(lambda: workers.alive(database), seconds=5)
    assert await asyncio.gather(*(database.value("worker.alive") for _ in range(20))) == [1] * 20


async def test_a_backend_that_is_terminated_in_a_transaction_leaves_nothing_of_it(
    database: Database, admin: Connection
) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as session:
            await session.rows("user.add", "lost", "hash", [])
            await terminate(admin)
            await session.rows("user.add", "lost too", "hash", [])
    await until_available(lambda: workers.alive(database), seconds=5)
    assert await names(database) == []


async def test_a_backend_that_is_terminated_before_the_commit_is_unavailable(
    database: Database, admin: Connection
) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as session:
            await session.rows("user.add", "lost", "hash", [])
            await terminate(admin)
    await until_available(lambda: workers.alive(database), seconds=5)
    assert await names(database) == []


async def test_a_new_connection_goes_where_the_database_is_now(url: str, nowhere: str, admin: Connection) -> None:
    urls = [url]
    database = Database(lambda: urls[-1], connections=1)
    await database.open()
    urls.append(nowhere)
    await workers.alive(database)
    await terminate(admin)
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            while True:
                await workers.alive(database)
    with pytest.raises(Unavailable):
        await workers.alive(database)
    urls.append(url)
    await until_available(lambda: workers.alive(database), seconds=5)
    await database.close()


async def test_an_error_of_the_caller_gives_the_connection_back(url: str) -> None:
    database = Database(lambda: url, connections=1)
    await database.open()
    for _ in range(3):
        with pytest.raises(TransitionRefused):
            async with database.session():
                raise TransitionRefused("job", "VX-1", "No.")
        with pytest.raises(TransitionRefused):
            async with database.transaction():
                raise TransitionRefused("job", "VX-1", "No.")
    async with asyncio.timeout(5):
        await workers.alive(database)
    await database.close()


# Transactions


async def test_a_transaction_is_committed_at_its_end(database: Database) -> None:
    async with database.transaction() as session:
        await session.rows("user.add", "someone", "hash", [])
        assert await names(database) == []
    assert await names(database) == ["someone"]


@pytest.mark.parametrize("error", [ValueError(), TransitionRefused("job", "VX-1", "No."), SystemExit(1)])
async def test_a_transaction_is_rolled_back_on_an_error(database: Database, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        async with database.transaction() as session:
            await session.rows("user.add", "someone", "hash", [])
            raise error
    assert raised.value is error
    assert await names(database) == []


async def test_a_transaction_is_rolled_back_on_an_error_of_the_database(database: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with database.transaction() as session:
            await session.rows("user.add", "someone", "hash", [])
            await session.script("SELECT 1/0")
    assert await names(database) == []


async def test_a_transaction_that_is_cancelled_is_rolled_back(url: str, admin: Connection) -> None:
    database = Database(lambda: url, connections=1)
    await database.open()
    await admin.execute("SELECT pg_advisory_lock($1)", LOCK)
    inside = asyncio.Event()

    async def work() -> None:
        async with database.transaction() as session:
            await session.rows("user.add", "someone", "hash", [])
            inside.set()
            await session.rows("schema.lock")

    task = asyncio.create_task(work())
    await inside.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        assert await names(database) == []
    assert await admin.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0
    await database.close()


async def test_the_three_ways_to_ask(database: Database) -> None:
    await users.add(database, "someone", "hash", ["b", "a"])
    rows = await database.rows("user.find", "someone")
    row = await database.row("user.find", "someone")
    assert row is not None
    assert [tuple(found) for found in rows] == [tuple(row)] == [("someone", "hash", False, ["a", "b"])]
    assert await database.row("user.find", "nobody") is None
    assert await database.value("user.find", "someone") == "someone"
    assert await database.value("user.find", "nobody") is None


async def test_a_connection_is_set_up_for_us(database: Database) -> None:
    async with database.session() as session:
        show = session._connection.fetchval
        assert await show("SHOW timezone") == "UTC"
        assert await show("SHOW jit") == "off"
        assert await show("SHOW application_name") == "vidijob"
        assert await show("SHOW idle_in_transaction_session_timeout") == "5s"
        values: list[object] = [{"a": ["x", "ä 🔑", None]}, [], "text", 1.5, None, {"deep": [[{}]]}]
        for value in values:
            assert await show("SELECT $1::jsonb", value) == value


# Waiting for the database


async def test_waiting_ends_when_it_answers() -> None:
    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise Unavailable("The database", f"try {tries}")

    await until_available(attempt, seconds=10)
    assert tries == 4


async def test_waiting_ends_with_the_last_refusal() -> None:
    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        raise Unavailable("The database", f"try {tries}")

    with pytest.raises(Unavailable) as refused:
        await until_available(attempt, seconds=0.3)
    assert tries > 1
    assert refused.value.reason == f"try {tries}"


async def test_waiting_is_for_the_database_only() -> None:
    async def attempt() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await until_available(attempt, seconds=10)


# Listening


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make long pauses short: what a listener looks for each few seconds it looks for at once."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: sleep(min(seconds, 0.05)))


@asynccontextmanager
async def listening(database: Database, *channels: str, own: str | None = None) -> AsyncIterator[list[str]]:
    """Listen, and give the list of what is heard."""
    heard: list[str] = []
    task = asyncio.create_task(database.listen(channels, heard.append, own=own))
    try:
        yield heard
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_listener_hears_each_channel_once_at_first_and_then_what_is_said(database: Database) -> None:
    async with listening(database, "vidijob_job", "vidijob_step") as heard:
        await until(lambda: len(heard) == 2)
        assert heard == ["vidijob_job", "vidijob_step"]
        await workers.wake(database, "vidijob_step")
        await workers.wake(database, "vidijob_stop")
        await workers.wake(database, "vidijob_job")
        await until(lambda: len(heard) == 4)
        assert heard[2:] == ["vidijob_step", "vidijob_job"]


async def test_a_listener_does_not_hear_what_it_sends_itself(database: Database) -> None:
    async with listening(database, "vidijob_job", "vidijob_step", own="me") as heard:
        await until(lambda: len(heard) == 2)
        await workers.wake(database, "vidijob_job", "vidijob_step", by="me")
        await workers.wake(database, "vidijob_step", "vidijob_job", by="another")
        await until(lambda: len(heard) == 4)
        assert sorted(heard[2:]) == ["vidijob_job", "vidijob_step"]


@pytest.mark.usefixtures("hasty")
async def test_a_listener_that_lost_its_connection_hears_each_channel_once_and_listens_again(
    database: Database, admin: Connection
) -> None:
    async with listening(database, "vidijob_job", "vidijob_step") as heard:
        await until(lambda: len(heard) == 2)
        for again in (2, 3):
            assert await terminate(admin) >= 1
            await until(lambda again=again: len(heard) >= 2 * again)  # type: ignore[misc]
            await asyncio.sleep(0.05)
            assert heard == ["vidijob_job", "vidijob_step"] * again
        await until_available(lambda: workers.wake(database, "vidijob_step"), seconds=5)
        await until(lambda: len(heard) == 7)
        assert heard[6] == "vidijob_step"


@pytest.mark.usefixtures("hasty")
async def test_a_listener_lives_through_a_database_that_does_not_exist_for_a_while(url: str) -> None:
    places = chain(repeat(url + "_not_yet", 3), repeat(url))
    async with listening(Database(lambda: next(places)), "vidijob_job") as heard:
        await until(lambda: heard == ["vidijob_job"])


@pytest.mark.usefixtures("hasty")
async def test_a_listener_waits_for_a_database_that_is_not_there_yet(url: str, nowhere: str) -> None:
    places = chain(repeat(nowhere, 3), repeat(url))
    async with listening(Database(lambda: next(places)), "vidijob_job") as heard:
        await until(lambda: heard == ["vidijob_job"])


async def test_a_listener_that_is_cancelled_leaves_no_connection(url: str, admin: Connection) -> None:
    async def connections() -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'the listener'"
        return int(await admin.fetchval(query) or 0)

    async with listening(Database(lambda: url, application="the listener"), "vidijob_job") as heard:
        await until(lambda: len(heard) == 1)
        assert await connections() == 1
    async with asyncio.timeout(5):
        while await connections():
            await asyncio.sleep(0.01)
