"""``vidijob front``: one address for several sites."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console

from vidijob.cli import loops
from vidijob.cli.options import setting
from vidijob.front.application import FrontServer
from vidijob.front.settings import FrontSettings
from vidijob.observability import logs
from vidijob.settings.sources import read
from vidijob.web.running import until_told


@click.command()
@setting(*FrontSettings.model_fields, of=FrontSettings)
def front(**flags: Any) -> None:
    """Run a front of several sites: it routes by the id of a job and merges lists; each site is a server of its own."""
    chosen = read(FrontSettings, flags)
    logs.configure(chosen.log_level, chosen.log_format, with_process=False)
    server = FrontServer(chosen)

    def announce() -> None:
        out = Console(soft_wrap=True, highlight=False)
        out.print(
            f"vidijob is the front of {', '.join(chosen.urls)} at [bold]{server.address}/API[/]; stop with Ctrl-C."
        )

    loops.run(chosen.event_loop, until_told(server, announce))
