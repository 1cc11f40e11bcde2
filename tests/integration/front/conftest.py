"""Two sites with a database each, a front of them, and one server that has the jobs of both in one database."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from tests.conftest import copied
from tests.integration.api.vidispine.conftest import USERS, Reply
from tests.integration.serving import PASSWORD, add_users
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.engine.bell import Bell
from vidijob.front.application import application
from vidijob.front.sites import Site, Sites
from vidijob.jobs.model import Priority
from vidijob.jobs.states import ENDED, JobState
from vidijob.store import bench
from vidijob.store.database import Database

NAMES = ("VX", "VY")
_JOB = ("id", "type", "state", "verdict", "priority", "owner", "started", "finished", "data", "total_steps")
_COUNT = ("type", "new_state", "owner", "priority", "jobs")
_BEGUN = datetime(2026, 5, 4, 10, tzinfo=UTC)

Row = tuple[Any, ...]


class Caller:
    """A client of one address."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self.address = address

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        accept: str | None = "application/xml",
        user: str | None = "admin",
        body: bytes | BytesIO | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send a request to the path, exactly as written."""
        sent = dict(headers or {})
        if accept is not None:
            sent["Accept"] = accept
        if user is not None and "Authorization" not in sent:
            sent["Authorization"] = aiohttp.encode_basic_auth(user, PASSWORD)
        url = URL(self.address + path, encoded=True)
        skip = ["Accept", "Content-Type", "User-Agent"]
        async with self._session.request(method, url, data=body, headers=sent, skip_auto_headers=skip) as answer:
            return Reply(answer.status, answer.headers, await answer.read())


@dataclass
class World:
    """What a test has before it."""

    front: Caller
    #: The one server with all jobs.
    one: Caller
    #: By name.
    sites: dict[str, Caller]
    databases: dict[str, Database]
    known: Sites


async def _serve(stack: AsyncExitStack, made: web.Application) -> str:
    server = TestServer(made)
    await server.start_server()
    stack.push_async_callback(server.close)
    return str(server.make_url("")).rstrip("/")


async def _server(stack: AsyncExitStack, url: str, site: str) -> tuple[str, Database]:
    database = Database(lambda: url, connections=6)
    await database.open()
    stack.push_async_callback(database.close)
    await add_users(database, USERS)
    bell = Bell(database)
    stack.push_async_callback(bell.stop)
    return await _serve(stack, build_application(database, bell, Accounts(database), site=site)), database


@pytest.fixture
async def world(postgres: str, template: str) -> AsyncIterator[World]:
    """Three servers and the front of two of them, without jobs."""
    async with opened(postgres, template) as world:
        yield world


@asynccontextmanager
async def opened(postgres: str, template: str) -> AsyncIterator[World]:
    """Start such a world, for as long as it is needed."""
    async with AsyncExitStack() as stack:
        addresses, databases = {}, {}
        for name in (*NAMES, "one"):
            url = await stack.enter_async_context(copied(postgres, template))
            site = "VX" if name == "one" else name
            addresses[name], databases[name] = await _server(stack, url, site)
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        known = Sites([Site(name, addresses[name], patience=5, connect=1, look_again=0.05) for name in NAMES])
        front = await _serve(stack, application(known, tolerant=False, patience=5))
        yield World(
            Caller(session, front),
            Caller(session, addresses["one"]),
            {name: Caller(session, addresses[name]) for name in NAMES},
            databases,
            known,
        )


def as_one(reply: Reply) -> bytes:
    """Return an answer as the one server would give it."""
    return re.sub(rb"\bVY-(?=\d)", b"VX-", reply.body)


def jobs(chance: random.Random, number: int) -> Iterator[tuple[str, Row]]:
    """Yield so many jobs, each with its site: begun in the order of their ids, several at once, ended in any."""
    types = ("TRANSCODE", "THUMBNAIL", "EXPORT", "COPY_FILE", "ACME_a", "ACME_B", "Été")
    owners = ("admin", "other", "Zoe", "émile", "plain")
    for id in range(1, number + 1):
        state = chance.choice(list(JobState))
        ended = state in ENDED
        started = _BEGUN + timedelta(milliseconds=250 * (id // 4))
        # In some stretches one site has all.
        site = "VY" if 300 < id < 420 else chance.choices(NAMES, (3, 1))[0]
        yield (
            site,
            (
                id,
                chance.choice(types),
                state.value,
                state.value if ended else None,
                chance.choice(list(Priority)).value,
                chance.choice(owners),
                started,
                started + timedelta(seconds=chance.randrange(60)) if ended else None,
                {"itemId": [f"item-{id % 7}"], "note": [f"<{id}> & 'é'\r\n\u2028"], "tag": ["low", "high"][: id % 3]},
                3,
            ),
        )


async def fill(world: World, number: int) -> None:
    """Fill the sites with jobs, and the one server with the same."""
    made = list(jobs(random.Random(number), number))
    for name, database in world.databases.items():
        rows = [row for site, row in made if name in ("one", site)]
        await put(database, rows)


async def put(database: Database, rows: Sequence[Row]) -> None:
    """Put jobs into a database, and count them."""
    kinds = Counter((row[1], row[2], row[5], row[4]) for row in rows)
    async with database.transaction() as session:
        await bench.copy(session, "job", _JOB, rows)
        await bench.copy(session, "job_count_change", _COUNT, [(*kind, jobs) for kind, jobs in kinds.items()])
        # That a job is STARTED is known by its steps.
        await session.script(
            "INSERT INTO lease (job_id, step, number, worker, expires_at) SELECT id, 100, id, gen_random_uuid(), 'infinity'"
            " FROM job WHERE state = 'STARTED' ON CONFLICT DO NOTHING"
        )
