"""``vidijob serve`` and ``vidijob worker``: a process of the server."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler

from vidijob import settings
from vidijob.app import ROLES, Role, Server, password_file, run
from vidijob.cli.options import setting

_ALL = tuple(settings.Settings.model_fields)
_FOR_WORKERS = (
    "database_url", "data_dir", "public_url", "site", "worker_slots", "storage_roots", "preset_dir", "allow_program",
    "api_url", "webhook_secret", "webhook_networks", "log_level",
)  # fmt: skip


@click.command()
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["all", *ROLES]),
    help="What this process does; repeatable. Default: all.",
)
@setting(*_ALL)
def serve(roles: tuple[str, ...], **flags: Any) -> None:
    """Run the server: API, scheduler and worker; with an embedded Postgres when no --database-url is given."""
    chosen = tuple(role for role in ROLES if not roles or "all" in roles or role in roles)
    _run(chosen, flags)


@click.command()
@setting(*_FOR_WORKERS)
def worker(**flags: Any) -> None:
    """Run a worker only; any number of them, on any machines that reach the database and the storage."""
    _run(("worker",), flags)


def _run(roles: tuple[Role, ...], flags: dict[str, Any]) -> None:
    chosen = settings.load(flags)
    console = Console(stderr=True)
    logging.basicConfig(
        level=chosen.log_level.upper(),
        format="%(name)s: %(message)s",
        handlers=[RichHandler(console=console, show_path=False, rich_tracebacks=False)],
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)

    def announce(server: Server) -> None:
        out = Console(soft_wrap=True, highlight=False)
        if server.first_password is not None:
            out.print(f"First start: the user [bold]admin[/] has the password [bold]{server.first_password}[/]")
            out.print(f"             (kept in {password_file(chosen)}; change it with: vidijob user password admin)")
        if server.address is not None:
            out.print(f"vidijob serves [bold]{server.address}/API[/] as {', '.join(roles)}; stop with Ctrl-C.")
        else:
            out.print(f"vidijob runs as {', '.join(roles)}; stop with Ctrl-C.")

    asyncio.run(run(chosen, roles, announce))
