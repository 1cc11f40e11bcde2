"""Keys of users, from a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vidijob.cli import commands
from vidijob.cli.exits import Exit


@pytest.mark.parametrize("words", [("add", "ann"), ("list", "ann"), ("revoke", "ann", "VJ1")])
def test_no_database_is_made_to_look_for_a_user_in_it(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDIJOB_DATABASE_URL", raising=False)
    elsewhere = tmp_path / "elsewhere"
    ended = CliRunner().invoke(commands, ["user", "key", *words, "--data-dir", str(elsewhere)], terminal_width=300)
    assert ended.exit_code == Exit.USAGE and f"There is no database in {elsewhere}." in ended.output
    assert not elsewhere.exists()
