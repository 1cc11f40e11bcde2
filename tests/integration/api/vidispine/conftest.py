"""The Vidispine face on a real database, in process; a scheduler and a worker where a test asks for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from lxml import etree
from yarl import URL

from tests.integration.api.vidispine import described
from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from vidijob import access, resources
from vidijob.access import ROLES
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.model import JobType
from vidijob.store import users
from vidijob.store.database import Database

NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
XML, JSON, TEXT = "application/xml", "application/json", "text/plain"
PASSWORD = "correct horse"
#: Users that the tests log in as, with their roles.
USERS = {
    "admin": list(ROLES),
    "other": list(ROLES),
    "plain": ["_job_read", "_job_write"],
    "nobody": [],
    **{role.strip("_"): [role] for role in ROLES},
}
# Made once: argon2 is slow by design.
_HASH = access.hash_password(PASSWORD)
_SCHEMA = etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd"))


@dataclass
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON; the type of the answer must say so."""
        assert self.headers["Content-Type"].split(";")[0] == JSON
        return json.loads(self.body)

    @property
    def xml(self) -> etree._Element:
        """The body as XML that our own schema accepts; the type of the answer must say so."""
        assert self.headers["Content-Type"] == XML
        tree = etree.fromstring(self.body)
        _SCHEMA.assertValid(tree)
        return tree

    def find(self, path: str) -> list[str]:
        """Return the texts of elements: ``job/jobId``."""
        steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
        return [element.text or "" for element in self.xml.iterfind(steps)]


class Api:
    """A client of the API, as any program is one."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self._client = client

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        accept: str | None = XML,
        body: bytes | str | BytesIO | None = None,
        type: str | None = None,
        user: str | None = "admin",
        password: str = PASSWORD,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send a request to the path, exactly as written."""
        sent = dict(headers or {})
        if accept is not None:
            sent["Accept"] = accept
        if type is not None:
            sent["Content-Type"] = type
        if user is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(user, password)
        url = URL(str(self._client.make_url("/")) + path.lstrip("/"), encoded=True)
        skip = ["Accept", "Content-Type", "User-Agent"]
        async with self._client.session.request(method, url, data=body, headers=sent, skip_auto_headers=skip) as answer:
            reply = Reply(answer.status, answer.headers, await answer.read())
        described.check(method, path, reply.status, reply.headers, reply.body)
        return reply

    async def create(self, query: str = "type=WORK", **options: Any) -> str:
        """Submit a job and return its id."""
        reply = await self("POST", f"/API/job?{query}", **options)
        assert reply.status == 200, reply.text
        return reply.find("jobId")[0]


@pytest.fixture
def job_types() -> dict[str, JobType]:
    """The shipped types, and WORK, whose steps do what a test says."""
    return {**JOB_TYPES, "WORK": JobType("WORK", (task(100), task(200), task(5000, cleanup=True)))}


@pytest.fixture
async def engine(database: Database, job_types: dict[str, JobType]) -> AsyncIterator[Engine]:
    """The engine behind the API; its loops run when a test starts them."""
    engine = Engine(database, job_types)
    yield engine
    await engine.stop()


@pytest.fixture
async def api(engine: Engine, database: Database) -> AsyncIterator[Api]:
    """A client of a server with a few users, each with one role and the like."""
    for name, roles in USERS.items():
        await users.add(database, name, _HASH, roles)
    await engine.write_types()
    accounts = Accounts(database)
    application = build_application(database, engine.bell, accounts, site="VX")
    async with TestClient(TestServer(application)) as client:
        yield Api(client)


Finish = Callable[[str], Awaitable[None]]


@pytest.fixture
async def finish(engine: Engine) -> Finish:
    """Run jobs to their end."""
    started = False

    async def run(id: str) -> None:
        nonlocal started
        if not started:
            engine.worker(ScriptedExecutor())
            engine.scheduler()
            started = True
        await engine.until(id)

    return run
