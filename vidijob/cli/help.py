"""``vidijob help``: the pages of ``vidijob.help`` in the terminal."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from vidijob.help import TOPICS, page, pages

_WIDEST = 120


def _complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    return [topic for topic in TOPICS if topic.startswith(begun)]


@click.command()
@click.argument("topic", required=False, shell_complete=_complete)
@click.pass_context
def help(context: click.Context, topic: str | None) -> None:
    """Show a help page, or which there are; the help of a command, too."""
    if topic is None:
        _list()
        return
    if topic in TOPICS:
        _show(page(topic).text)
        return
    parent = context.find_root()
    command = parent.command.get_command(parent, topic) if isinstance(parent.command, click.Group) else None
    if command is None:
        raise click.UsageError(f"There is no help page {topic!r}. There are: {', '.join(TOPICS)}.", context)
    with command.make_context(topic, [], parent, resilient_parsing=True) as inner:
        click.echo(command.get_help(inner))


def _list() -> None:
    console = _console()
    if console.is_terminal:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for one in pages():
            table.add_row(one.topic, one.summary)
        console.print(table)
    else:
        for one in pages():
            click.echo(f"{one.topic:12}{one.summary}")
    click.echo("\nvidijob help TOPIC shows one of them, vidijob COMMAND --help a command's flags.")


def _show(text: str) -> None:
    console = _console()
    if console.is_terminal:
        console.print(Markdown(text, hyperlinks=True))
    else:
        click.echo(text, nl=False)


def _console() -> Console:
    console = Console()
    if console.width > _WIDEST:
        console.width = _WIDEST
    return console
