"""``vidijob migrate``: bring a database to this program's schema."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import click

from vidijob import settings
from vidijob.cli.options import setting
from vidijob.opening import open_database
from vidijob.store.database import Database
from vidijob.store.migrate import Migration, pending
from vidijob.store.migrate import migrate as apply


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@setting("database_url", "data_dir")
def migrate(dry_run: bool, **flags: Any) -> None:
    """Bring the database to the schema of this program; the embedded one is brought there at every start."""
    done = asyncio.run(_migrate(settings.load(flags), dry_run))
    if not done:
        click.echo("The schema is current; nothing to do.")
    for migration in done:
        note = " (earlier programs must not work on the database after it)" if migration.breaking else ""
        click.echo(f"{'would apply' if dry_run else 'applied'} {migration.version:04} {migration.name}{note}")


async def _migrate(chosen: settings.Settings, dry_run: bool) -> list[Migration]:
    async with AsyncExitStack() as stack:
        if chosen.database_url is None:
            # Brought to the current schema by opening it, as at every start.
            await open_database(stack, chosen)
            return []
        address = chosen.database_url.get_secret_value()
        database = Database(lambda: address, connections=2)
        await database.open()
        stack.push_async_callback(database.close)
        if not dry_run:
            return await apply(database)
        async with database.session() as session:
            return await pending(session)
