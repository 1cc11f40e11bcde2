"""``vidijob demo``: a first look."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from vidijob.demo import run


@click.command()
@click.option("--keep", is_flag=True, help="Leave the server running when the demo is over.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("vidijob-demo"),
    show_default=True,
    help="The folder for the demo's database and files; it stays.",
)
def demo(keep: bool, data_dir: Path) -> None:
    """Make a clip, start a server, transcode the clip over HTTP, and show what came of it."""
    asyncio.run(run(data_dir.absolute(), keep=keep))
