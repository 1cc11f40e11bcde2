"""A server in a process of its own, to be measured from outside: the whole of the HTTP server on a database, or the least that
an ``aiohttp`` server can do; or who waits to be told of what it does. It ends with whoever started it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass

from aiohttp import web

from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.engine.bell import Bell
from vidijob.engine.notifier import Notifier
from vidijob.errors import SetupError
from vidijob.store.database import Database
from vidijob.web import keys
from vidijob.web.kept import Kept

#: As a server has them for its API.
_CONNECTIONS = 10
_LONGEST = 15.0
_START = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be served."""

    #: A database; none: ``static`` is all that there is.
    url: str | None
    #: The body of an answer that is always the same, in base64, and its type.
    static: str = ""
    media: str = "application/xml"
    #: How many bytes of documents may be kept; ``None``: as many as always.
    kept: int | None = None
    #: Whether others are told that there is something to do.
    rings: bool = True
    #: Not a server, but so many that listen, the first of which enters what subscribers are to be told.
    listeners: int = 0


class _Mute(Bell):
    """A bell that nobody hears."""

    def ring(self, channel: object) -> None:
        """Tell nobody."""


async def serve() -> None:
    """Serve what standard input says in its first line, and say where in the first of standard output; until it is closed."""
    loop = asyncio.get_running_loop()
    wanted = Wanted(**json.loads(await loop.run_in_executor(None, sys.stdin.readline)))
    async with AsyncExitStack() as stack:
        if wanted.listeners:
            await _listen(stack, wanted)
            sys.stdout.write("listening\n")
            sys.stdout.flush()
            await loop.run_in_executor(None, sys.stdin.read)
            return
        application = await _application(stack, wanted) if wanted.url is not None else _static(wanted)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await loop.run_in_executor(None, sys.stdin.read)


async def _application(stack: AsyncExitStack, wanted: Wanted) -> web.Application:
    url = wanted.url or ""
    database = Database(lambda: url).sibling(connections=_CONNECTIONS, longest=_LONGEST)
    await database.open()
    stack.push_async_callback(database.close)
    bell = Bell(database) if wanted.rings else _Mute(database)
    bell.start()
    stack.push_async_callback(bell.stop)
    application = build_application(database, bell, Accounts(database), site="VX")
    if wanted.kept is not None:
        application[keys.KEPT] = Kept(wanted.kept)
        application[keys.FRAGMENTS] = Kept(wanted.kept)
    return application


async def _listen(stack: AsyncExitStack, wanted: Wanted) -> None:
    url = wanted.url or ""
    database = Database(lambda: url)
    await database.open()
    stack.push_async_callback(database.close)
    bells = [Bell(database) for _ in range(wanted.listeners)]
    for bell in bells:
        bell.start()
        stack.push_async_callback(bell.stop)
    notifier = Notifier(database, bells[0], Composer("VX").compose)
    notifier.start()
    stack.push_async_callback(notifier.stop)


def _static(wanted: Wanted) -> web.Application:
    body = base64.b64decode(wanted.static)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": wanted.media})

    application = web.Application()
    application.add_routes([web.get("/static", answer)])
    return application


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    address: str
    pid: int


@asynccontextmanager
async def serving(wanted: Wanted) -> AsyncIterator[Served]:
    """Run a server for a while."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vidijob", "bench", "served",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if child.stdin is None or child.stdout is None:
        raise AssertionError("it has no pipes")
    try:
        child.stdin.write(json.dumps(asdict(wanted)).encode() + b"\n")
        async with asyncio.timeout(_START):
            address = (await child.stdout.readline()).decode().strip()
        if not address:
            raise SetupError("The server that is to be measured did not start; what it says of that is above.")
        yield Served(address, child.pid)
    finally:
        child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), 10)
        except TimeoutError:
            child.kill()
            await child.wait()
