"""Which event loop a process of the server runs on: that of libuv where it is installed, else Python's own. Both do the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from vidijob.errors import SetupError

Choice = Literal["auto", "asyncio", "uvloop"]


def run(choice: Choice, main: Coroutine[Any, Any, None]) -> None:
    """Run to its end what a process does; raises ``SetupError`` where the loop that is wanted is not installed."""
    try:
        make = factory(choice)
    except SetupError:
        main.close()
        raise
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main)


def factory(choice: Choice) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the loop; ``None``: Python's own."""
    if choice == "asyncio":
        return None
    try:
        import uvloop
    except ImportError as error:
        if choice == "auto":
            return None
        raise SetupError("uvloop is not installed: install vidijob[fast], or leave out --event-loop.") from error
    return uvloop.new_event_loop
