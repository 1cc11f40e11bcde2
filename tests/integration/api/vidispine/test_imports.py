"""POST /import/raw: a file comes as the body, is written as it comes, and becomes a job; or leaves nothing behind."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.integration.api.vidispine.conftest import JSON, PASSWORD, USERS, XML, Api, Reply
from tests.integration.engine.conftest import ADMIN, Engine
from tests.integration.executors.conftest import small_disk as small_disk
from vidijob import access
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.engine.uploads import Uploads
from vidijob.errors import OutOfStorage, Unavailable
from vidijob.executors.storage import Storage
from vidijob.executors.uploads import FOLDER
from vidijob.jobs.model import Job, JobData, Priority
from vidijob.store import users
from vidijob.store.database import Database

Http = TestClient[web.Request, web.Application]
RAW = "/API/import/raw"
MEBIBYTE = 1024 * 1024
LIMIT = 24 * MEBIBYTE
# Made once: it is slow by design.
_HASH = access.hash_password(PASSWORD)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The storage root."""
    folder = tmp_path / "storage"
    folder.mkdir()
    return folder


@pytest.fixture
def uploads(database: Database, root: Path) -> Uploads:
    """What takes the files."""
    return Uploads(database, Storage([root]), limit=LIMIT)


@pytest.fixture
async def client(engine: Engine, database: Database, uploads: Uploads) -> AsyncIterator[Http]:
    """A client of a server that has a storage."""
    await engine.write_types()
    for name in ("admin", "plain", "job_read"):
        await users.add(database, name, _HASH, USERS[name])
    application = build_application(database, engine.bell, Accounts(database), site="VX", uploads=uploads)
    async with TestClient(TestServer(application)) as client:
        yield client


@pytest.fixture
def api(client: Http) -> Api:
    """The same, as all tests of the face have it."""
    return Api(client)


def landed(root: Path) -> list[str]:
    """Return what lies in the folder of uploads."""
    return sorted(name for name in os.listdir(root / FOLDER) if name != ".clock") if (root / FOLDER).exists() else []


async def data_of(engine: Engine, reply: Reply) -> JobData:
    """Return the data of the job that was made."""
    return (await engine.insights.job(reply.find("jobId")[0])).data


def file_of(data: JobData) -> Path:
    return Path(unquote(urlsplit(data["vidijob_upload"][0]).path))


@pytest.mark.parametrize("size", [1, 3 * MEBIBYTE + 17])
async def test_a_file_becomes_a_job(api: Api, engine: Engine, root: Path, size: int) -> None:
    content = os.urandom(size)
    query = "filename=%2Di%20%C3%BC%22.mov&tag=lowres,wav&jobmetadata=itemId%3DVX-3&priority=HIGH"
    reply = await api("POST", f"{RAW}?{query}", body=BytesIO(content), type="video/quicktime")
    assert reply.status == 200 and reply.find("type") == ["RAW_IMPORT"] and reply.find("priority") == ["HIGH"]
    assert reply.find("status") == ["READY"]
    data = await data_of(engine, reply)
    assert list(data["vidijob_upload_name"]) == ['-i ü".mov'] and list(data["itemId"]) == ["VX-3"]
    assert list(data["tag"]) == ["lowres", "wav"]
    assert list(data["vidijob_upload_checksum"]) == [hashlib.sha256(content).hexdigest()]
    assert file_of(data).read_bytes() == content
    assert landed(root) == [file_of(data).name]


async def test_it_can_be_held(api: Api) -> None:
    reply = await api("POST", f"{RAW}?holdJob=true&originalFilename=a.mov", body=b"x", accept=JSON)
    assert reply.status == 200 and reply.json["status"] == "HOLD"


async def test_what_cannot_be_is_refused_before_anything_is_read(api: Api, engine: Engine, root: Path) -> None:
    for query, status in (
        ("filename=a%2Fb", 400),
        ("filename=..", 400),
        ("filename=" + "n" * 256, 400),
        ("priority=NOPE", 400),
        ("holdJob=perhaps", 400),
        ("notification=VX-99", 404),
        ("jobmetadata=" + "k" * 1001 + "%3D1", 400),
    ):
        reply = await api("POST", f"{RAW}?{query}", body=b"x" * 1000, accept=JSON)
        assert reply.status == status, query
    assert landed(root) == [] and await engine.events() == []


