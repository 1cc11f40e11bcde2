"""The commands. One file per group of verbs; flags and variables come from ``settings``.

A file is read when its command is used, so that a question to a server does not wait for the server's own code.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click
from click.shell_completion import CompletionItem

from vidijob.errors import VidijobError

#: Each is in the file of its name, under that name.
_COMMANDS = (
    "serve", "worker", "front", "demo", "migrate", "postgres", "job", "problem", "jobtype", "preset", "user", "bench", "help",
    "metrics", "completion",
)  # fmt: skip


class _Commands(click.Group):
    """Reads a command when it is used, and ends an error of ours with its sentence, not with a trace."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command of a name."""
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{name}"), name)
        return command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what the name of a command may be completed to, without reading them all."""
        if incomplete.startswith("-"):
            return super().shell_complete(context, incomplete)
        return [CompletionItem(name) for name in _COMMANDS if name.startswith(incomplete)]

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except VidijobError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(version("vidijob"), prog_name="vidijob")
def commands() -> None:
    """A job server for media work that speaks the Vidispine job API."""
