"""``vidijob serve``: a process of the server."""

from __future__ import annotations

import os
import shutil
from typing import Any

import click
from rich.console import Console

from vidijob import settings
from vidijob.app import ROLES, Role, Server, run
from vidijob.cli import loops, processes
from vidijob.cli.memory import give_back
from vidijob.cli.options import setting
from vidijob.engine.first_user import password_file
from vidijob.observability import logs, recording

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
    """Run a process in these roles, or several that share them, until it is told to stop."""
    chosen = settings.load(flags)
    several = chosen.processes > 1 and "api" in roles
    give_back()
    logs.configure(chosen.log_level, chosen.log_format, with_process=several)
    if several:
        _run_several(chosen, roles)
        return

    def announce(server: Server) -> None:
        _tell_password(chosen, server)
        _tell_where(server.address, roles)

    loops.run(chosen.event_loop, run(chosen, roles, announce))


def _run_several(chosen: settings.Settings, roles: tuple[Role, ...]) -> None:
    port, kept = processes.reserve(chosen.host, chosen.port)
    if chosen.metrics_port:
        kept += processes.reserve(chosen.host, chosen.metrics_port, "--metrics-port")[1]
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    address = f"http://{host}:{port}"
    # Whichever of them is asked tells what all have counted.
    counts, parent = recording.share(), os.getpid()
    # In this order: what follows runs in each child, and in the parent never.
    try:
        share = processes.Family(
            processes.shares(roles, chosen.processes),
            lambda: _tell_where(address, roles, f" in {chosen.processes} processes that answer requests"),
        ).run()
    finally:
        if os.getpid() == parent:
            shutil.rmtree(counts, ignore_errors=True)
    for one in kept:
        one.close()

    def announce(server: Server) -> None:
        _tell_password(chosen, server)
        share.is_ready()

    own = chosen.model_copy(update={"port": port, "api_url": chosen.api_url or address})
    mine = [role for role in roles if role in share.roles]
    loops.run(own.event_loop, run(own, mine, announce, beside=roles))


def _tell_password(chosen: settings.Settings, server: Server) -> None:
    if server.first_password is not None:
        out = Console(soft_wrap=True, highlight=False)
        out.print(f"First start: the user [bold]admin[/] has the password [bold]{server.first_password}[/]")
        out.print(f"             (kept in {password_file(chosen)}; change it with: vidijob user password admin)")


def _tell_where(address: str | None, roles: tuple[Role, ...], how: str = "") -> None:
    out = Console(soft_wrap=True, highlight=False)
    if address is not None:
        out.print(f"vidijob serves [bold]{address}/API[/] as {', '.join(roles)}{how}; stop with Ctrl-C.")
        out.print(f"The console is at [bold]{address}/console/[/].")
    else:
        out.print(f"vidijob runs as {', '.join(roles)}; stop with Ctrl-C.")
