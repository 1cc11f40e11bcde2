"""Bodies that come a byte at a time, or not at all: every face gives them up, says so, and lets the connection go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.integration.engine.conftest import Engine
from tests.integration.serving import ADMINISTRATOR, PASSWORD, Client, served
from vidijob.engine.uploads import Uploads
from vidijob.executors.storage import Storage
from vidijob.front.application import application as front_application
from vidijob.front.sites import Site, Sites
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.store.database import Database
from vidijob.web import bodies

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"
#: Every way in which a body is read: where it is sent, as what, and what begins it.
WAYS = {
    "a document": ("PUT", "/API/job/search", "application/xml", b"<"),
    "a script": ("PUT", "/API/task-definition/jobtype/TRANSCODE/step/100/script", "text/plain", b"1"),
    "a file": ("POST", "/API/import/raw", "video/mp4", b"x"),
    "a call of MPS": ("POST", "/mps/", FORM, b"a"),
    "a form of ArcGIS": ("POST", "/arcgis/tokens/generateToken?f=json", FORM, b"a"),
    "a form of ArcGIS in parts": ("POST", "/arcgis/rest/jobs?f=json", PARTS, b"--x\r\nContent-Disposition: form-data"),
    "an entity of Azure": ("POST", "/azure/api/Jobs", "application/json", b"{"),
    "a batch of Azure": ("POST", "/azure/api/$batch", "multipart/mixed; boundary=x", b"--x\r\n"),
    "a login of Azure": ("POST", "/azure/v2/OAuth2-13", FORM, b"a"),
    "a form of the console": ("POST", "/console/login", FORM, b"a"),
}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody."""
    monkeypatch.setattr(bodies, "_STANDSTILL", 0.4)
    monkeypatch.setattr(bodies, "_LONGEST", 1.5)


@pytest.fixture
async def server(database: Database, tmp_path: Path, hurried: None) -> AsyncIterator[Client]:
    """A server with all faces."""
    engine = Engine(database, dict(JOB_TYPES))
    uploads = Uploads(database, Storage([tmp_path]))
    async with served(engine, ADMINISTRATOR, uploads=uploads, storage_root=tmp_path) as client:
        # Logged in once, so that no password has to be checked while a clock runs.
        login = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD)}
        assert (await client.get("/API/whoami", headers=login)).status == 200
        yield client
    await engine.stop()


class Sender:
    """A connection on which somebody sends as slowly as he likes."""

    def __init__(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        self.reading = reading
        self.writing = writing

    def begin(self, method: str, path: str, type: str, length: int) -> None:
        """Send the head of a request."""
        login = aiohttp.encode_basic_auth("admin", PASSWORD)
        self.writing.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\nContent-Type: {type}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )

    async def trickle(self, number: int) -> None:
        """Send a byte every tenth of a second."""
        for _ in range(number):
            self.writing.write(b"x")
            await asyncio.sleep(0.1)

    async def answer(self) -> bytes:
        """Return all that is answered until the connection is closed."""
        async with asyncio.timeout(15):
            return await self.reading.read()


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[Sender]:
    """Connect to a server."""
    reading, writing = await asyncio.open_connection(host, port)
    try:
        yield Sender(reading, writing)
    finally:
        writing.close()


async def refused(client: Client, way: str, *, trickles: bool) -> bytes:
    """Send a body slowly, and return what is answered to it."""
    method, path, type, begin = WAYS[way]
    async with connected(client.host, client.port or 0) as sender:
        sender.begin(method, path, type, 100_000)
        sender.writing.write(begin)
        trickling = asyncio.create_task(sender.trickle(100 if trickles else 0))
        # What is answered, before all that comes late was waited for.
        try:
            async with asyncio.timeout(15):
                head = await sender.reading.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split()[0])
                return head + await sender.reading.readexactly(length)
        finally:
            trickling.cancel()


async def test_a_body_that_stands_still_is_given_up_by_every_face(
    server: Client,
) -> None:
    answers = await asyncio.gather(*(refused(server, way, trickles=False) for way in WAYS))
    for way, answer in zip(WAYS, answers, strict=True):
        words = (answer, way)
        if "ArcGIS" in way:
            assert answer.startswith(b"HTTP/1.1 200") and b'"code": 408' in answer, words
        else:
            assert answer.startswith(b"HTTP/1.1 408"), words
        assert b"connection: close" in answer.lower(), words
        if way not in ("a form of ArcGIS", "a form of ArcGIS in parts", "a login of Azure", "a call of MPS"):
            assert b"stood still for 0.4 seconds" in answer, words


async def test_a_body_that_comes_a_byte_at_a_time_is_given_up_but_for_a_file(
    server: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is, nothing stands still for so long.
    monkeypatch.setattr(bodies, "_STANDSTILL", 10.0)
    monkeypatch.setattr(bodies, "_LONGEST", 0.8)
    ways = [way for way in WAYS if way != "a file"]
    file = asyncio.create_task(_slow_file(server))
    answers = await asyncio.gather(*(refused(server, way, trickles=True) for way in ways))
    for way, answer in zip(ways, answers, strict=True):
        assert b" 408 " in answer[:15] or b'"code": 408' in answer, (answer, way)
    assert (await file).startswith(b"HTTP/1.1 200"), "a long file on a slow line is none of that"


async def _slow_file(client: Client) -> bytes:
    async with connected(client.host, client.port or 0) as sender:
        sender.begin("POST", "/API/import/raw?filename=a.mov", "video/mp4", 14)
        await sender.trickle(14)
        return await sender.reading.readline()


async def test_nothing_is_kept_of_a_file_that_stands_still(server: Client, tmp_path: Path) -> None:
    answer = await refused(server, "a file", trickles=False)
    assert answer.startswith(b"HTTP/1.1 408")
    assert [path.name for path in tmp_path.rglob("*.part")] == []


async def test_who_has_proved_nothing_sends_little(server: Client) -> None:
    for path, most in (("/azure/v2/OAuth2-13", 64 * 1024), ("/arcgis/tokens/generateToken?f=json", 1024 * 1024)):
        for type in (FORM, PARTS):
            head = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' if type is PARTS else b"a="
            reply = await server.post(path, data=BytesIO(head + b"a" * most), headers={"Content-Type": type})
            words = await reply.text()
            assert reply.status == 413 or '"code": 413' in words, (path, type, words)


async def test_a_front_gives_a_body_up_as_a_site_does(hurried: None) -> None:
    site = Site("VX", "http://127.0.0.1:1", patience=1, connect=1)
    application = front_application(Sites([site]), tolerant=False, patience=1)
    async with TestClient(TestServer(application)) as client:
        assert (await refused(client, "a document", trickles=False)).startswith(b"HTTP/1.1 408")
