"""``vidijob user …``: users and roles: of a server that is named by its URL, else on the database itself, so that it works
before anybody can log in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from vidijob import access, settings
from vidijob.cli import profiles, showing
from vidijob.cli.options import setting
from vidijob.cli.remote import ask
from vidijob.cli.remote_accounts import RemoteAccount, RemoteAccounts
from vidijob.cli.user_key import key
from vidijob.engine.accounts import Accounts
from vidijob.opening import open_database
from vidijob.store.users import AccountSummary

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])


def _where(command: Command) -> Command:
    return setting("database_url", "data_dir")(profiles.connection(command))


_roles = click.argument("roles", nargs=-1, required=True)
_name = click.argument("name")
_password = click.password_option(
    help="Asked for when it is not given; flags can be seen by others, so better not. [VIDIJOB_NEW_PASSWORD]",
    envvar="VIDIJOB_NEW_PASSWORD",
)


@click.group()
def user() -> None:
    """Users and their roles: of the server that is named (--url, --profile, VIDIJOB_URL), else of the database."""


@user.command()
@_name
@_password
@click.option("--role", "roles", multiple=True, help="A role to begin with; repeatable. See: vidijob user roles.")
@_where
def add(name: str, password: str, roles: tuple[str, ...], **flags: Any) -> None:
    """Make a user."""
    _with(flags, lambda accounts: accounts.add(name, password, roles))
    click.echo(f"The user {name} is there, with {', '.join(roles) or 'no roles'}.")


@user.command("list")
@_where
@showing.forms
def list_users(accept: str | None, **flags: Any) -> None:
    """Show the users and their roles."""
    if accept is not None:
        server = profiles.unless_database(flags)
        if server is None:
            raise click.UsageError("--json and --xml are documents of a server: name one with --url or --profile.")
        showing.document(ask(server, lambda remote: remote.call("GET", "/user", accept=accept)))
        return
    rows = []
    for account in _with(flags, _listing):
        roles = ", ".join((*account.roles, *(f"those of {group}" for group in account.groups)))
        since = f"{account.created_at:%Y-%m-%d %H:%M}" if account.created_at is not None else ""
        rows.append((account.name + (" (disabled)" if account.disabled else ""), roles, since))
    showing.table(("user", "roles", "since"), rows)


@user.command()
def roles() -> None:
    """Show the roles there are, and what each is needed for."""
    table = Table("role", "needed to")
    for role, purpose in access.ROLES.items():
        table.add_row(role, purpose)
    Console().print(table)


@user.command()
@_name
@_roles
@_where
def grant(name: str, roles: tuple[str, ...], **flags: Any) -> None:
    """Give a user roles."""
    _with(flags, lambda accounts: accounts.grant(name, roles))
    click.echo(f"The user {name} has {', '.join(roles)}.")


@user.command()
@_name
@_roles
@_where
def revoke(name: str, roles: tuple[str, ...], **flags: Any) -> None:
    """Take roles from a user."""
    _with(flags, lambda accounts: accounts.revoke(name, roles))
    click.echo(f"The user {name} no longer has {', '.join(roles)}.")


@user.command()
@_name
@_password
@_where
def password(name: str, password: str, **flags: Any) -> None:
    """Give a user another password."""
    _with(flags, lambda accounts: accounts.set_password(name, password))
    click.echo(f"The user {name} has a new password.")


@user.command()
@_name
@_where
def disable(name: str, **flags: Any) -> None:
    """Let a user no longer log in; it can be enabled again."""
    _with(flags, lambda accounts: accounts.set_disabled(name, True))
    click.echo(f"The user {name} is disabled.")


@user.command()
@_name
@_where
def enable(name: str, **flags: Any) -> None:
    """Let a disabled user log in again."""
    _with(flags, lambda accounts: accounts.set_disabled(name, False))
    click.echo(f"The user {name} is enabled.")


@user.command()
@_name
@_where
def delete(name: str, **flags: Any) -> None:
    """Take a user out; its jobs stay."""
    _with(flags, lambda accounts: accounts.delete(name))
    click.echo(f"The user {name} is gone.")


user.add_command(key)


async def _listing(accounts: Accounts | RemoteAccounts) -> Sequence[AccountSummary | RemoteAccount]:
    return await accounts.listing()


def _with(flags: dict[str, Any], act: Callable[[Accounts | RemoteAccounts], Awaitable[T]]) -> T:
    server = profiles.unless_database(flags)
    if server is not None:
        return ask(server, lambda remote: act(RemoteAccounts(remote)))

    async def run() -> T:
        async with AsyncExitStack() as stack:
            return await act(Accounts(await open_database(stack, settings.load(flags))))

    return asyncio.run(run())
