"""How fast the API answers over HTTP, by servers in processes of their own that are asked by turns, in rounds of some seconds.
The clients are this process.
"""

from __future__ import annotations

import base64
import secrets
import statistics
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp

from vidijob.access import ROLES
from vidijob.bench.clients import Asked, ask
from vidijob.bench.figures import Figure
from vidijob.bench.serving import Wanted, serving
from vidijob.engine.accounts import Accounts
from vidijob.errors import SetupError
from vidijob.jobs.identity import job_name
from vidijob.store import bench
from vidijob.store.database import Database

_SITE = "VX"
_CLIENTS = 32
#: So long is each asked in a round.
_SECONDS = 2.0
_XML = "application/xml"
#: Jobs that are asked for in turn, and those of which what they are is kept.
_JOBS = 1000

Headers = Mapping[str, str]


async def one_job(database: Database, rounds: int, seconds: float) -> AsyncIterator[Figure]:
    """One job by its id, with a login, beside an answer of the same size that is always the same, of a bare server."""
    ids = await _newest(database)
    async with _login(database) as headers, serving(Wanted(database.url)) as ours:
        paths = [f"{ours.address}/API/job/{id}" for id in ids]
        body = await _got(paths[0], headers)
        async with serving(Wanted(None, static=base64.b64encode(body).decode())) as bare:
            static = [Asked.of(f"{bare.address}/static", headers)]
            for clients in (_CLIENTS, 1):
                this, other = await _by_turns(
                    [([Asked.of(path, headers) for path in paths], clients), (static, clients)], rounds, seconds
                )
                name = f"GET /job/{{id}}, {clients} client{'s' if clients > 1 else ''}"
                yield Figure(name, this, other, f"a static answer of {len(body)} bytes", unit="/s")


async def _newest(database: Database) -> list[str]:
    ids = await bench.newest(database, _JOBS)
    if not ids:
        raise SetupError("There are no jobs to read: fill the database first (vidijob bench fill 100000).")
    return [job_name(_SITE, id) for id in ids]


@asynccontextmanager
async def _login(database: Database) -> AsyncIterator[Headers]:
    """Make a user for as long as it is needed; gives the headers of its requests."""
    accounts, name, password = Accounts(database), f"bench-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    await accounts.add(name, password, list(ROLES))
    try:
        yield {"Authorization": aiohttp.encode_basic_auth(name, password), "Accept": _XML}
    finally:
        await accounts.delete(name)


async def _got(url: str, headers: Headers) -> bytes:
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        body = await answer.read()
        if answer.status != 200:
            raise SetupError(f"{url} was answered with {answer.status}: {body[:500].decode('utf-8', 'replace')}")
        return body


async def _by_turns(variants: Sequence[tuple[Sequence[Asked], int]], rounds: int, seconds: float) -> list[float]:
    """Ask servers by turns, each with so many clients, once without counting; returns the medians of answers in a second."""
    rates: list[list[float]] = [[] for _ in variants]
    for turn in range(rounds + 1):
        for (asked, clients), found in zip(variants, rates, strict=True):
            heard = await ask(asked, clients, seconds)
            if turn:
                found.append(heard.rate)
    return [statistics.median(found) for found in rates]


#: All figures, by the names that they are asked for.
FIGURES: dict[str, Callable[[Database, int, float], AsyncIterator[Figure]]] = {"job": one_job}
