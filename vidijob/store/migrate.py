"""Brings a database to the schema of this program: ``sql/migrations/NNNN_what_it_does.sql``, one after the other. It
does not know what the tables mean.

The second line of a migration says ``-- breaking: yes`` where a program of an earlier version must not work on the
database any more, else ``no``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vidijob import resources
from vidijob.errors import SetupError
from vidijob.store.database import Database, Session

_NAME = re.compile(r"^(?P<version>\d{4})_(?P<name>[a-z0-9_]+)$")
_BREAKING = re.compile(r"^-- breaking: (yes|no)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    breaking: bool
    sql: str


def load(folder: Path | None = None) -> list[Migration]:
    """Read the migrations in order; refuses a gap or a file without its ``breaking`` line."""
    migrations = []
    for file in sorted((folder or resources.sql() / "migrations").glob("*.sql")):
        text = file.read_text("utf-8")
        name, breaking = _NAME.match(file.stem), _BREAKING.search(text)
        if name is None or breaking is None:
            raise SetupError(f"{file.name} is not a migration: NNNN_name.sql with a line '-- breaking: yes|no'.")
        migrations.append(Migration(int(name["version"]), name["name"], breaking[1] == "yes", text))
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise SetupError("The migrations are not numbered 1, 2, 3, … without a gap.")
    return migrations


async def pending(session: Session) -> list[Migration]:
    """Return what is still to be applied; raises ``SetupError`` when the database is too new for this program."""
    applied = await session.rows("schema.versions") if await session.value("schema.known") else []
    migrations = load()
    unknown = [row for row in applied if row["version"] > len(migrations)]
    if any(row["breaking"] for row in unknown):
        newest = max(row["version"] for row in unknown)
        raise SetupError(
            f"The database has schema version {newest}, this program knows {len(migrations)}: use a newer vidijob."
        )
    done = {row["version"] for row in applied}
    return [migration for migration in migrations if migration.version not in done]


async def migrate(database: Database) -> list[Migration]:
    """Apply what is pending, in one transaction, and return it. Two at once are safe: the second finds nothing."""
    async with database.transaction() as session:
        await session.rows("schema.lock")
        migrations = await pending(session)
        for migration in migrations:
            await session.script(migration.sql)
            await session.rows("schema.record", migration.version, migration.name, migration.breaking)
        return migrations


async def require_current(database: Database) -> None:
    """Raise ``SetupError`` unless the schema is one that this program can work on."""
    async with database.session() as session:
        missing = await pending(session)
    if missing:
        raise SetupError(f"The database lacks {len(missing)} migration(s): run `vidijob migrate` first.")
