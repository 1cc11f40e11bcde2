"""A port that is answered on, for as long as the process runs."""

from __future__ import annotations

from contextlib import AsyncExitStack

from aiohttp import web

from vidijob.errors import SetupError
from vidijob.settings import Settings


async def listen(
    stack: AsyncExitStack,
    application: web.Application,
    settings: Settings,
    port: int,
    flag: str,
    *,
    longest_line: int = 8190,
) -> str:
    """Answer on a port until the stack is closed; returns the address. Raises ``SetupError``, which names the flag.

    ``longest_line`` is how many bytes an address may have.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=5, max_line_size=longest_line)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, settings.host, port, reuse_port=settings.processes > 1 or None)
    try:
        await site.start()
    except OSError as error:
        raise SetupError(
            f"Cannot listen on {settings.host}:{port} ({error.strerror}); choose another {flag}."
        ) from error
    host, port = runner.addresses[0][:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
