"""What somebody sees who watches jobs at a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from vidijob.cli import showing, watching


def test_an_id_is_shown_as_it_was_typed_whatever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr(showing, "console", lambda: Console(file=screen, force_terminal=True))
    monkeypatch.setattr(showing, "is_terminal", lambda: True)
    with watching._view(["[/bold]"], quiet=False):
        pass
    assert "[/bold]" in screen.getvalue()
