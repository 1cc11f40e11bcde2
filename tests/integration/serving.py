"""A server of all faces on the engine of a test, in process, with users who all have the same password, and what they are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

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

Client = TestClient[web.Request, web.Application]

PASSWORD = "correct horse"
# Made once: argon2 is slow by design.
_HASH = access.hash_password(PASSWORD)
#: The shipped types, and WORK, whose steps do what a test says.
TYPES: Mapping[str, JobType] = {
    **JOB_TYPES,
    "WORK": JobType("WORK", (task(100), task(200), task(5000, cleanup=True))),
}
#: Somebody who may do everything.
ADMINISTRATOR: Mapping[str, Sequence[str]] = {"admin": list(ROLES)}


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


async def add_users(database: Database, roles: Mapping[str, Sequence[str]]) -> None:
    """Make users, by their names with their roles."""
    for name, of_one in roles.items():
        await users.add(database, name, _HASH, list(of_one))


@asynccontextmanager
async def served(
    engine: Engine, roles: Mapping[str, Sequence[str]] | None = None, **options: Any
) -> AsyncIterator[Client]:
    """Serve, with some more users; ``options`` are those of ``build_application``."""
    await add_users(engine.database, roles or {})
    await engine.write_types()
    accounts = Accounts(engine.database)
    application = build_application(engine.database, engine.bell, accounts, **{"site": "VX", **options})
    async with TestClient(TestServer(application)) as client:
        yield client
