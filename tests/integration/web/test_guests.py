"""Clients who ask for nothing, who never take what they asked for, and too many of them: the server lets them go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from tests.integration.engine.conftest import Engine
from tests.integration.serving import ADMINISTRATOR, PASSWORD, add_users
from vidijob.application import build_application
from vidijob.console import live, sessions
from vidijob.engine import tail
from vidijob.engine.accounts import Accounts
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.store.database import Database
from vidijob.web import guests, keys
from vidijob.web.entrance import Entrance
from vidijob.web.middleware import identify
from vidijob.web.streaming import Streamed

MEBIBYTE = 1024 * 1024


class Port:
    """A server, and clients of it that do as little as they like."""

    def __init__(self, entrance: Entrance, address: str) -> None:
        self.entrance = entrance
        self._host = (urlsplit(address).hostname or "", urlsplit(address).port or 0)
        self._open: list[socket.socket] = []

    async def connect(self, said: str = "", room: int = 4096) -> socket.socket:
        """Connect, with little room for what comes, and say so much."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        client.setblocking(False)
        self._open.append(client)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, self._host)
        await loop.sock_sendall(client, said.encode())
        return client

    async def read(self, client: socket.socket, most: int = 65536) -> bytes:
        """Return what has come; nothing: the server has hung up."""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                return await asyncio.get_running_loop().sock_recv(client, most)
        return b""

    @property
    def connected(self) -> int:
        """How many connections the server holds."""
        server = self.entrance._runner.server
        assert server is not None
        return len(server.connections)

    async def until(self, number: int) -> None:
        """Wait until the server holds so many connections."""
        async with asyncio.timeout(10):
            while self.connected != number:
                await asyncio.sleep(0.01)

    def close(self) -> None:
        """Let all clients go."""
        for client in self._open:
            client.close()


@asynccontextmanager
async def served(application: web.Application, most: int | None = None) -> AsyncIterator[Port]:
    """Serve on a port, as a process does it; what is sent has little room on its way."""
    entrance = Entrance(application)
    if most is not None:
        entrance._guests._most = most
    port = Port(entrance, await entrance.open("127.0.0.1", 0, "--port", shared=False))
    assert entrance._server is not None
    for listening in entrance._server.sockets:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    try:
        yield port
    finally:
        port.close()
        await entrance.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody for long."""
    monkeypatch.setattr(guests, "_FIRST", 0.3)
    monkeypatch.setattr(guests, "_STANDSTILL", 0.5)
    monkeypatch.setattr(guests, "_LOOK", 0.05)


class Answers:
    """What a small server answers, and what became of it."""

    def __init__(self) -> None:
        self.ended = 0
        self.release = asyncio.Event()

    def application(self) -> web.Application:
        """Return the server."""
        made = web.Application(middlewares=[identify])
        made.add_routes(
            [web.get(f"/{name}", getattr(self, name)) for name in ("large", "pieces", "events", "wait", "small")]
        )
        return made

    async def small(self, request: web.Request) -> web.Response:
        return web.Response(text="well")

    async def large(self, request: web.Request) -> web.Response:
        return web.Response(body=bytes(8 * MEBIBYTE))

    async def pieces(self, request: web.Request) -> web.StreamResponse:
        async def rest() -> AsyncGenerator[bytes]:
            try:
                while True:
                    yield bytes(16384)
            finally:
                self.ended += 1

        return Streamed(request, b"first", rest(), {})

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"data: something\n\n" * 10)
                await asyncio.sleep(0.001)
        finally:
            self.ended += 1

    async def wait(self, request: web.Request) -> web.Response:
        await self.release.wait()
        return web.Response(text="well")


@pytest.fixture
async def answers() -> Answers:
    """What is asked for."""
    return Answers()


def asked(path: str, **headers: str) -> str:
    """Return a request."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n"


async def test_who_asks_for_nothing_is_let_go_and_who_has_asked_may_stay(answers: Answers) -> None:
    async with served(answers.application()) as port:
        stays = await port.connect(asked("/small"))
        assert (await port.read(stays)).endswith(b"well")
        works = await port.connect(asked("/wait"))
        for said in ("", "GET /small HTTP/1.1\r\nX-Slow: "):
            assert await port.read(await port.connect(said)) == b""
        await port.until(2)
        await asyncio.get_running_loop().sock_sendall(stays, asked("/small").encode())
        answers.release.set()
        for client in (stays, works):
            assert (await port.read(client)).endswith(b"well")


