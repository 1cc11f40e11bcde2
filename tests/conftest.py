"""A real Postgres for every test that asks for one: the embedded one, or the server that ``VIDIJOB_TEST_DATABASE_URL``
names. One migrated template; each test gets a copy of its own, dropped when it is over.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from vidijob.engine.jobtypes import JobTypes
from vidijob.store.database import Database
from vidijob.store.embedded import EmbeddedPostgres
from vidijob.store.migrate import migrate

# The tests start hundreds of processes of ours; where bytecode is not kept, each would compile everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine is no fault of the code: no example of a property is timed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_TEMPLATE = f"vidijob_template_{os.getpid()}"
_number = count(1)

# What is started as a process takes the best loop that there is; the tests themselves run on Python's own.
if os.environ.get("VIDIJOB_TEST_LOOP") == "uvloop":
    import uvloop

    def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
        """Give each test a loop of libuv."""
        return {"uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that nobody waits for one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def database_url(server: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith("VIDIJOB_") and not name.startswith(("VIDIJOB_TEST_", "VIDIJOB_ORACLE")):
            monkeypatch.delenv(name)
    # Nor is a profile of theirs taken.
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Postgres server on which databases may be made."""
    given = os.environ.get("VIDIJOB_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = _in_memory() or tmp_path_factory.mktemp("postgres")
    yield from _embedded(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> Path | None:
    """Return a new folder in memory, where there is room: a database for each test is some hundred new files."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 4 << 30:
        return None
    return Path(tempfile.mkdtemp(prefix="vidijob-tests-", dir=memory))


def _embedded(folder: Path) -> Iterator[str]:
    with asyncio.Runner() as runner:
        server = EmbeddedPostgres(folder)
        runner.run(server.start())
        # The tests kill processes, never the machine: what was written is there without waiting for the disk.
        runner.run(_administer(server.url, "ALTER SYSTEM SET fsync = off"))
        runner.run(_administer(server.url, "SELECT pg_reload_conf()"))
        try:
            yield server.url
        finally:
            runner.run(server.stop())


@pytest.fixture(scope="session")
def template(postgres: str) -> Iterator[str]:
    """The name of a migrated database to copy."""

    async def make() -> None:
        await _administer(postgres, f'CREATE DATABASE "{_TEMPLATE}"')
        database = Database(lambda: database_url(postgres, _TEMPLATE), connections=1)
        await database.open()
        await migrate(database)
        await JobTypes(database).ship()
        await database.close()

    asyncio.run(make())
    yield _TEMPLATE
    asyncio.run(_administer(postgres, f'DROP DATABASE "{_TEMPLATE}" WITH (FORCE)'))


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def empty_url(postgres: str) -> AsyncIterator[str]:
    """The URL of an empty database of this test's own."""
    async with made(postgres) as url:
        yield url


@pytest.fixture
async def url(postgres: str, template: str) -> AsyncIterator[str]:
    """The URL of a migrated database of this test's own."""
    async with copied(postgres, template) as url:
        yield url


def copied(postgres: str, template: str) -> AbstractAsyncContextManager[str]:
    """Make a copy of the migrated database, for as long as it is needed; gives its URL."""
    return made(postgres, f'TEMPLATE "{template}"')


@asynccontextmanager
async def made(postgres: str, how: str = "") -> AsyncIterator[str]:
    """Make a database, with further words for that, for as long as it is needed; yields its URL."""
    name = f"vidijob_test_{os.getpid()}_{next(_number)}"
    await _administer(postgres, f'CREATE DATABASE "{name}" {how}')
    yield database_url(postgres, name)
    await _administer(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An open pool on a migrated database of this test's own."""
    database = Database(lambda: url, connections=8)
    await database.open()
    yield database
    await database.close()