async def test_who_may_not_sends_in_vain(api: Api, engine: Engine, root: Path) -> None:
    assert (await api("POST", RAW, body=b"x", user="job_read")).status == 403
    assert (await api("POST", f"{RAW}?priority=IMMEDIATE", body=b"x", user="plain")).status == 403
    assert (await api("POST", RAW, body=b"x", user=None)).status == 401
    assert landed(root) == [] and await engine.events() == []


async def test_nothing_is_no_file(api: Api, root: Path) -> None:
    for accept in (XML, JSON):
        reply = await api("POST", RAW, accept=accept)
        assert reply.status == 400 and "The body is empty" in reply.text
    assert landed(root) == []


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_that_is_too_large(
    api: Api,
    client: Http,
    engine: Engine,
    root: Path,
    announced: bool,
) -> None:
    piece = os.urandom(MEBIBYTE)

    async def without_end() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // MEBIBYTE + 4):
            yield piece

    body = BytesIO(piece * (LIMIT // MEBIBYTE + 1)) if announced else without_end()
    reply = await api("POST", RAW, body=body, accept=JSON)  # type: ignore[arg-type]
    assert reply.status == 413 and str(LIMIT) in reply.json["invalidInput"]["explanation"]
    assert landed(root) == [] and await engine.events() == []
    assert (await api("POST", RAW, body=BytesIO(piece * (LIMIT // MEBIBYTE)))).status == 200


async def test_who_hangs_up_leaves_nothing(client: Http, engine: Engine, root: Path) -> None:
    login = aiohttp.encode_basic_auth("admin", PASSWORD)
    _, writing = await asyncio.open_connection(client.host, client.port)
    head = f"POST {RAW} HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\nContent-Length: {4 * MEBIBYTE}\r\n\r\n"
    writing.write(head.encode() + os.urandom(2 * MEBIBYTE))
    await writing.drain()
    async with asyncio.timeout(10):
        while not any(os.stat(root / FOLDER / name).st_size for name in landed(root)):
            await asyncio.sleep(0.01)
        writing.transport.abort()
        while landed(root):
            await asyncio.sleep(0.01)
    assert await engine.events() == []


async def test_a_slow_disk_slows_the_sender(
    client: Http,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go = asyncio.Event()
    loop = asyncio.get_running_loop()
    write = os.write

    def slow(descriptor: int, content: bytes) -> int:
        if len(content) > 100_000:
            asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result()
        return write(descriptor, content)

    monkeypatch.setattr("vidijob.executors.uploads.os.write", slow)
    login = aiohttp.encode_basic_auth("admin", PASSWORD)
    reading, writing = await asyncio.open_connection(client.host, client.port)
    size = LIMIT
    head = f"POST {RAW} HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\nContent-Length: {size}\r\n\r\n"
    writing.write(head.encode())
    sent = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            while sent < size:
                writing.write(bytes(65536))
                sent += 65536
                await writing.drain()
    # What the two ends' systems hold besides is theirs.
    assert sent < size - MEBIBYTE, "nobody took it"
    let_go.set()
    writing.write(bytes(size - sent))
    assert (await reading.readline()).startswith(b"HTTP/1.1 200")
    writing.close()


async def test_a_repetition_is_one_job_and_one_file(api: Api, engine: Engine, root: Path) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await api("POST", f"{RAW}?filename=a.mov", body=b"content", headers=key)
    again = await api("POST", f"{RAW}?filename=a.mov", body=b"content", headers=key)
    assert first.status == again.status == 200 and first.find("jobId") == again.find("jobId") == ["VX-1"]
    (name,) = landed(root)
    assert file_of(await data_of(engine, first)).name == name
    other = await api("POST", f"{RAW}?filename=a.mov", body=b"another", headers=key)
    assert other.status == 409 and landed(root) == [name]
    assert (await api("POST", f"{RAW}?filename=b.mov", body=b"content", headers=key)).status == 409
    assert landed(root) == [name]


async def test_it_is_not_run_again_since_its_file_is_not_kept(api: Api, engine: Engine, root: Path) -> None:
    held = (await api("POST", f"{RAW}?holdJob=true", body=b"held")).find("jobId")[0]
    for state in ("HOLD", "ABORTED"):
        assert (await engine.insights.job(held)).state == state
        refused = await api("POST", f"/API/job/{held}/re-run", accept=JSON)
        assert refused.status == 400 and refused.json["invalidInput"]["id"] == held
        assert "send it again (POST /import/raw)" in refused.json["invalidInput"]["explanation"]
        if state == "HOLD":
            await engine.commands.abort(ADMIN, held, reason=None, cleanup=False)
    other = await api("POST", "/API/job?type=AUTO_IMPORT&jobmetadata=sourceUri%3Da.mov")
    assert (await api("POST", f"/API/job/{other.find('jobId')[0]}/re-run")).status == 200


async def pieces(size: int) -> AsyncIterator[bytes]:
    """Yield so many bytes."""
    for start in range(0, size, 65536):
        yield bytes(min(65536, size - start))


async def never(data: JobData) -> Job:
    raise AssertionError("there is nothing to make a job of")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_full_storage(database: Database, small_disk: Path, announced: bool) -> None:
    uploads, size = Uploads(database, Storage([small_disk])), 2 * MEBIBYTE
    with pytest.raises(OutOfStorage):
        await uploads.take(pieces(size), size if announced else None, None, never)
    assert landed(small_disk) == []


async def test_a_storage_that_fills_up_meanwhile(
    database: Database, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidijob.executors.uploads.has_room", lambda folder, size: True)
    with pytest.raises(OutOfStorage):
        await Uploads(database, Storage([small_disk])).take(pieces(2 * MEBIBYTE), None, None, never)
    assert landed(small_disk) == []


async def test_a_server_that_is_stopped_meanwhile_leaves_nothing(uploads: Uploads, root: Path) -> None:
    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MEBIBYTE)
            await asyncio.sleep(0.01)

    taking = asyncio.create_task(uploads.take(without_end(), None, None, never))
    async with asyncio.timeout(10):
        while not landed(root):
            await asyncio.sleep(0.01)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert landed(root) == []


async def test_a_storage_that_is_not_there(database: Database, tmp_path: Path) -> None:
    away = Uploads(database, Storage([tmp_path / "away"]))
    with pytest.raises(Unavailable, match="is not there; mount it"):
        await away.take(pieces(10), 10, None, never)
    await away.tick()
    assert os.listdir(tmp_path) == []


async def age(root: Path) -> None:
    """Make everything that has landed old."""
    for name in landed(root):
        os.utime(root / FOLDER / name, (1, 1))


async def test_what_nobody_wants_is_swept(
    api: Api, engine: Engine, uploads: Uploads, root: Path, database: Database
) -> None:
    held = await api("POST", f"{RAW}?holdJob=true", body=b"held")
    wanted = file_of(await data_of(engine, held)).name

    async def lose(data: JobData) -> Job:
        raise Unavailable("The database", "it went away, with or without the job")

    with pytest.raises(Unavailable):
        await uploads.take(pieces(10), 10, None, lose)
    (lost,) = set(landed(root)) - {wanted}
    (root / FOLDER / ("0" * 32 + ".part")).write_bytes(b"of a server that was killed")
    (root / FOLDER / "README").write_bytes(b"of a user")
    before = landed(root)
    await uploads.tick()
    assert landed(root) == before, "they are young"
    await age(root)
    await uploads.tick()
    assert landed(root) == sorted([wanted, "README"]) and lost not in landed(root)
    await engine.commands.abort(ADMIN, held.find("jobId")[0], reason=None, cleanup=False)
    await uploads.tick()
    assert landed(root) == ["README"]


async def test_a_job_whose_answer_was_lost_keeps_its_file(
    engine: Engine,
    uploads: Uploads,
    root: Path,
    client: Http,
) -> None:
    async def submit(data: JobData) -> Job:
        await engine.commands.submit(ADMIN, "RAW_IMPORT", Priority.MEDIUM, data)
        raise Unavailable("The database", "it went away before it answered")

    with pytest.raises(Unavailable):
        await uploads.take(pieces(10), 10, "a.mov", submit)
    await age(root)
    await uploads.tick()
    assert landed(root) == [file_of((await engine.insights.job("VX-1")).data).name]


async def test_without_a_storage_nothing_is_taken(database: Database, engine: Engine) -> None:
    await engine.write_types()
    await users.add(database, "admin", _HASH, USERS["admin"])
    application = build_application(database, engine.bell, Accounts(database), site="VX")
    async with TestClient(TestServer(application)) as client:
        reply = await Api(client)("POST", RAW, body=b"x")
        assert reply.status == 501 and "no storage" in reply.headers["Reason"]
