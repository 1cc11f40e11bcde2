"""``python -m vidijob`` and the command ``vidijob``."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from vidijob.cli import commands

    commands.main(prog_name="vidijob")


if __name__ == "__main__":
    main()
