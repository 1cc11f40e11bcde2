"""A server as a process, and Debian's Chromium, both once for all tests of a file; each test has windows of its own, in which
nothing may go wrong unnoticed.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request

from tests.acceptance.browsing import browsing
from tests.acceptance.conftest import PASSWORD, Installation, make_clip
from tests.conftest import _administer, database_url
from vidijob import access
from vidijob.store import users
from vidijob.store.database import Database

USERS = {"operator": ["_job_read", "_job_search", "_job_write"], "reader": ["_job_read", "_job_search"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """A browser; where there is none, what needs one is left out."""
    async with browsing() as browser:
        yield browser


class Farm:
    """A server with some jobs."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.address = f"http://127.0.0.1:{installation.port}"
        #: The cookies of who has logged in once.
        self.logins: dict[str, Any] = {}

    @property
    def storage(self) -> Path:
        """Where its files are."""
        return self.installation.storage

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Use the API as the administrator."""
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"{self.address}/API{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Basic " + b64encode(f"admin:{PASSWORD}".encode()).decode(),
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    async def submit(self, type: str, *, priority: str = "MEDIUM", hold: bool = False, **data: str) -> str:
        """Submit a job and return its id."""
        fields = [{"key": key, "value": value} for key, value in data.items()]
        path = f"/job?type={type}&priority={priority}&holdJob={'true' if hold else 'false'}"
        return str((await self.call("POST", path, {"field": fields}))["jobId"])

    async def until(self, id: str, *states: str) -> Any:
        """Wait until a job is in one of some states."""
        end = time.monotonic() + 40
        while (job := await self.call("GET", f"/job/{id}"))["status"] not in states:
            assert time.monotonic() < end, job
            await asyncio.sleep(0.05)
        return job


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def farm(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> AsyncIterator[Farm]:
    """A server with a user of each kind, and clips."""
    name = f"vidijob_console_{os.getpid()}"
    await _administer(postgres, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = database_url(postgres, name)
    await _people(url)
    installation = Installation(tmp_path_factory.mktemp("farm"), url)
    installation.storage.mkdir()
    installation.run("serve", concurrent_jobs=2, problem_interval=1)
    farm = Farm(installation)
    await asyncio.to_thread(make_clip, farm.storage / "short.mov", 1, "160x90")
    await asyncio.to_thread(make_clip, farm.storage / "long.mov", 60, "640x360")
    await asyncio.to_thread(_until_ready, farm)
    yield farm
    installation.end()
    await _administer(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _people(url: str) -> None:
    database = Database(lambda: url, connections=1)
    await database.open()
    hashed = access.hash_password(PASSWORD)
    for name, roles in {"admin": list(access.ROLES), **USERS}.items():
        await users.add(database, name, hashed, roles)
    await database.close()


def _until_ready(farm: Farm) -> None:
    end = time.monotonic() + 40
    while True:
        try:
            with urllib.request.urlopen(f"{farm.address}/ready", timeout=5):
                return
        except OSError:
            assert time.monotonic() < end, farm.installation.log()
            time.sleep(0.05)


Open = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="module")
async def window(chromium: Browser, farm: Farm) -> AsyncIterator[Open]:
    """Open a window, logged in as somebody; at the end nothing has gone wrong in any, and no other host was asked."""
    wrong: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        # That a page answers with 403 or 404 is what some tests are about; the server's own faults are not.
        if message.type in ("error", "warning") and "status of 40" not in message.text:
            wrong.append(f"{message.type}: {message.text}")

    def watch(request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(farm.address).netloc:
            wrong.append(f"asked {request.url}")

    async def open(user: str | None = "admin", path: str = "/jobs", **options: Any) -> Page:
        context = await chromium.new_context(
            base_url=farm.address,
            viewport=options.pop("viewport", {"width": 1360, "height": 860}),
            reduced_motion="reduce",
            storage_state=farm.logins.get(user) if user is not None else None,
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.on("console", note)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("request", watch)
        page = await context.new_page()
        if user is not None and user not in farm.logins:
            await page.goto("/console/login")
            await page.fill("[name=name]", user)
            await page.fill("[name=password]", PASSWORD)
            await page.click("text=Log in")
            await page.wait_for_url(lambda url: "/login" not in url)
            farm.logins[user] = await context.storage_state()
        await page.goto(f"/console{path}")
        return page

    yield open
    for context in contexts:
        await context.close()
    assert wrong == []
