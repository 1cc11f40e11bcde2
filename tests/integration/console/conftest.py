"""The console on a real database, in process, visited as a browser without scripts does it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.integration.engine.conftest import Engine, task
from vidijob import access
from vidijob.access import ROLES
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.model import JobType
from vidijob.store import users
from vidijob.store.database import Database

PASSWORD = "correct horse"
#: Users that the tests log in as, with their roles.
USERS = {
    "admin": list(ROLES),
    "operator": ["_job_read", "_job_search", "_job_write"],
    "reader": ["_job_read", "_job_search"],
    "lister": ["_job_read"],
    "nobody": [],
}
# Made once: argon2 is slow by design.
HASH = access.hash_password(PASSWORD)


@dataclass
class Shown:
    """A page, read to its end."""

    status: int
    headers: Any
    text: str

    @property
    def words(self) -> str:
        """What is read, without the markup."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    @property
    def csrf(self) -> str:
        """The token of its first form."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.text)
        assert found is not None, self.text
        return found[1]


class Browser:
    """Somebody's browser; cookies are its own."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.base = str(client.make_url("/console"))
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, path: str, follow: bool = True, **options: Any) -> Shown:
        """Load a page."""
        async with self.session.get(self.base + path, allow_redirects=follow, **options) as answer:
            return Shown(answer.status, answer.headers, await answer.text())

    async def post(self, path: str, form: Any, follow: bool = True, **options: Any) -> Shown:
        """Send a form as it is."""
        async with self.session.post(self.base + path, data=form, allow_redirects=follow, **options) as answer:
            return Shown(answer.status, answer.headers, await answer.text())

    async def send(self, path: str, form: list[tuple[str, str]], page: str = "/login", follow: bool = True) -> Shown:
        """Load a page and send a form of it."""
        csrf = (await self.get(page)).csrf
        return await self.post(path, [("csrf", csrf), *form], follow)

    async def log_in(self, name: str, password: str = PASSWORD) -> Shown:
        """Log in."""
        return await self.send("/login", [("name", name), ("password", password), ("next", "")])


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """The engine behind the console; its loops run when a test starts them."""
    engine = Engine(database, {**JOB_TYPES, "WORK": JobType("WORK", (task(100), task(200), task(5000, cleanup=True)))})
    yield engine
    await engine.stop()


@pytest.fixture
async def server(engine: Engine, database: Database) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A server with a few users."""
    for name, roles in USERS.items():
        await users.add(database, name, HASH, roles)
    await engine.write_types()
    application = build_application(database, engine.bell, Accounts(database), site="VX")
    async with TestClient(TestServer(application)) as client:
        yield client


@pytest.fixture
async def browser(server: TestClient[web.Request, web.Application]) -> AsyncIterator[Browser]:
    """A browser in which nobody has logged in."""
    browser = Browser(server)
    yield browser
    await browser.session.close()
