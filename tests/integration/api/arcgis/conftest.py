"""The ArcGIS face on a real database, in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.engine.conftest import Engine
from tests.integration.serving import PASSWORD, TYPES, Client, served
from vidijob.access import ROLES
from vidijob.store.database import Database

USERS = {"portaladmin": list(ROLES), "reader": ["_job_read"], "nobody": []}


class Gis:
    """A client of the face, as any program is one."""

    def __init__(self, client: Client) -> None:
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
    async with Engine(database, dict(TYPES)) as engine:
        yield engine


@pytest.fixture
async def gis(engine: Engine, tmp_path: Path) -> AsyncIterator[Gis]:
    """A client who has logged in with all roles."""
    async with served(engine, USERS, storage_root=tmp_path) as client:
        gis = Gis(client)
        await gis.log_in("portaladmin")
        yield gis
