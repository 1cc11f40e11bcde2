"""Which server a command talks to, and as whom: ``--url``, else ``--profile``, else variables, else the default of the file.

The file is ``profiles.toml`` in the user's folder of settings (``~/.config/vidijob`` on Linux)::

    default = "farm"

    [profile.farm]
    url = "https://jobs.example.org"
    user = "anna"
    password = "…"          # or token = "…"; with neither it is asked for
    ca = "/etc/ssl/farm.pem"

A source is taken as a whole: the password of a profile is never sent to an address that comes from elsewhere.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import click

from vidijob.cli.exits import Exit, Failure

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = "profiles.toml"
#: What a shell may set for the commands, without the prefix.
VARIABLES = ("url", "user", "password", "token", "ca", "profile", "new_password")
_KEYS = frozenset({"url", "user", "password", "token", "ca"})
NOWHERE = (
    "No server is named: give --url https://host:8080, or set VIDIJOB_URL (with VIDIJOB_USER and VIDIJOB_PASSWORD, or "
    "VIDIJOB_TOKEN), or write a profile into {file}."
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is and how to log in there."""

    #: Without ``/API`` and without a slash at the end.
    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    #: Certificates to trust instead of the system's, as a file.
    ca: str | None = None
    #: Where it is said, for sentences: ``--url``, ``the profile farm``.
    source: str = ""


def connection(command: Command) -> Command:
    """Give a command the flags that say which server is meant."""
    for option in (
        click.option("--user", "login", metavar="NAME", help="Log in as this user. [VIDIJOB_USER]"),
        click.option(
            "--profile", metavar="NAME", help=f"A profile of {_FILE}. [VIDIJOB_PROFILE]", shell_complete=_complete
        ),
        click.option("--url", metavar="URL", help="The server, https://host:8080. [VIDIJOB_URL]"),
    ):
        command = option(command)
    return command


def chosen(url: str | None = None, profile: str | None = None, login: str | None = None) -> Server | None:
    """Return the server that flags, variables or the file name; ``None``: none does."""
    named = os.environ.get
    if url and profile:
        raise click.UsageError("--url and --profile each name a server: give one of them.")
    if url:
        return _server(_from_variables(url), login, "--url")
    name = profile or named("VIDIJOB_PROFILE")
    if name:
        return _server(_profile(name), login, f"the profile {name}")
    if address := named("VIDIJOB_URL"):
        return _server(_from_variables(address), login, "VIDIJOB_URL")
    name = _read().get("default")
    return _server(_profile(name), login, f"the profile {name}") if isinstance(name, str) else None


def required(url: str | None = None, profile: str | None = None, login: str | None = None) -> Server:
    """Return the server that is meant, or say how to name one."""
    server = chosen(url, profile, login)
    if server is None:
        raise Failure(Exit.USAGE, NOWHERE.format(file=file()))
    return server


def unless_database(flags: dict[str, Any]) -> Server | None:
    """Take out of flags which server is meant, and return it; ``None``: the database is, since it is given or no server is."""
    named = {name: flags.pop(name, None) for name in ("url", "profile", "login")}
    if flags.get("database_url") or flags.get("data_dir"):
        if named["url"] or named["profile"]:
            raise click.UsageError(
                "--database-url and --data-dir are for the database itself: leave --url and --profile out."
            )
        return None
    return chosen(**named)


def file() -> Path:
    """Return where the profiles are."""
    return Path(click.get_app_dir("vidijob")) / _FILE


def _from_variables(url: str) -> Mapping[str, Any]:
    values = {key: os.environ.get(f"VIDIJOB_{key.upper()}") or None for key in _KEYS}
    return {**values, "url": url}


def _server(values: Mapping[str, Any], login: str | None, source: str) -> Server:
    parts = urlsplit(str(values["url"]))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(Exit.USAGE, f"{values['url']} ({source}) is no address of a server: https://host:8080.")
    host = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/").removesuffix("/API")
    user = login or values.get("user") or (unquote(parts.username) if parts.username else None)
    password, token = values.get("password"), values.get("token")
    if password is None and parts.password is not None:
        password = unquote(parts.password)
    if login and login != values.get("user"):
        # The secrets of a profile are those of its user; a variable is set by whoever gives the flag.
        token, password = None, None if "name" in values else password
    return Server(urlunsplit((parts.scheme, host, path, "", "")), user, password, token, values.get("ca"), source)


def _profile(name: str) -> Mapping[str, Any]:
    known = _read().get("profile", {})
    values = known.get(name) if isinstance(known, dict) else None
    if not isinstance(values, dict):
        there = ", ".join(known) if isinstance(known, dict) and known else "none"
        raise Failure(Exit.USAGE, f"There is no profile {name} in {file()}; there is: {there}.")
    wrong = sorted(set(values) - _KEYS) + [key for key in _KEYS & set(values) if not isinstance(values[key], str)]
    if wrong or "url" not in values:
        raise Failure(
            Exit.USAGE,
            f"The profile {name} in {file()} cannot be taken: {'wrong ' + ', '.join(wrong) if wrong else 'url is missing'};"
            f" it has url, and {', '.join(sorted(_KEYS - {'url'}))} where needed, each a text.",
        )
    if {"password", "token"} & set(values):
        _warn_of_readers()
    return {**values, "name": name}


def _read() -> Mapping[str, Any]:
    try:
        return tomllib.loads(file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Failure(Exit.USAGE, f"{file()} cannot be read: {error}.") from None


def _warn_of_readers() -> None:
    if os.name == "posix" and stat.S_IMODE(file().stat().st_mode) & 0o077:
        click.echo(f"Warning: others can read the secrets in {file()}; do: chmod 600 {file()}", err=True)


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    known = _read().get("profile", {})
    return [name for name in known if name.startswith(incomplete)] if isinstance(known, dict) else []
