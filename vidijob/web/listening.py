"""A port that is answered on, for as long as the process runs."""

from __future__ import annotations

from contextlib import AsyncExitStack

from aiohttp import web

from vidijob.settings import Settings
from vidijob.web.entrance import Entrance


async def listen(
    stack: AsyncExitStack,
    application: web.Application,
    settings: Settings,
    port: int,
    flag: str,
    *,
    longest_line: int = 8190,
    drain: float = 0,
) -> str:
    """Answer on a port until the stack is closed; returns the address. Raises ``SetupError``, which names the flag.

    ``longest_line`` is how many bytes an address may have, ``drain`` for how many seconds those who are connected are still
    answered when it is closed.
    """
    entrance = Entrance(application, drain=drain, longest_line=longest_line)
    stack.push_async_callback(entrance.close)
    return await entrance.open(settings.host, port, flag, shared=settings.processes > 1)
