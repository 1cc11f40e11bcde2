"""Whether a database sorts text as every program does: those that sort it as a language does are found out."""

from __future__ import annotations

from tests.conftest import made
from vidijob.store.collation import is_by_code_point
from vidijob.store.database import Database

_LANGUAGE = "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en'"


async def test_a_database_tells_how_it_sorts_text(database: Database, postgres: str) -> None:
    assert await is_by_code_point(database)
    async with database.session() as session:
        languages = await session._connection.fetchval("SELECT count(*) > 9 FROM pg_collation WHERE collprovider = 'i'")
    # The embedded one knows no language.
    if languages:
        async with made(postgres, _LANGUAGE) as url:
            other = Database(lambda: url, connections=1)
            await other.open()
            assert not await is_by_code_point(other)
            await other.close()
