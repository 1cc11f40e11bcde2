"""The console on a real database, in process, visited as a browser without scripts does it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import aiohttp
import pytest

from tests.integration.engine.conftest import Engine
from tests.integration.serving import PASSWORD, TYPES, Client, served
from vidijob.access import ROLES
from vidijob.store.database import Database

#: Users that the tests log in as, with their roles.
USERS = {
    "admin": list(ROLES),
    "operator": ["_job_read", "_job_search", "_job_write"],
    "reader": ["_job_read", "_job_search"],
    "lister": ["_job_read"],
    "nobody": [],
}


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

    def __init__(self, client: Client) -> None:
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
    async with Engine(database, dict(TYPES)) as engine:
        yield engine


@pytest.fixture
async def server(engine: Engine) -> AsyncIterator[Client]:
    """A server with a few users."""
    async with served(engine, USERS) as client:
        yield client


@pytest.fixture
async def browser(server: Client) -> AsyncIterator[Browser]:
    """A browser in which nobody has logged in."""
    browser = Browser(server)
    yield browser
    await browser.session.close()
