"""Real servers elsewhere: of files by ftp and by http, on this machine."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from aiohttp import web

from vidijob.executors.remote.schemes import Remotes
from vidijob.executors.storage import Storage
from vidijob.jobs.reach import Network
from vidijob.web.fetching import file_client

with warnings.catch_warnings():
    # It uses a module that Python 3.11 wants to be rid of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.filesystems import AbstractedFS
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

USER, PASSWORD = "vidijob", "p@ss:w/ord"


@dataclass
class Peer:
    """A server, and the folder that it serves."""

    #: How its URIs begin: ``ftp://127.0.0.1:2121``.
    origin: str
    folder: Path
    #: What it was asked for, in order.
    asked: list[str] = field(default_factory=list)
    #: Set to let it go on where it was told to hold.
    hold: threading.Event = field(default_factory=threading.Event)


@contextmanager
def ftp_server(folder: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[Peer]:
    """Serve a folder by ftp to one user."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")
    asked: list[str] = []

    class Handler(FTPHandler):  # type: ignore[misc]
        auth_failed_timeout = 0

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            if cmd != "PASS":
                asked.append(line)
            super().pre_process_command(line, cmd, arg)

        def log(self, *arguments: Any, **named: Any) -> None: ...

        logline = logexception = log

    Handler.authorizer = authorizer
    Handler.abstracted_fs = AbstractedFS
    server = FTPServer((host, port), Handler)
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            server.ioloop.loop(timeout=0.02, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Peer(f"ftp://{server.address[0]}:{server.address[1]}", folder, asked)
    finally:
        stopping.set()
        thread.join()


@asynccontextmanager
async def http_server(folder: Path) -> AsyncIterator[Peer]:
    """Serve a folder by http; besides, names that begin with a word do what it says."""
    peer = Peer("", folder)

    async def answer(request: web.Request) -> web.StreamResponse:
        peer.asked.append(f"{request.method} {request.path_qs}")
        name = request.match_info["name"]
        word, _, rest = name.partition("/")
        if word.isdecimal():
            return web.Response(status=int(word))
        if word == "redirect":
            raise web.HTTPFound(request.query["to"])
        if word == "private" and request.headers.get("Authorization") is None:
            return web.Response(status=401)
        if word in ("slow", "broken", "chunked"):
            return await _stream(request, word, (folder / rest).read_bytes(), peer)
        path = folder / (rest if word == "private" else name)
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    application = web.Application()
    application.router.add_get("/{name:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    peer.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield peer
    finally:
        await runner.cleanup()


async def _stream(request: web.Request, word: str, content: bytes, peer: Peer) -> web.StreamResponse:
    response = web.StreamResponse()
    if word == "chunked":
        response.enable_chunked_encoding()
    else:
        response.content_length = len(content)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    half = len(content) // 2
    await response.write(content[:half])
    if word == "slow":
        while not peer.hold.is_set():
            await asyncio.sleep(0.01)
    if word == "broken":
        assert request.transport is not None
        request.transport.close()
        return response
    await response.write(content[half:])
    return response


def remote_storage(root: Path, *peers: Peer, networks: Sequence[Network] = (ip_network("127.0.0.0/8"),)) -> Storage:
    """Return a storage that may reach servers on this machine; the administrator's options have the login of ``peers``."""
    options = {peer.origin: {"username": USER, "password": PASSWORD} for peer in peers}
    return Storage([root], Remotes(["http", "ftp"], options, networks, file_client(networks)))


async def ended() -> None:
    """Wait until no call of a server is on its way any more."""
    async with asyncio.timeout(5):
        while [thread for thread in threading.enumerate() if thread.name == "vidijob-remote"]:
            await asyncio.sleep(0.01)
