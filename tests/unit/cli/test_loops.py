"""The loop of a process: the one that is wanted, and Python's own where uvloop is not installed."""

from __future__ import annotations

import asyncio
import sys

import pytest

from vidijob.cli import loops
from vidijob.errors import SetupError

Found = dict[str, str]


async def look(found: Found) -> None:
    found["loop"] = type(asyncio.get_running_loop()).__module__.partition(".")[0]


def running(choice: loops.Choice) -> str:
    found: Found = {}
    loops.run(choice, look(found))
    return found["loop"]


def test_where_uvloop_is_installed() -> None:
    assert running("auto") == "uvloop"
    assert running("uvloop") == "uvloop"
    assert running("asyncio") == "asyncio"


def test_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert running("auto") == "asyncio"
    with pytest.raises(SetupError, match=r"vidijob\[fast\]"):
        running("uvloop")
