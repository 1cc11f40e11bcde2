"""Databases as they were once."""

from __future__ import annotations

import asyncpg

from vidijob.store.migrate import Migration, load


async def bring_before(connection: asyncpg.Connection, migration: Migration) -> None:
    """Make an empty database what it was before a migration."""
    for one in load()[: migration.version - 1]:
        await connection.execute(one.sql)
        await connection.execute("INSERT INTO schema_version VALUES ($1, $2, $3)", one.version, one.name, one.breaking)
