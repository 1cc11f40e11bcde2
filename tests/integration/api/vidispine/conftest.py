"""The Vidispine face on a real database, in process; a scheduler and a worker where a test asks for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from lxml import etree
from yarl import URL

from tests.integration import serving
from tests.integration.api.vidispine import described
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from tests.integration.serving import PASSWORD, TYPES, Client, served
from vidijob import resources
from vidijob.access import ROLES
from vidijob.jobs.model import JobType
from vidijob.store.database import Database

NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
XML, JSON, TEXT = "application/xml", "application/json", "text/plain"
#: Users that the tests log in as, with their roles.
USERS = {
    "admin": list(ROLES),
    "other": list(ROLES),
    "plain": ["_job_read", "_job_write"],
    "nobody": [],
    **{role.strip("_"): [role] for role in ROLES},
}
_SCHEMA = etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd"))


class Reply(serving.Reply):
    """An answer in one of the forms of the API."""

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

    def __init__(self, client: Client) -> None:
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
    return dict(TYPES)


@pytest.fixture
async def engine(database: Database, job_types: dict[str, JobType]) -> AsyncIterator[Engine]:
    """The engine behind the API; its loops run when a test starts them."""
    async with Engine(database, job_types) as engine:
        yield engine


@pytest.fixture
async def api(engine: Engine) -> AsyncIterator[Api]:
    """A client of a server with a few users, each with one role and the like."""
    async with served(engine, USERS) as client:
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
