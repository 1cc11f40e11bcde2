"""``vidijob worker``: a process that only works; ``list``, ``drain``, ``resume``: those that are there, by a server that is
named by its URL, else on the database itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import click

from vidijob import settings
from vidijob.access import User
from vidijob.cli import completing, profiles, showing
from vidijob.cli.options import setting
from vidijob.cli.remote import JSON, Remote, Reply, ask, part
from vidijob.cli.serve import run_as
from vidijob.engine.bell import Bell
from vidijob.engine.staff import Staff
from vidijob.jobs import resources
from vidijob.jobs.identity import job_name
from vidijob.opening import open_database

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

_COLUMNS = ("worker", "host", "pid", "state", "offers", "carries out", "seen")
_id = click.argument("id", shell_complete=completing.worker_ids)
#: Who has the database's address needs no role.
_OPERATOR = User("the command line", frozenset())


_FOR_WORKERS = (
    "database_url", "data_dir", "site", "worker_slots", "resource", "label", "grace", "storage_roots", "allow_scheme",
    "remote_options", "webhook_networks", "preset_dir", "allow_program", "engine", "dask_scheduler", "event_loop", "host",
    "metrics_port", "slow_statement", "otlp_endpoint", "log_format", "log_level",
)  # fmt: skip


def _where(command: Command) -> Command:
    return setting("database_url", "data_dir")(profiles.connection(command))


@click.group(invoke_without_command=True)
@setting(*_FOR_WORKERS)
@click.pass_context
def worker(context: click.Context, /, **flags: Any) -> None:
    """Run a worker only; any number of them, on any machines that reach the database and the storage."""
    if context.invoked_subcommand is None:
        run_as(("worker",), flags)


@worker.command("list")
@setting("database_url", "data_dir", "site")
@showing.forms
@profiles.connection
def list_workers(accept: str | None, **flags: Any) -> None:
    """Show the workers, and what each carries out."""
    server = profiles.unless_database(flags)
    if server is not None:
        _show(ask(server, lambda remote: remote.call("GET", "/worker", accept=accept or JSON)), accept)
        return
    if accept is not None:
        raise click.UsageError("--json and --xml are documents of a server: name one with --url or --profile.")
    site = settings.load(flags).site
    rows = []
    for member in _with(flags, lambda staff: staff.listing()):
        one = member.worker
        offers = ", ".join(filter(None, (*one.executors, resources.in_words(one.resources))))
        held = ", ".join(f"{job_name(site, held.job)} step {held.step}" for held in member.holdings)
        state = "drained" if one.drained else "working"
        rows.append((one.id, one.host, one.pid, state, offers, held, f"{one.seen_at:%Y-%m-%d %H:%M:%S}"))
    showing.table(_COLUMNS, rows)


def _show(reply: Reply, accept: str | None) -> None:
    if accept is not None:
        showing.document(reply)
        return
    rows = []
    for one in reply.document.get("worker", ()):
        offers = [*one.get("bean", ()), *(f"{pair['key']}={pair['value']}" for pair in one.get("resource", ()))]
        offers += [f"label:{label}" for label in one.get("label", ())]
        held = ", ".join(f"{task['jobId']} step {task['step']}" for task in one.get("task", ()))
        state, seen = "drained" if one["drained"] else "working", showing.moment(one["seen"])
        rows.append((one["id"], one["host"], one["pid"], state, ", ".join(offers), held, seen))
    showing.table(_COLUMNS, rows)


@worker.command()
@_id
@_where
def drain(id: str, **flags: Any) -> None:
    """Let a worker finish what it has and take no more."""
    _drain(id, flags, True)
    click.echo(f"The worker {id} takes no more steps.")


@worker.command()
@_id
@_where
def resume(id: str, **flags: Any) -> None:
    """Let a drained worker take steps again."""
    _drain(id, flags, False)
    click.echo(f"The worker {id} takes steps again.")


def _drain(id: str, flags: dict[str, Any], drained: bool) -> None:
    server = profiles.unless_database(flags)
    if server is None:
        _with(flags, lambda staff: staff.drain(_OPERATOR, id, drained))
        return

    async def act(remote: Remote) -> None:
        await remote.call("POST" if drained else "DELETE", f"/worker/{part(id)}/drain")

    ask(server, act)


def _with(flags: dict[str, Any], act: Callable[[Staff], Awaitable[T]]) -> T:
    async def run() -> T:
        async with AsyncExitStack() as stack:
            database = await open_database(stack, settings.load(flags))
            bell = Bell(database)
            answer = await act(Staff(database, bell))
            await bell.stop()
            return answer

    return asyncio.run(run())
