"""A server that the commands reach by its URL, in this process; the commands run in a thread beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from click.testing import CliRunner

from tests.acceptance.conftest import free_port
from tests.integration.engine.conftest import Engine
from tests.integration.serving import ADMINISTRATOR, PASSWORD, TYPES, add_users
from vidijob.application import build_application
from vidijob.cli import commands
from vidijob.engine.accounts import Accounts
from vidijob.store.database import Database


@dataclass
class Ended:
    """What became of a command."""

    code: int
    out: str
    err: str


@dataclass
class Place:
    """A server, and the commands that are sent to it."""

    engine: Engine
    port: int = field(default_factory=free_port)
    runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """What a shell would have set."""
        return {"VIDIJOB_URL": self.url, "VIDIJOB_USER": "admin", "VIDIJOB_PASSWORD": PASSWORD, "COLUMNS": "200"}

    async def open(self) -> None:
        """Begin to answer."""
        accounts = Accounts(self.engine.database)
        self.runner = web.AppRunner(build_application(self.engine.database, self.engine.bell, accounts, site="VX"))
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        """Answer no more."""
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def __call__(self, *arguments: str, set: Mapping[str, str | None] | None = None, input: str = "") -> Ended:
        """Run a command, with variables of the shell besides."""
        variables = {**self.variables, **(set or {})}
        ended = await asyncio.to_thread(CliRunner().invoke, commands, list(arguments), env=variables, input=input)
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Ended(ended.exit_code, ended.stdout, ended.stderr)


@pytest.fixture
async def vidijob(database: Database) -> AsyncIterator[Place]:
    """A server with an administrator and a user who may only read; its loops run when a test starts them."""
    async with Engine(database, dict(TYPES)) as engine:
        await add_users(database, {**ADMINISTRATOR, "reader": ["_job_read"]})
        await engine.write_types()
        place = Place(engine)
        await place.open()
        yield place
        with suppress(asyncio.CancelledError):
            await place.close()
