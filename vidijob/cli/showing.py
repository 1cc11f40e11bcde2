"""How answers look: tables on a terminal, else lines with tabs; the server's own document where that is wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vidijob.cli.remote import JSON, XML, Reply

Command = TypeVar("Command", bound=Callable[..., Any])

#: Colours that differ in lightness too; the word is always there.
_COLOURS = {
    "READY": "cyan",
    "HOLD": "blue",
    "STARTED": "bold cyan",
    "VIDINET_JOB": "bold cyan",
    "WAITING": "yellow",
    "ABORTED_PENDING": "magenta",
    "ABORTED": "magenta",
    "FINISHED": "green",
    "FINISHED_WARNING": "yellow",
    "FAILED_TOTAL": "bold red",
}


def forms(command: Command) -> Command:
    """Give a command the flags ``--json`` and ``--xml``; it gets the type that is wanted as ``accept``, or ``None``."""
    for name, media in (("xml", XML), ("json", JSON)):
        command = click.option(
            f"--{name}", "accept", flag_value=media, default=None, help=f"The server's own document, as {name.upper()}."
        )(command)
    return command


def is_terminal() -> bool:
    """Tell whether somebody looks on."""
    return sys.stdout.isatty()


def console() -> Console:
    """Return what tables are printed on."""
    return Console(highlight=False, emoji=False)


def document(reply: Reply) -> None:
    """Print a document as the server sent it."""
    click.echo(reply.body.decode().rstrip("\n"))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, states: str = "state") -> None:
    """Print rows: a table on a terminal, else a line for each with tabs between."""
    cells = [[printable(value) for value in row] for row in rows]
    if not is_terminal():
        for row in cells:
            click.echo("\t".join(row))
        return
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in cells:
        shown.add_row(
            *(coloured(value) if name == states else Text(value) for name, value in zip(columns, row, strict=True))
        )
    console().print(shown)


def coloured(state: str) -> Text:
    """Return the name of a state as it looks."""
    return Text(state, style=_COLOURS.get(state, ""))


def printable(value: object) -> str:
    """Return a value as it may be printed: nothing in it moves the cursor or breaks the line."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in _words(value))


def _words(value: object) -> str:
    if value is None:
        return ""
    return " ".join(str(value).split("\n")) if isinstance(value, str) else str(value)


def moment(text: str | None) -> str:
    """Return a time of a document as people read it: local, to the second."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(text: str | None) -> str:
    """Return how long ago a time was: ``3 min``."""
    if not text:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"
