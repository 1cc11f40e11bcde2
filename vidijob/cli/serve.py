"""``vidijob serve``: a process of the server."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler

from vidijob import settings
from vidijob.app import ROLES, Role, Server, run
from vidijob.cli.memory import give_back
from vidijob.cli.options import setting
from vidijob.engine.first_user import password_file

_ALL = tuple(settings.Settings.model_fields)


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
    run_as(chosen, flags)


def run_as(roles: tuple[Role, ...], flags: dict[str, Any]) -> None:
    """Run a process in these roles until it is told to stop."""
    chosen = settings.load(flags)
    give_back()
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
