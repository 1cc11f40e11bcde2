"""The ArcGIS face on a real database, in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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
USERS = {"portaladmin": list(ROLES), "reader": ["_job_read"], "nobody": []}
# Made once: argon2 is slow by design.
_HASH = access.hash_password(PASSWORD)


class Gis:
    """A client of the face, as any program is one."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client
        self.token = ""

    async def __call__(
        self, method: str, path: str, *, token: bool = True, headers: dict[str, str] | None = None, **given: Any
    ) -> Any:
        """Send a request, f=json unless said otherwise; every answer has the status 200."""
        sent = {"f": "json", **({"token": self.token} if token else {}), **given}
        options: dict[str, Any] = {"params": sent} if method == "GET" else {"data": sent}
        async with self.client.request(method, f"/arcgis{path}", headers=headers, **options) as answer:
            assert answer.status == 200, await answer.text()
            return json.loads(await answer.text())

    async def log_in(self, user: str) -> None:
        """Have a token of a user."""
        given: dict[str, Any] = {"username": user, "password": PASSWORD, "client": "requestip", "expiration": "60"}
        self.token = (await self("POST", "/tokens/generateToken", token=False, **given))["token"]


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """The engine behind the face; its loops run when a test starts them."""
    engine = Engine(database, {**JOB_TYPES, "WORK": JobType("WORK", (task(100), task(200), task(5000, cleanup=True)))})
    yield engine
    await engine.stop()


@pytest.fixture
async def gis(engine: Engine, database: Database, tmp_path: Path) -> AsyncIterator[Gis]:
    """A client who has logged in with all roles."""
    for name, roles in USERS.items():
        await users.add(database, name, _HASH, roles)
    await engine.write_types()
    application = build_application(database, engine.bell, Accounts(database), site="VX", storage_root=tmp_path)
    async with TestClient(TestServer(application)) as client:
        gis = Gis(client)
        await gis.log_in("portaladmin")
        yield gis