@pytest.mark.parametrize("path", ["/large", "/pieces", "/events"])
async def test_who_takes_nothing_of_what_he_asked_for_is_let_go(answers: Answers, path: str) -> None:
    async with served(answers.application()) as port:
        await port.connect(asked(path))
        await port.until(1)
        await port.until(0)
        async with asyncio.timeout(5):
            while answers.ended != (path != "/large"):
                await asyncio.sleep(0.01)


async def test_who_takes_slowly_is_waited_for(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine stands still as well.
    monkeypatch.setattr(guests, "_STANDSTILL", 1.2)
    async with served(answers.application()) as port:
        client = await port.connect(asked("/large"), room=65536)
        taken, began = 0, asyncio.get_running_loop().time()
        while taken < 8 * MEBIBYTE:
            piece = await port.read(client, 262_144)
            assert piece, "he was let go"
            taken += len(piece)
            # Longer in all than nothing may be taken.
            await asyncio.sleep(0.02 if asyncio.get_running_loop().time() < began + 1.8 else 0)


async def test_where_there_are_too_many_the_one_goes_that_was_idle_for_longest(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "_FIRST", 60.0)
    async with served(answers.application(), most=3) as port:
        works = await port.connect(asked("/wait"))
        first = await port.connect(asked("/small"))
        assert (await port.read(first)).endswith(b"well")
        second = await port.connect(asked("/small"))
        assert (await port.read(second)).endswith(b"well")
        third = await port.connect(asked("/small"))
        assert (await port.read(third)).endswith(b"well")
        assert await port.read(first) == b""
        for client in (second, third):
            await asyncio.get_running_loop().sock_sendall(client, asked("/wait").encode())
        async with asyncio.timeout(5):
            while sum(guest.busy for guest in port.entrance._guests._known.values()) < 3:
                await asyncio.sleep(0.01)
        assert await port.read(await port.connect(asked("/small"))) == b"", "all are busy"
        answers.release.set()
        for client in (works, second, third):
            assert (await port.read(client)).endswith(b"well")


@pytest.fixture
async def real(database: Database) -> AsyncIterator[web.Application]:
    """A server with all faces."""
    await add_users(database, ADMINISTRATOR)
    engine = Engine(database, dict(JOB_TYPES))
    yield build_application(database, engine.bell, Accounts(database), site="VX")
    await engine.stop()


async def _busy(database: Database) -> int:
    """Return how many other connections have a transaction, or a snapshot, open."""
    async with database.session() as session:
        return int(
            await session._connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' AND (state LIKE 'idle in%' OR xact_start < now() - interval '1 s')"
            )
        )


async def test_a_client_that_never_reads_holds_nothing_of_the_engine(
    database: Database, real: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "_STANDSTILL", 60.0)
    for teller in (live, tail):
        # So often somebody who hears nothing is found to have gone.
        monkeypatch.setattr(teller, "_PULSE", 0.5)
    login = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD)}
    async with database.session() as session:
        # More than is held at once, and more than there is room for on the way.
        await session.script(
            "INSERT INTO job (id, type, state, priority, owner, total_steps, data) SELECT number, 'WORK', 'HOLD', 'MEDIUM',"
            " 'admin', 1, jsonb_build_object('text', jsonb_build_array(repeat('x', 2000))) FROM generate_series(1, 1200) AS number;"
            "INSERT INTO job_count_change (type, new_state, owner, priority, jobs)"
            " SELECT type, state, owner, priority, count(*) FROM job GROUP BY type, state, owner, priority"
        )
    async with served(real) as port:
        token = await Accounts(database).open_session("admin", PASSWORD)
        await port.connect(asked("/API/job/events", **login))
        await port.connect(asked("/console/live", Cookie=f"{sessions._SESSION}={token}"))
        await port.connect(asked("/API/job?number=1200&user=false&metadata=true", **login))
        services: Any = real[keys.SERVICES]
        pages = real[live.LIVE]._pages
        async with asyncio.timeout(5):
            while not (services.tail._following and pages):
                await asyncio.sleep(0.01)
        async with database.session() as session:
            await session.script(
                "INSERT INTO event (job_id, new_state, actor) SELECT number, 'HOLD', 'x' FROM generate_series(1, 1200) AS number"
            )
        async with asyncio.timeout(5):
            while not all(guest.untaken for guest in port.entrance._guests._known.values()):
                await asyncio.sleep(0.01)
        assert port.connected == 3, "all are stuck"
        assert await _busy(database) == 0
        monkeypatch.setattr(guests, "_STANDSTILL", 0.2)
        await port.until(0)
        async with asyncio.timeout(5):
            while services.tail._following or pages:
                await asyncio.sleep(0.01)
