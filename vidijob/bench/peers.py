"""Other job queues on Postgres, by the interfaces that they publish, as ``Ours`` is: nothing of them is needed until one is
compared with.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from vidijob.errors import SetupError
from vidijob.store import bench
from vidijob.store.database import Database

_CONSUMERS = 2
_AT_ONCE = 500


def _part(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise SetupError(
            f"{name} is not installed; get it with: pip install 'dbos>=3.4,<4' 'pgqueuer>=1.6,<2' 'procrastinate>=3.10,<4' "
            "'psycopg[binary,pool]' (in a checkout: uv sync --group peers); chain, submit and held need no other queue."
        ) from error


class PgQueuer:
    """PgQueuer: two consumers, each of which takes a batch at once."""

    title = "PgQueuer"

    def __init__(self, database: Database, *, batch: int = 100, limit: int = 0) -> None:
        """``limit`` is how many jobs may run at once, if it is not 0."""
        self._database = database
        self._batch = batch
        self._limits = {"concurrency_limit": limit} if limit else {}
        _part("pgqueuer")

    async def make(self) -> None:
        """Make its tables."""
        async with self._queries() as queries:
            await queries.install()

    async def clear(self) -> None:
        """Take out all jobs."""
        await bench.clear_pgqueuer(self._database)

    async def put(self, number: int) -> None:
        """Submit so many jobs, many at a time."""
        async with self._queries() as queries:
            for done in range(0, number, _AT_ONCE):
                size = min(_AT_ONCE, number - done)
                await queries.enqueue(["rest"] * size, [b"x"] * size, [0] * size)

    async def drain(self, number: int) -> float:
        """Carry out so many jobs that were submitted; returns the seconds."""
        done = 0

        async def rest(job: Any) -> None:
            nonlocal done
            done += 1

        mode = _part("pgqueuer.types").QueueExecutionMode.drain

        async def consume() -> None:
            async with self._consumer(rest) as consumer:
                await consumer.run(batch_size=self._batch, mode=mode)

        begun = time.perf_counter()
        await asyncio.gather(*(consume() for _ in range(_CONSUMERS)))
        taken = time.perf_counter() - begun
        if done != number:
            raise AssertionError(f"{self.title} has done {done} of {number} jobs")
        return taken

    async def waits(self, number: int, pause: float) -> list[float]:
        """Submit jobs one after the other, so many seconds apart; returns how long each waited, in milliseconds."""
        waits: list[float] = []
        over = asyncio.Event()

        async def rest(job: Any) -> None:
            waits.append(1000 * (time.perf_counter() - float(job.payload)))
            if len(waits) == number:
                over.set()

        async with self._queries() as queries, self._consumer(rest) as consumer:
            consuming = asyncio.create_task(consumer.run(batch_size=10))
            await asyncio.sleep(1)
            for _ in range(number):
                await queries.enqueue("rest", str(time.perf_counter()).encode(), 0)
                await asyncio.sleep(pause)
            await over.wait()
            consumer.shutdown.set()
            await consuming
        return waits

    @asynccontextmanager
    async def _queries(self) -> AsyncIterator[Any]:
        connection = await bench.bare_connection(self._database)
        try:
            yield _part("pgqueuer.queries").Queries(_part("pgqueuer.db").AsyncpgDriver(connection))
        finally:
            await connection.close()

    @asynccontextmanager
    async def _consumer(self, rest: Any) -> AsyncIterator[Any]:
        connection = await bench.bare_connection(self._database)
        try:
            consumer = _part("pgqueuer").PgQueuer(_part("pgqueuer.db").AsyncpgDriver(connection))
            consumer.entrypoint("rest", **self._limits)(rest)
            yield consumer
        finally:
            await connection.close()


class Procrastinate:
    """Procrastinate: one worker, twenty jobs at once."""

    title = "Procrastinate"
    _together = 20

    def __init__(self, database: Database) -> None:
        self._database = database
        self._done = 0
        procrastinate = _part("procrastinate")
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database.url))
        self._rest = self._app.task(queue="bench", name="rest")(self._run)

    async def _run(self) -> None:
        self._done += 1

    async def make(self) -> None:
        """Make its tables."""
        async with self._app.open_async():
            await self._app.schema_manager.apply_schema_async()

    async def clear(self) -> None:
        """Take out all jobs."""
        await bench.clear_procrastinate(self._database)

    async def put(self, number: int) -> None:
        """Submit so many jobs, many at a time."""
        async with self._app.open_async():
            for done in range(0, number, _AT_ONCE):
                await self._rest.batch_defer_async(*({} for _ in range(min(_AT_ONCE, number - done))))

    async def drain(self, number: int) -> float:
        """Carry out so many jobs that were submitted; returns the seconds."""
        self._done = 0
        begun = time.perf_counter()
        async with self._app.open_async():
            await self._app.run_worker_async(
                queues=["bench"],
                concurrency=self._together,
                wait=False,
                install_signal_handlers=False,
                listen_notify=False,
            )
        taken = time.perf_counter() - begun
        if self._done != number:
            raise AssertionError(f"{self.title} has done {self._done} of {number} jobs")
        return taken


class Dbos:
    """DBOS: workflows whose steps it stores one by one, started by the program that carries them out."""

    title = "DBOS"

    def __init__(self, database: Database, steps: int) -> None:
        self._database = database
        self._steps = steps
        _part("dbos")

    async def run(self, number: int) -> float:
        """Start so many workflows and await them; returns the seconds, without those that it takes to be there."""
        # It takes the loop that it is launched in for its own, and what that has of threads away with it.
        taken, ended = await asyncio.to_thread(self._launch, number)
        if ended != list(range(number)):
            raise AssertionError(f"{self.title} has not carried out all of {number} workflows")
        return taken

    def _launch(self, number: int) -> tuple[float, list[int]]:
        dbos = _part("dbos").DBOS
        dbos(
            config={
                "name": "bench",
                "system_database_url": _host_last(self._database.url),
                "log_level": "ERROR",
                "run_admin_server": False,
            }
        )

        @dbos.step()  # type: ignore[untyped-decorator]  # it may not be installed
        async def rest(place: int) -> int:
            return place

        @dbos.workflow()  # type: ignore[untyped-decorator]
        async def chain(place: int) -> int:
            for _ in range(self._steps):
                place = await rest(place)
            return place

        async def run() -> tuple[float, list[int]]:
            begun = time.perf_counter()
            started = await asyncio.gather(*(dbos.start_workflow_async(chain, place) for place in range(number)))
            ended = await asyncio.gather(*(one.get_result() for one in started))
            return time.perf_counter() - begun, ended

        dbos.launch()
        try:
            return asyncio.run(run())
        finally:
            dbos.destroy(destroy_registry=True)


def _host_last(url: str) -> str:
    """Return the URL of a database with its host as a parameter: SQLAlchemy reads a folder of sockets nowhere else."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    place = {"host": unquote(name if colon else host).strip("[]"), **({"port": port} if port else {})}
    query = urlencode([*parse_qsl(parts.query), *place.items()])
    return urlunsplit(("postgresql", f"{login}@" if login else "", parts.path, query, ""))


@asynccontextmanager
async def quiet() -> AsyncIterator[None]:
    """Let nobody say what he is doing meanwhile, but for errors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
