"""Two servers on one database, each with its own connections and its own bell, as two processes have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.integration.api.vidispine.conftest import Api
from tests.integration.serving import PASSWORD
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.engine.bell import Bell
from vidijob.observability import metrics
from vidijob.store.database import Database


@dataclass
class Other:
    """A server beside the one that ``Api`` is a client of."""

    server: TestServer
    session: aiohttp.ClientSession
    database: Database

    @property
    def application(self) -> web.Application:
        """What it serves."""
        return self.server.app

    def get(
        self, path: str, *, user: str = "admin", headers: dict[str, str] | None = None
    ) -> aiohttp.client._RequestContextManager:
        """Ask it for something."""
        login = {"Authorization": aiohttp.encode_basic_auth(user, PASSWORD)}
        return self.session.get(self.server.make_url(path), headers=login | (headers or {}))


@asynccontextmanager
async def beside(api: Api, url: str) -> AsyncIterator[Other]:
    """Start a server on the same database as that of a client."""
    database = Database(lambda: url, connections=4)
    await database.open()
    bell = Bell(database)
    bell.start()
    server = TestServer(build_application(database, bell, Accounts(database), site="VX"))
    # As many connections as there are requests.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await server.start_server()
        try:
            yield Other(server, session, database)
        finally:
            await server.close()
            await bell.stop()
            await database.close()


def statements_by_name() -> Counter[str]:
    """Return how many statements the servers of this process have sent to the database: each of a transaction as well."""
    found: Counter[str] = Counter()
    for family in metrics.STATEMENTS._made.collect():
        for sample in family.samples:
            found[sample.labels["statement"]] += int(sample.value)
    return found


def statements() -> int:
    """Return how many they are in all."""
    return statements_by_name().total()
