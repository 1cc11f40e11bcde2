"""Lists that are too long to be held: they are what the pages are, harm nobody, and are cut off rather than wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time
import tracemalloc
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.integration.api.vidispine.conftest import JSON, TEXT, XML, Api
from tests.integration.engine.conftest import Engine
from tests.integration.serving import PASSWORD, served
from vidijob.engine import insights
from vidijob.engine.insights import Insights, Listing
from vidijob.jobs.search import Filter, Order, SortField
from vidijob.store.database import Database

JOBS = 1205
#: Each has so much job data, in bytes.
DATA = 5000
ALL = "user=false&number=1000000"
Server = TestClient[web.Request, web.Application]


@pytest.fixture
async def many(database: Database) -> None:
    """More jobs than are read at once, of two types and three users."""
    async with database.session() as session:
        await session._connection.execute(
            "WITH made AS (INSERT INTO job (id, type, state, priority, owner, total_steps, data)"
            " SELECT number, CASE WHEN number % 3 = 0 THEN 'THUMBNAIL' ELSE 'TRANSCODE' END, 'READY', 'MEDIUM',"
            f" 'user' || number % 4, 1, jsonb_build_object('text', jsonb_build_array(repeat('x', {DATA})))"
            f" FROM generate_series(1, {JOBS}) AS number RETURNING *), next AS (SELECT setval('job_id', {JOBS}))"
            " INSERT INTO job_count_change (type, new_state, owner, priority, jobs)"
            " SELECT type, state, owner, priority, count(*) FROM made, next GROUP BY type, state, owner, priority"
        )


@pytest.fixture
async def server(engine: Engine, database: Database, api: Api) -> AsyncIterator[Server]:
    """The same face for clients that do not read all they get; its users are those of ``api``."""
    async with served(engine) as client:
        yield client


def asked(accept: str = XML) -> dict[str, str]:
    """Return the headers of a request."""
    return {"Accept": accept, "Authorization": aiohttp.encode_basic_auth("admin", PASSWORD)}


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    "query",
    ["user=false", "user=false&sort=type,startTime%20desc&idonly=true", "user=false&jobmetadata=text=x*&step=true"],
)
async def test_a_long_list_is_what_its_pages_are(api: Api, query: str) -> None:
    pages = [await api("GET", f"/API/job?{query}&number=500&first={first}") for first in (1, 501, 1001)]
    assert all("Content-Length" in page.headers for page in pages)
    expected = [id for page in pages for id in page.find("job/jobId")]
    assert len(expected) == JOBS
    whole = await api("GET", f"/API/job?{query}&number=1000000")
    assert "Content-Length" not in whole.headers and "Next-Cursor" not in whole.headers
    assert whole.find("job/jobId") == expected and whole.find("hits") == [str(JOBS)]
    for tag in ("job/user", "job/type", "job/status", "job/started"):
        assert whole.find(tag) == [one for page in pages for one in page.find(tag)]
    same = await api("GET", f"/API/job?{query}&number=1000000", accept=JSON)
    assert [job["jobId"] for job in same.json["job"]] == expected and same.json["hits"] == JOBS
    some = await api("GET", f"/API/job?{query}&number=700&first=3", accept=JSON)
    assert [job["jobId"] for job in some.json["job"]] == expected[2:702]
    rest = await api("GET", f"/API/job?{query}&number=1000000&cursor={some.headers['Next-Cursor']}")
    assert rest.find("job/jobId") == expected[702:]


@pytest.mark.usefixtures("many")
async def test_as_text_and_with_facets(api: Api) -> None:
    ids = [f"VX-{number}" for number in range(1, JOBS + 1)]
    assert (await api("GET", "/API/job?user=false", accept=TEXT)).text == "".join(f"{id}\r\n" for id in ids)
    reply = await api("PUT", f"/API/job/search?{ALL}", accept=JSON, body='{"facet": [{"field": "type"}]}', type=JSON)
    assert [job["jobId"] for job in reply.json["job"]] == ids
    assert {one["fieldValue"]: one["value"] for one in reply.json["facet"][0]["count"]} == {
        "THUMBNAIL": JOBS // 3,
        "TRANSCODE": JOBS - JOBS // 3,
    }
    assert (await api("HEAD", f"/API/job?{ALL}")).body == b""
    assert (await api("GET", "/API/job/VX-1", accept=TEXT)).text == "READY"


@pytest.mark.usefixtures("many")
async def test_the_jobs_are_those_of_one_moment(database: Database) -> None:
    questions = Insights(database, "VX")
    page = await questions.page(Listing(Filter(), [Order(SortField.ID)], 1, 10**6))
    assert page.places is not None and (page.hits, len(page.jobs)) == (JOBS, 0)
    found: list[int] = []
    async for jobs in questions.parts(page.places, steps=False):
        if not found:
            async with database.session() as session:
                await session._connection.execute(
                    "INSERT INTO job (type, state, priority, owner, total_steps)"
                    " VALUES ('LATE', 'READY', 'LOW', 'me', 1);"
                    "UPDATE job SET type = 'CHANGED' WHERE id = 1000; DELETE FROM job WHERE id IN (2, 900);"
                )
        found += [job.id for job in jobs]
        assert all(job.type == "CHANGED" for job in jobs if job.id == 1000)
    # What was read before it was deleted is there; what came later is not.
    assert found == [number for number in range(1, JOBS + 1) if number != 900]


@pytest.mark.usefixtures("many")
async def test_who_reads_nothing_or_hangs_up_harms_nobody(server: Server, database: Database) -> None:
    pool = database._pool
    assert pool is not None
    before = len(asyncio.all_tasks())
    # More of them than there are connections. What they are sent does not fit into what lies between them and the server.
    lazy = [await ask_for_all(server) for _ in range(10)]
    quiet = 0
    async with asyncio.timeout(20):
        while quiet < 10:
            await asyncio.sleep(0.02)
            quiet = quiet + 1 if pool.get_idle_size() == pool.get_size() else 0
    answer = await server.get("/API/job/VX-3", headers=asked(TEXT))
    assert await answer.text() == "READY"
    assert len(asyncio.all_tasks()) >= before + len(lazy)
    late, *others = lazy
    for one in others:
        one.close()
    # The slow one gets all of it.
    async with asyncio.timeout(20):
        assert (await read_to_the_end(late)).count(b"<job>") == JOBS
        late.close()
        while len(asyncio.all_tasks()) > before + 1:
            await asyncio.sleep(0.02)
    assert pool.get_idle_size() == pool.get_size()


async def ask_for_all(server: Server) -> socket.socket:
    """Ask for a list over a connection that holds little, and read nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (server.host, server.port))
    head = "".join(f"{name}: {value}\r\n" for name, value in asked().items())
    await loop.sock_sendall(client, f"GET /API/job?{ALL}&metadata=true HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
    return client


async def read_to_the_end(client: socket.socket) -> bytes:
    """Return an answer in chunks as it comes."""
    read = bytearray()
    while not read.endswith(b"\r\n0\r\n\r\n"):
        read += await asyncio.get_running_loop().sock_recv(client, 65536)
    return bytes(read)


@pytest.mark.usefixtures("many")
async def test_memory_does_not_grow_with_the_list(server: Server) -> None:
    for accept in (XML, JSON):
        most = read = 0
        tracemalloc.start()
        try:
            async with server.get(f"/API/job?{ALL}&metadata=true", headers=asked(accept)) as answer:
                async for piece in answer.content.iter_chunked(65536):
                    read += len(piece)
                    most = max(most, tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        assert read > JOBS * DATA and most < read / 3


@pytest.mark.usefixtures("many")
async def test_what_cannot_be_brought_to_its_end_is_not_taken_for_whole(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insights, "_PATIENCE", 0.1)
    for accept in (XML, JSON):
        async with server.get(f"/API/job?{ALL}&metadata=true", headers=asked(accept), read_bufsize=1) as answer:
            assert answer.status == 200
            await answer.content.readany()
            await database.close()
            with pytest.raises((aiohttp.ClientPayloadError, ConnectionResetError)):
                await answer.read()
        # Before the first byte it is an answer like any other.
        async with server.get(f"/API/job?{ALL}", headers=asked(JSON)) as answer:
            assert answer.status == 503 and "Content-Length" in answer.headers
            assert json.loads(await answer.read())
        await database.open()


@pytest.mark.usefixtures("many")
async def test_others_are_answered_meanwhile(server: Server) -> None:
    async def one() -> float:
        begun = time.perf_counter()
        async with server.get("/API/job/VX-3", headers=asked()) as answer:
            assert (await answer.read()).startswith(b"<?xml")
        return time.perf_counter() - begun

    async def endless() -> None:
        while True:
            async with server.get(f"/API/job?{ALL}", headers=asked()) as answer:
                async for _ in answer.content.iter_any():
                    pass

    ratios = []
    await one()
    for _ in range(5):
        alone = statistics.median([await one() for _ in range(15)])
        lists = asyncio.create_task(endless())
        await asyncio.sleep(0.05)
        ratios.append(statistics.median([await one() for _ in range(15)]) / alone)
        lists.cancel()
        await asyncio.gather(lists, return_exceptions=True)
    assert statistics.median(ratios) < 8, ratios
