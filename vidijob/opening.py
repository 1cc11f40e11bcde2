"""The database that the settings name, or the embedded one, open and with a current schema: what every command begins with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from vidijob.settings import Settings
from vidijob.store.database import Database, until_available
from vidijob.store.embedded import EmbeddedPostgres
from vidijob.store.migrate import migrate, require_current

Answer = TypeVar("Answer")

_WAIT = 60.0


async def open_database(stack: AsyncExitStack, settings: Settings) -> Database:
    """Open the database that the settings name, or the embedded one, and see to it that its schema is current."""
    if settings.database_url is not None:
        address = settings.database_url.get_secret_value()
        database = Database(lambda: address, slow=settings.slow)
    else:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        embedded = EmbeddedPostgres(settings.data_dir.absolute())
        await embedded.start()
        stack.push_async_callback(embedded.stop)
        database = Database(lambda: embedded.url, slow=settings.slow)
    await patiently(database.open)
    stack.push_async_callback(database.close)
    if settings.database_url is None:
        await patiently(lambda: migrate(database))
    else:
        await patiently(lambda: require_current(database))
    return database


async def patiently(attempt: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do what a start needs of the database, also while that is just being started itself."""
    return await until_available(attempt, seconds=_WAIT)
