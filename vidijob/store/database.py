"""The pool, transactions and notifications. It knows no table."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson

from vidijob.errors import SetupError, TookTooLong, Unavailable
from vidijob.observability import metrics
from vidijob.store.hosts import Hosts
from vidijob.store.queries import Query, query
from vidijob.store.translation import translated
from vidijob.store.watching import Watched

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import PoolConnectionProxy

    PooledConnection = PoolConnectionProxy[Record]

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

#: How statements are planned, whatever the server is set to otherwise. All of ours follow an index in its order; with the
#: default, which is that of a disk that turns, the planner would rather read five times as much and sort it.
PLANNING = {"jit": "off", "random_page_cost": "1.1"}
#: A statement may take this long, in seconds, before it is given up.
COMMAND_TIMEOUT = 30.0
#: A migration may take this long.
_SCRIPT_TIMEOUT = 24 * 3600.0
#: So many seconds after the database should have given a statement up itself, it is taken for dead.
_SILENCE = 3.0
#: What a process has locked that is stopped in the middle of a transaction is free again after this time.
_LONGEST_PAUSE = "5s"
#: Who reads from a snapshot has locked nothing, and may have to wait for whoever it reads to.
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = '30s'"
#: A connection that does not let itself be given back within so many seconds is cut.
_RELEASE_TIMEOUT = 2.0


class Session:
    """One connection, borrowed; runs queries. ``longest`` is after how many seconds the database gives one up, ``slow``
    after how many it is worth a line in the log.
    """

    def __init__(self, connection: PooledConnection, longest: float | None = None, slow: float | None = None) -> None:
        self._connection = connection
        self._longest = longest
        self._slow = slow

    async def rows(self, name: str, *arguments: object) -> list[Record]:
        """Run a query and return its rows."""
        return await self.run(query(name), *arguments)

    async def row(self, name: str, *arguments: object) -> Record | None:
        """Run a query and return its first row, if any."""
        rows = await self.run(query(name), *arguments)
        return rows[0] if rows else None

    async def value(self, name: str, *arguments: object) -> Any:
        """Run a query and return the first column of its first row, or ``None``."""
        row = await self.row(name, *arguments)
        return row[0] if row is not None else None

    async def script(self, sql: str) -> None:
        """Run the statements of a migration."""
        with translated():
            await self._connection.execute(sql, timeout=_SCRIPT_TIMEOUT)

    async def run(self, query: Query, *arguments: object) -> list[Record]:
        """Run a query that was put together, and return its rows; raises ``TookTooLong`` where the pool is strict."""
        try:
            with Watched(query.name, self._slow), translated():
                return await self._connection.fetch(query.sql, *arguments)
        except Unavailable as error:
            if self._longest is not None and isinstance(error.__cause__, asyncpg.QueryCanceledError):
                raise TookTooLong(self._longest) from error
            raise


class Database:
    """A pool of connections to one database.

    ``url`` is asked anew for each connection, since an embedded Postgres may come back at another port; where it names several
    servers, every connection is to their primary. ``patience`` is how
    many seconds one waits for a free connection, ``longest`` how many a statement may take. Where that is ``strict`` the
    database itself gives it up then, and it raises ``TookTooLong``. One that takes ``slow`` seconds is logged. The ``name`` is
    that of the pool, in metrics.
    """

    def __init__(
        self,
        url: Callable[[], str] | Hosts,
        *,
        connections: int = 10,
        application: str = "vidijob",
        patience: float = 5.0,
        longest: float = COMMAND_TIMEOUT,
        strict: bool = False,
        slow: float | None = None,
        name: str = "engine",
    ) -> None:
        self._hosts = url if isinstance(url, Hosts) else Hosts(url)
        self._strict = strict
        self._patience = patience
        self._longest = longest
        self._connections = connections
        self._application = application
        self._slow = slow
        self._name = name
        self._pool: asyncpg.Pool[Record] | None = None

    def sibling(self, *, connections: int, longest: float, name: str = "other") -> Database:
        """Return another pool on the same database, not opened yet, and strict."""
        return Database(
            self._hosts, connections=connections, application=self._application, longest=longest, strict=True,
            slow=self._slow, name=name,
        )  # fmt: skip

    def neighbour(self, name: str) -> Database:
        """Return a pool on another database of the same server, not opened yet."""

        def url() -> str:
            return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

        return Database(
            url, connections=self._connections, application=self._application, longest=self._longest, slow=self._slow
        )

    @property
    def url(self) -> str:
        """Where it can be reached now, for another program."""
        return self._hosts.url

    async def open(self) -> None:
        """Open the pool; raises ``Unavailable`` when the database does not answer, ``SetupError`` when it never will."""
        try:
            await self._open()
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            raise SetupError(f"The database refuses: {error}. Correct --database-url.") from error
        except (ValueError, asyncpg.ClientConfigurationError) as error:
            raise SetupError(
                f"--database-url cannot be read ({error}); it looks like postgresql://user:password@host/name."
            ) from error

    async def _open(self) -> None:
        with translated():
            self._pool = await asyncpg.create_pool(
                connect=self._connect,
                # Nothing is left on a connection that would have to be reset: that would be a round trip for each use.
                reset=_leave_as_it_is,
                min_size=1,
                max_size=self._connections,
                command_timeout=self._timeout,
            )

    async def close(self) -> None:
        """Close every connection; those in use are given a moment."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), 5)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()

    @property
    def _timeout(self) -> float:
        return self._longest + _SILENCE if self._strict else self._longest

    async def _connect(self, *_: object, **options: Any) -> asyncpg.Connection[Record]:
        settings = {
            "application_name": self._application,
            "idle_in_transaction_session_timeout": _LONGEST_PAUSE,
            "timezone": "UTC",
            **PLANNING,
        }
        if self._strict:
            settings["statement_timeout"] = f"{self._longest * 1000:.0f}"
        else:
            # What the engine asks, it asks again and again, of few rows by their keys: planning would be most of the work.
            settings |= {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
        known = {key: value for key, value in options.items() if key in ("loop", "connection_class", "record_class")}

        async def connect(address: str) -> asyncpg.Connection[Record]:
            return await asyncpg.connect(
                address, timeout=10, server_settings=settings, command_timeout=self._timeout, **known
            )

        connection = await self._hosts.connect(connect)
        try:
            await connection.set_type_codec(
                "jsonb",
                schema="pg_catalog",
                format="binary",
                encoder=lambda value: b"\x01" + orjson.dumps(value),
                decoder=lambda value: orjson.loads(value[1:]),
            )
        except BaseException:
            connection.terminate()
            raise
        return connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Borrow a connection."""
        pool = self._pool
        if pool is None:
            raise Unavailable("The database", "the connection pool is closed")
        began = time.monotonic()
        with translated():
            connection = await pool.acquire(timeout=self._patience)
        metrics.CONNECTION_SECONDS.add(self._name, seconds=time.monotonic() - began)
        metrics.CONNECTIONS.add(self._name)
        try:
            yield Session(connection, self._longest if self._strict else None, self._slow)
        finally:
            metrics.CONNECTIONS.add(self._name, by=-1)
            with translated():
                # Gone already, when its backend was ended meanwhile.
                with suppress(asyncpg.InterfaceError):
                    if not connection.is_closed() and connection.is_in_transaction():
                        connection.terminate()
                await pool.release(connection, timeout=_RELEASE_TIMEOUT)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Borrow a connection and a transaction; committed at the end, rolled back on an error."""
        async with self.session() as session:
            with translated():
                transaction = session._connection.transaction()
                await transaction.start()
            try:
                yield session
            except BaseException:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                    await transaction.rollback()
                raise
            with translated():
                await transaction.commit()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """Borrow a connection whose reads all see the same moment; between two of them it may take its time."""
        async with self.session() as session:
            with translated():
                await session._connection.execute(_SNAPSHOT)
            try:
                yield session
            finally:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                    await session._connection.execute("ROLLBACK")

    async def rows(self, name: str, *arguments: object) -> list[Record]:
        """Run one query on a connection of its own and return its rows."""
        async with self.session() as session:
            return await session.rows(name, *arguments)

    async def row(self, name: str, *arguments: object) -> Record | None:
        """Run one query and return its first row, if any."""
        async with self.session() as session:
            return await session.row(name, *arguments)

    async def value(self, name: str, *arguments: object) -> Any:
        """Run one query and return the first column of its first row, or ``None``."""
        async with self.session() as session:
            return await session.value(name, *arguments)

    async def listen(
        self,
        channels: Sequence[str],
        hear: Callable[[str], None],
        proven: Callable[[], None] = lambda: None,
        *,
        own: str | None = None,
    ) -> None:
        """Call ``hear`` with the channel of each notification, for as long as it is not cancelled.

        What says ``own`` this process has sent itself: it shows that the connection is alive, and is not heard.

        ``proven`` is called whenever the connection has shown that it is alive: it is asked, unless something was heard.

        The connection is its own. When it is lost or does not answer, another is made, and every channel is heard
        once, since something may have been missed.
        """
        delay = 0.1
        quiet = True

        def told(_connection: object, _pid: int, channel: str, payload: object) -> None:
            nonlocal quiet
            quiet = False
            if payload != own:
                hear(channel)

        while True:
            connection = None
            try:
                with translated():
                    connection = await self._connect()
                    for channel in channels:
                        await connection.add_listener(channel, told)
                    delay = 0.1
                    proven()
                    for channel in channels:
                        hear(channel)
                    while True:
                        quiet = True
                        await asyncio.sleep(5)
                        if quiet or connection.is_closed():
                            await connection.fetchval(query("worker.alive").sql, timeout=5)
                        proven()
            except (Unavailable, asyncpg.PostgresError) as error:
                _log.warning("listening again in a moment: %s", error)
                await asyncio.sleep(delay * random.uniform(0.5, 1.5))
                delay = min(delay * 2, 5)
            finally:
                if connection is not None:
                    connection.terminate()


async def _leave_as_it_is(_: asyncpg.Connection[Record]) -> None:
    pass


async def until_available(attempt: Callable[[], Awaitable[Answer]], *, seconds: float) -> Answer:
    """Try until the database answers, at most so long; then the last ``Unavailable`` passes."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    delay = 0.05
    while True:
        try:
            return await attempt()
        except Unavailable:
            if loop.time() + delay > end:
                raise
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, 2)
