"""How fast the API answers over HTTP, by servers in processes of their own that are asked by turns, in rounds of some seconds.
The clients are this process.
"""

from __future__ import annotations

import base64
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from vidijob.access import ADMINISTRATOR, ROLES
from vidijob.api.vidispine.documents import KeyValue, SimpleMetadataDocument
from vidijob.bench.clients import Asked, ask
from vidijob.bench.figures import Figure
from vidijob.bench.machine import resident
from vidijob.bench.searching import second_database
from vidijob.bench.serving import Wanted, serving
from vidijob.binding import xml
from vidijob.engine.accounts import Accounts
from vidijob.engine.jobtypes import JobTypes
from vidijob.errors import SetupError
from vidijob.jobs.identity import job_name
from vidijob.store import bench
from vidijob.store.database import Database
from vidijob.store.migrate import migrate

_SITE = "VX"
_CLIENTS = 32
#: So long is each asked in a round.
_SECONDS = 2.0
_XML, _JSON = "application/xml", "application/json"
_TEXT = "text/plain"
_LIST_CLIENTS = 16
_ALL = 1_000_000
_MEGABYTE = 1_000_000
_LISTENERS = 10
#: So often is a document read in a round: once is too short to be measured.
_READ = 1000
_ORDER = xml.write(
    SimpleMetadataDocument(
        field=(
            KeyValue(key="sourceUri", value="file:///media/ingest/clip.mov"),
            KeyValue(key="destinationUri", value="file:///media/archive/clip.mov"),
            KeyValue(key="title", value="A title"),
        )
    )
)
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


async def page(database: Database, rounds: int, seconds: float) -> AsyncIterator[Figure]:
    """The newest hundred jobs, of which nothing has changed, beside the same of a server that writes each anew."""
    async with (
        _login(database) as headers,
        serving(Wanted(database.url)) as ours,
        serving(Wanted(database.url, kept=0)) as forgetful,
    ):
        for media, name in ((_XML, "XML"), (_JSON, "JSON"), (_XML, "XML, with data")):
            query = "/API/job?number=100&user=false" + ("&metadata=true" if "data" in name else "")
            asked = [[Asked.of(f"{one.address}{query}", {**headers, "Accept": media})] for one in (ours, forgetful)]
            this, other = await _by_turns([(one, _LIST_CLIENTS) for one in asked], rounds, seconds)
            yield Figure(
                f"GET /job of 100, {name}, {_LIST_CLIENTS} clients", this, other, "each job written anew", unit="/s"
            )


async def long_list(database: Database, rounds: int, seconds: float) -> AsyncIterator[Figure]:
    """All jobs in one answer: by how much the memory of the server grows meanwhile, beside the length of the answer."""
    async with _login(database) as headers:
        for media in (_XML, _JSON, _TEXT):
            async with (
                serving(Wanted(database.url)) as ours,
                aiohttp.ClientSession(
                    headers={**headers, "Accept": media}, timeout=aiohttp.ClientTimeout(None)
                ) as session,
            ):
                # What it needs for any answer it has then.
                async with session.get(f"{ours.address}/API/job?user=false&number=2000") as answer:
                    await answer.read()
                before = most = resident(ours.pid)
                length = 0
                async with session.get(f"{ours.address}/API/job?user=false&number={_ALL}") as answer:
                    async for piece in answer.content.iter_any():
                        length += len(piece)
                        most = max(most, resident(ours.pid))
                grown, whole = (most - before) / _MEGABYTE, length / _MEGABYTE
            yield Figure(f"GET /job?number={_ALL}, {media}: memory", grown, whole, "length of the answer", unit="MB")


async def commits(database: Database, rounds: int, seconds: float) -> AsyncIterator[Figure]:
    """Submissions while others are woken, and listen, and a subscriber is to be told of ends, beside the same while nobody is."""
    async with _orders(database) as (second, headers):
        rates: tuple[list[float], list[float]] = ([], [])
        async with serving(Wanted(second.url)) as ours, serving(Wanted(second.url, rings=False)) as mute:
            await _subscribe(ours.address, headers)
            for turn in range(rounds + 1):
                for server, listeners, found in ((ours, _LISTENERS, rates[0]), (mute, 0, rates[1])):
                    await bench.clear(second)
                    async with AsyncExitStack() as stack:
                        if listeners:
                            await stack.enter_async_context(serving(Wanted(second.url, listeners=listeners)))
                        heard = await ask([_post(server.address, headers)], _CLIENTS, seconds)
                    if turn:
                        found.append(heard.rate)
        this, other = map(statistics.median, rates)
        name = f"POST /job, {_CLIENTS} clients, {_LISTENERS} woken, one subscriber"
        yield Figure(name, this, other, "nobody woken, no subscriber", unit="/s")


async def checking(database: Database, rounds: int, seconds: float) -> AsyncIterator[Figure]:
    """What reading and checking the document of a request takes of a submission as a whole."""
    async with _orders(database) as (second, headers), serving(Wanted(second.url)) as ours:
        taken: tuple[list[float], list[float]] = ([], [])
        for turn in range(rounds + 1):
            begun = time.perf_counter()
            for _ in range(_READ):
                xml.read(SimpleMetadataDocument, _ORDER)
            read = 1000 * (time.perf_counter() - begun) / _READ
            heard = await ask([_post(ours.address, headers)], 1, seconds)
            if turn:
                taken[0].append(read)
                taken[1].append(1000 / heard.rate)
        this, other = map(statistics.median, taken)
        yield Figure("a request's document read and checked", this, other, "POST /job as a whole, 1 client")


@asynccontextmanager
async def _orders(database: Database) -> AsyncIterator[tuple[Database, Headers]]:
    """Make a second database that takes submissions; gives it with the headers of a user."""
    async with second_database(database) as second:
        await migrate(second)
        await JobTypes(second).ship()
        async with _login(second) as headers:
            yield second, {**headers, "Content-Type": _XML}


def _post(address: str, headers: Headers) -> Asked:
    return Asked.of(f"{address}/API/job?type=COPY_FILE", headers, "POST", _ORDER)


async def _subscribe(address: str, headers: Headers) -> None:
    action = {"http": {"url": "https://receiver.example/", "synchronous": False, "timeout": 10, "retry": 1}}
    wanted = {"action": action, "trigger": {"job": {"stop": ""}}}
    login = {"Authorization": headers["Authorization"]}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.post(f"{address}/API/job/notification", json=wanted) as answer,
    ):
        if answer.status != 200:
            raise SetupError(f"No subscriber could be made: {await answer.text()}")


async def _newest(database: Database) -> list[str]:
    ids = await bench.newest(database, _JOBS)
    if not ids:
        raise SetupError("There are no jobs to read: fill the database first (vidijob bench fill 100000).")
    return [job_name(_SITE, id) for id in ids]


@asynccontextmanager
async def _login(database: Database) -> AsyncIterator[Headers]:
    """Make a user for as long as it is needed; gives the headers of its requests."""
    accounts, name, password = Accounts(database), f"bench-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    # An administrator could not be taken out again, where there is no other.
    await accounts.add(name, password, [role for role in ROLES if role != ADMINISTRATOR])
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
FIGURES: dict[str, Callable[[Database, int, float], AsyncIterator[Figure]]] = {
    "job": one_job,
    "page": page,
    "long": long_list,
    "commits": commits,
    "checking": checking,
}
