"""``vidijob user key …``: the keys of users for requests that are signed, on the database itself: what is shown once should
not have travelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from vidijob import settings
from vidijob.cli.options import setting
from vidijob.engine.access_keys import AccessKeys
from vidijob.opening import open_database

T = TypeVar("T")

_name = click.argument("name")
_where = setting("database_url", "data_dir")


@click.group()
def key() -> None:
    """Keys of users for requests that are signed: those of the MPS face."""


@key.command()
@_name
@_where
def add(name: str, **flags: Any) -> None:
    """Give a user a key; its secret is shown this once."""
    id, secret = _with(flags, lambda keys: keys.add(name))
    click.echo(f"AccessKeyId      {id}\nAccessKeySecret  {secret}")


@key.command("list")
@_name
@_where
def list_keys(name: str, **flags: Any) -> None:
    """Show the keys of a user, without their secrets."""
    table = Table("key", "since")
    for one in _with(flags, lambda keys: keys.listing(name)):
        table.add_row(one.id, f"{one.created_at:%Y-%m-%d %H:%M}")
    Console().print(table)


@key.command()
@_name
@click.argument("id")
@_where
def revoke(name: str, id: str, **flags: Any) -> None:
    """Take a key from a user: nothing that is signed with it is answered any more."""
    _with(flags, lambda keys: keys.revoke(name, id))
    click.echo(f"The user {name} no longer has the key {id}.")


def _with(flags: dict[str, Any], act: Callable[[AccessKeys], Awaitable[T]]) -> T:
    loaded = settings.load(flags)
    # One that had to be made first has nobody in it who could be given a key.
    if loaded.database_url is None and not (loaded.data_dir / "postgres").is_dir():
        raise click.UsageError(
            f"There is no database in {loaded.data_dir}. Keys are made where the server's is: "
            "name its folder with --data-dir, or it with --database-url."
        )

    async def run() -> T:
        async with AsyncExitStack() as stack:
            return await act(AccessKeys(await open_database(stack, loaded)))

    return asyncio.run(run())
