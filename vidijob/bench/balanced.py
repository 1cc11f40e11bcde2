"""How many requests one, two, four processes behind nginx answer, and what becomes of submissions while all are restarted, one after
the other. The clients are this process.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp

from vidijob.access import ROLES
from vidijob.bench.balancing import Load, farm
from vidijob.bench.clients import Asked, ask
from vidijob.bench.figures import Figure
from vidijob.bench.http import Headers
from vidijob.engine.accounts import Accounts
from vidijob.store.database import Database

_USER = "admin"
_CLIENTS = 32
_SUBMITTERS = 8
_ORDER = "/API/job?type=THUMBNAIL&holdJob=true"


@dataclass(frozen=True, slots=True)
class Restart:
    """What became of submissions meanwhile."""

    processes: int
    answered: int
    failed: int

    @property
    def words(self) -> str:
        """Return it as a sentence."""
        return (
            f"While {self.processes} processes were restarted, one after the other, {self.answered:,} submissions were answered "
            f"well, and {self.failed} were not."
        )


async def figures(
    database: Database, numbers: Sequence[int], rounds: int, seconds: float
) -> AsyncIterator[Figure | Restart]:
    """Measure each number of processes on a database that has no users yet, beside the first, and restart those of the last."""
    first: list[float] = []
    password = secrets.token_urlsafe(16)
    await Accounts(database).add(_USER, password, list(ROLES))
    headers = {"Authorization": aiohttp.encode_basic_auth(_USER, password), "Accept": "application/xml"}
    for number in numbers:
        async with farm(database.url, number, log_level="warning") as made:
            rates = [await _rate([asked], rounds, seconds) for asked in await _questions(made.address, headers)]
            first = first or rates
            for name, this, other in zip(("GET /job/{id}", "POST /job"), rates, first, strict=True):
                yield Figure(f"{name}, {number} behind nginx", this, other, f"{numbers[0]} behind nginx", unit="/s")
            if number == numbers[-1]:
                load = Load(made.address + _ORDER, {**headers, "Accept": "application/json"})
                running = asyncio.create_task(load.run(_SUBMITTERS))
                await made.restart_all()
                load.stop()
                await running
                yield Restart(number, load.answers["200"], load.failed)


async def _questions(address: str, headers: Headers) -> list[Asked]:
    """Return what is asked: for one job, and to take another."""
    wanted = {**headers, "Accept": "application/json"}
    async with aiohttp.ClientSession() as session, session.post(address + _ORDER, headers=wanted) as answer:
        id = (await answer.json())["jobId"]
    return [Asked.of(f"{address}/API/job/{id}", headers), Asked.of(address + _ORDER, headers, "POST")]


async def _rate(asked: list[Asked], rounds: int, seconds: float) -> float:
    """Return the median of how many answers a second some clients get, the first round not counted."""
    rates = [(await ask(asked, _CLIENTS, seconds)).rate for _ in range(rounds + 1)]
    return statistics.median(rates[1:])
