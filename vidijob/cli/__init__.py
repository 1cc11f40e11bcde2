"""The commands. One file per group of verbs; flags and variables come from ``settings``."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import click

from vidijob.cli import bench, demo, help, jobtype, migrate, postgres, preset, serve, user, worker
from vidijob.errors import VidijobError


class _Commands(click.Group):
    """Ends an error of ours with its sentence, not with a trace."""

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


_ALL = (
    serve.serve, worker.worker, demo.demo, migrate.migrate, postgres.postgres, preset.preset, user.user, jobtype.jobtype,
    bench.bench, help.show,
)  # fmt: skip
for command in _ALL:
    commands.add_command(command)
