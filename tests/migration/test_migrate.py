"""Migrating: once, twice, two at once, not at all, and when it goes wrong."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from tests.migration.catalogue import describe
from vidijob import resources
from vidijob.app import Role, Server
from vidijob.cli import commands
from vidijob.errors import SetupError
from vidijob.settings import load as load_settings
from vidijob.store.database import Database
from vidijob.store.migrate import load, migrate, require_current

Plant = Callable[[str, str], None]


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Database]:
    """An open pool on an empty database."""
    database = Database(lambda: empty_url, connections=4)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Add a migration to a copy of the program's own."""
    folder = tmp_path / "sql"
    shutil.copytree(resources.sql(), folder)
    monkeypatch.setattr(resources, "sql", lambda: folder)
    version = len(load())

    def plant(name: str, sql: str) -> None:
        nonlocal version
        version += 1
        (folder / "migrations" / f"{version:04}_{name}.sql").write_text(f"-- Planted.\n{sql}\n", "utf-8")

    return plant


async def versions(database: Database) -> list[tuple[int, str, bool]]:
    """Return what the database says was applied."""
    return [(row["version"], row["name"], row["breaking"]) for row in await database.rows("schema.versions")]


async def enter(database: Database, version: int, *, breaking: bool) -> None:
    """Say that a program of a later time has been here."""
    await database.rows("schema.record", version, "from_later", breaking)


def known() -> list[tuple[int, str, bool]]:
    return [(migration.version, migration.name, migration.breaking) for migration in load()]


async def test_an_empty_database_is_brought_to_the_schema(empty: Database) -> None:
    with pytest.raises(SetupError, match=rf"lacks {len(load())} migration\(s\): run `vidijob migrate`"):
        await require_current(empty)
    assert await migrate(empty) == load()
    assert await versions(empty) == known()
    await require_current(empty)


async def test_twice_is_once(empty: Database, empty_url: str) -> None:
    await migrate(empty)
    before = await describe(empty_url)
    assert await migrate(empty) == []
    assert await describe(empty_url) == before
    assert await versions(empty) == known()


async def test_of_several_at_once_one_applies_and_the_others_find_nothing(empty_url: str) -> None:
    # Each as a process of its own would: with its own pool.
    databases = [Database(lambda: empty_url, connections=1) for _ in range(4)]
    await asyncio.gather(*(database.open() for database in databases))
    try:
        applied = await asyncio.gather(*(migrate(database) for database in databases))
        assert sorted(len(migrations) for migrations in applied) == [0, 0, 0, len(load())]
        assert await versions(databases[0]) == known()
    finally:
        await asyncio.gather(*(database.close() for database in databases))


async def test_a_later_migration_is_applied_alone(database: Database, plant: Plant) -> None:
    plant("more", "-- breaking: no\nCREATE TABLE more (a integer); INSERT INTO more VALUES (1);")
    plant("still_more", "-- breaking: yes\nALTER TABLE more ADD COLUMN b integer;")
    with pytest.raises(SetupError, match=r"lacks 2 migration\(s\)"):
        await require_current(database)
    assert [migration.name for migration in await migrate(database)] == ["more", "still_more"]
    assert await versions(database) == known()
    await require_current(database)


async def test_a_failing_migration_leaves_nothing_behind(database: Database, url: str, plant: Plant) -> None:
    plant("good", "-- breaking: no\nCREATE TABLE good (a integer); INSERT INTO account VALUES ('new', 'hash');")
    plant("bad", "-- breaking: no\nCREATE TABLE bad (a integer); SELECT * FROM nothing_of_that_name;")
    before, applied = await describe(url), await versions(database)
    with pytest.raises(asyncpg.UndefinedTableError, match="nothing_of_that_name"):
        await migrate(database)
    assert await describe(url) == before
    assert await versions(database) == applied
    assert await database.value("user.any") is False


async def test_a_failing_first_migration_leaves_an_empty_database(
    empty: Database, empty_url: str, plant: Plant
) -> None:
    before = await describe(empty_url)
    plant("bad", "-- breaking: no\nSELECT 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty)
    assert await describe(empty_url) == before


async def test_who_waits_for_a_migrator_that_fails_applies_itself(empty: Database, empty_url: str) -> None:
    other = await asyncpg.connect(empty_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("SELECT pg_advisory_xact_lock(7664217001); CREATE TABLE account (half integer)")
        waiting = asyncio.create_task(migrate(empty))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await transaction.rollback()
        assert await asyncio.wait_for(waiting, 20) == load()
    finally:
        await other.close()


async def test_a_newer_schema_that_breaks_is_refused(database: Database) -> None:
    await enter(database, len(load()) + 1, breaking=False)
    await enter(database, len(load()) + 2, breaking=True)
    await enter(database, len(load()) + 3, breaking=False)
    words = rf"has schema version {len(load()) + 3}, this program knows {len(load())}: use a newer vidijob"
    for act in (migrate, require_current):
        with pytest.raises(SetupError, match=words):
            await act(database)


async def test_a_newer_schema_that_only_adds_is_accepted(database: Database) -> None:
    await enter(database, len(load()) + 1, breaking=False)
    assert await migrate(database) == []
    await require_current(database)
    assert len(await versions(database)) == len(load()) + 1


async def test_what_is_older_than_this_program_may_have_been_breaking(database: Database) -> None:
    assert any(breaking for _, _, breaking in await versions(database))
    await require_current(database)


def run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(commands, ["migrate", *arguments])
    return ended.exit_code, ended.output


async def test_the_command_says_what_it_would_do_and_what_it_did(empty_url: str) -> None:
    before = await describe(empty_url)
    names = "\n".join(f"{{}} {version:04} {name}" for version, name, _ in known())
    code, words = await asyncio.to_thread(run, "--dry-run", "--database-url", empty_url)
    assert code == 0
    assert words.replace(" (earlier programs must not work on the database after it)", "").splitlines() == (
        names.replace("{}", "would apply").splitlines()
    )
    assert await describe(empty_url) == before, "a dry run changes nothing"
    code, words = await asyncio.to_thread(run, "--database-url", empty_url)
    assert code == 0 and "would" not in words
    assert [line.split()[:3] for line in words.splitlines()] == [
        ["applied", f"{version:04}", name] for version, name, _ in known()
    ]
    assert await describe(empty_url) != before
    assert await asyncio.to_thread(run, "--database-url", empty_url) == (0, "The schema is current; nothing to do.\n")


async def test_the_command_ends_with_the_sentence_of_a_refusal(database: Database, url: str) -> None:
    await enter(database, len(load()) + 1, breaking=True)
    for arguments in ((), ("--dry-run",)):
        code, words = await asyncio.to_thread(run, "--database-url", url, *arguments)
        assert code == 1
        assert words.startswith("Error: The database has schema version") and "Traceback" not in words


@pytest.mark.parametrize("role", ["worker", "scheduler"])
async def test_a_process_starts_on_a_newer_schema_unless_that_breaks(
    database: Database, url: str, tmp_path: Path, role: Role
) -> None:
    settings = load_settings({"database_url": url, "data_dir": tmp_path})
    await enter(database, len(load()) + 1, breaking=False)
    server = Server(settings, [role])
    await server.start()
    await server.stop()
    await enter(database, len(load()) + 2, breaking=True)
    with pytest.raises(SetupError, match="use a newer vidijob"):
        await Server(settings, [role]).start()
