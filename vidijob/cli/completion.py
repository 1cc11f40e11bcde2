"""``vidijob completion SHELL``: what a shell needs to complete the commands, types and ids."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for a SHELL: types and ids are those of the server that is named, where it answers.

    \b
    bash: eval "$(vidijob completion bash)" in ~/.bashrc
    zsh:  eval "$(vidijob completion zsh)" in ~/.zshrc
    fish: vidijob completion fish > ~/.config/fish/completions/vidijob.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} cannot be completed.")
    click.echo(kind(context.find_root().command, {}, "vidijob", "_VIDIJOB_COMPLETE").source())
