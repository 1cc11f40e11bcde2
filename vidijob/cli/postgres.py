"""``vidijob postgres``: a program of Postgres on the server's database, for backups, and for who wants to look."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from vidijob import settings
from vidijob.cli.options import setting
from vidijob.errors import SetupError
from vidijob.store.addresses import variables
from vidijob.store.embedded import EmbeddedPostgres


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@setting("database_url", "data_dir")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def postgres(program: str, arguments: tuple[str, ...], **flags: Any) -> None:
    """Run psql, pg_dump, pg_restore or another program of Postgres on the server's database, embedded or not.

    It finds host, user, password and database in its environment; the database has the name vidijob if it is the embedded
    one. The exit code is that of the program.
    """
    sys.exit(asyncio.run(_run(settings.load(flags), program, arguments)))


async def _run(chosen: settings.Settings, program: str, arguments: tuple[str, ...]) -> int:
    async with AsyncExitStack() as stack:
        folder: Path | None = None
        if chosen.database_url is not None:
            address = chosen.database_url.get_secret_value()
        else:
            chosen.data_dir.mkdir(parents=True, exist_ok=True)
            # It is not brought to our schema: a backup is restored into an empty database.
            embedded = EmbeddedPostgres(chosen.data_dir.absolute())
            await embedded.start()
            stack.push_async_callback(embedded.stop)
            address, folder = embedded.url, embedded.programs
        found = shutil.which(program, path=str(folder) if folder else None)
        if found is None or os.sep in program:
            raise SetupError(
                f"There is no program {program} of Postgres {f'in {folder}' if folder else 'on PATH'}: "
                "psql, pg_dump and pg_restore are the usual ones."
            )
        # Ctrl-C is meant for the program, which gets it too; unlike SIG_IGN a handler is not inherited.
        signal.signal(signal.SIGINT, lambda number, frame: None)
        return await asyncio.to_thread(
            lambda: subprocess.run([found, *arguments], env=os.environ | variables(address), check=False).returncode
        )
