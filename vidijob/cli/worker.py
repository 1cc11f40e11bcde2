"""``vidijob worker``: a process that only works; ``list``, ``drain``, ``resume``: those that are there, on the database itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from vidijob import settings
from vidijob.access import User
from vidijob.app import open_database
from vidijob.cli.options import setting
from vidijob.cli.serve import run_as
from vidijob.engine.bell import Bell
from vidijob.engine.staff import Staff
from vidijob.jobs import resources
from vidijob.jobs.identity import job_name

T = TypeVar("T")

_where = setting("database_url", "data_dir")
_id = click.argument("id")
#: Who has the database's address needs no role.
_OPERATOR = User("the command line", frozenset())


_FOR_WORKERS = (
    "database_url", "data_dir", "site", "worker_slots", "resource", "label", "grace", "storage_roots", "allow_scheme",
    "remote_options", "webhook_networks", "preset_dir", "allow_program", "engine", "dask_scheduler", "event_loop", "log_level",
)  # fmt: skip


@click.group(invoke_without_command=True)
@setting(*_FOR_WORKERS)
@click.pass_context
def worker(context: click.Context, /, **flags: Any) -> None:
    """Run a worker only; any number of them, on any machines that reach the database and the storage."""
    if context.invoked_subcommand is None:
        run_as(("worker",), flags)


@worker.command("list")
@setting("database_url", "data_dir", "site")
def list_workers(**flags: Any) -> None:
    """Show the workers, and what each carries out."""
    site = settings.load(flags).site
    table = Table("worker", "host", "pid", "state", "offers", "carries out", "seen")
    for member in _with(flags, lambda staff: staff.listing()):
        one = member.worker
        table.add_row(
            str(one.id),
            one.host,
            str(one.pid),
            "drained" if one.drained else "working",
            ", ".join(filter(None, (*one.executors, resources.in_words(one.resources)))),
            ", ".join(f"{job_name(site, held.job)} step {held.step}" for held in member.holdings),
            f"{one.seen_at:%Y-%m-%d %H:%M:%S}",
        )
    Console().print(table)


@worker.command()
@_id
@_where
def drain(id: str, **flags: Any) -> None:
    """Let a worker finish what it has and take no more."""
    _with(flags, lambda staff: staff.drain(_OPERATOR, id))
    click.echo(f"The worker {id} takes no more steps.")


@worker.command()
@_id
@_where
def resume(id: str, **flags: Any) -> None:
    """Let a drained worker take steps again."""
    _with(flags, lambda staff: staff.drain(_OPERATOR, id, False))
    click.echo(f"The worker {id} takes steps again.")


def _with(flags: dict[str, Any], act: Callable[[Staff], Awaitable[T]]) -> T:
    async def run() -> T:
        async with AsyncExitStack() as stack:
            database = await open_database(stack, settings.load(flags))
            bell = Bell(database)
            answer = await act(Staff(database, bell))
            await bell.stop()
            return answer

    return asyncio.run(run())
