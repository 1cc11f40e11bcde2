"""What the cells of the chaos matrix are measured on: processes that take jobs of half a second each, and a way to submit one.
``Ours`` is vidijob; other job queues are in ``peers``.
"""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import asyncpg

from tests.faults import checker
from tests.faults.fleet import PASSWORD, Fleet
from vidijob.jobs.states import ENDED

if TYPE_CHECKING:
    from asyncpg import Connection, Record

#: Steps that one worker takes at once: each alone can do what is offered.
SLOTS = 24
_LIMIT = 64


class NotTaken(Exception):
    """The submission was not acknowledged."""


class System(Fleet):
    """Two workers, and what else it needs."""

    title: str
    #: What locks one of the jobs that wait, if nobody else has.
    head: str
    #: What is heard by its processes.
    channels: tuple[str, ...]
    #: A query that takes long.
    reading: str

    def __init__(self, folder: Path, lease: float) -> None:
        super().__init__(folder, limit=_LIMIT, lease=lease, slots=SLOTS)

    async def until_ready(self) -> None:
        """Wait until jobs can be submitted."""

    @abstractmethod
    async def submit(self) -> int:
        """Submit a job; raises ``NotTaken`` when it was not acknowledged."""

    @abstractmethod
    async def ended(self) -> dict[int, float]:
        """Return when which jobs ended."""

    async def breaches(self, acknowledged: Collection[int]) -> list[str]:
        """Say which promises were broken, as far as that can be read from outside."""
        return []

    async def close(self) -> None:
        """Close what ``submit`` has opened."""


class Ours(System):
    """Two servers and two workers of vidijob."""

    title = "vidijob"
    head = "SELECT FROM job_queue ORDER BY priority DESC, job_id LIMIT 1 FOR UPDATE SKIP LOCKED"
    channels = ("vidijob_job", "vidijob_step", "vidijob_stop")
    reading = "SELECT count(*) FROM job j JOIN step s ON s.job_id = j.id JOIN happened e ON e.job_id = j.id"

    def __init__(self, folder: Path, lease: float) -> None:
        super().__init__(folder, lease)
        self._session: aiohttp.ClientSession | None = None
        self._turn = 0

    async def until_ready(self) -> None:
        """Wait until both servers are."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2))
        async with asyncio.timeout(60):
            for member in self.servers:
                while True:
                    with suppress(aiohttp.ClientError):
                        async with self._session.get(member.api.replace("/API", "/ready")) as answer:
                            if answer.status == 200:
                                break
                    await asyncio.sleep(0.1)

    async def submit(self) -> int:
        """Submit it by HTTP, to one server after the other."""
        assert self._session is not None
        self._turn += 1
        member = self.servers[self._turn % len(self.servers)]
        headers = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD), "Accept": "application/json"}
        try:
            async with self._session.post(f"{member.api}/job?type=REST", headers=headers) as answer:
                if answer.status != 200:
                    raise NotTaken(str(answer.status))
                return int((await answer.json())["jobId"].removeprefix("VX-"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotTaken(repr(error)) from error

    async def ended(self) -> dict[int, float]:
        """Return when jobs were FINISHED; one that ended otherwise has not ended well and is left out."""
        connection = await asyncpg.connect(self.cluster.url)
        try:
            rows = await connection.fetch(
                "SELECT id, extract(epoch FROM finished)::float8 AS at FROM job WHERE state = 'FINISHED'"
            )
            return {row["id"]: row["at"] for row in rows}
        finally:
            await connection.close()

    async def breaches(self, acknowledged: Collection[int]) -> list[str]:
        """Let the checker read the log."""
        connection: Connection[Record] = await asyncpg.connect(self.cluster.url)
        try:
            for kind in ("json", "jsonb"):
                await connection.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
            log = await checker.read(connection)
        finally:
            await connection.close()
        over = all(job.state in {state.value for state in ENDED} for job in log.jobs)
        journal = [checker.Begun(one.job, one.step, one.lease) for one in self.begun()]
        return checker.breaches(log, limit=self.limit, acknowledged=acknowledged, journal=journal, over=over)

    async def close(self) -> None:
        """Close the connections to the servers."""
        if self._session is not None:
            await self._session.close()


class Peer(System):
    """Another job queue: two workers, with its own defaults."""

    application = "peer"

    def __init__(self, folder: Path, lease: float) -> None:
        super().__init__(folder, lease)
        self._roles = ["worker"] * 2
        self._connection: Connection[Record] | None = None
        self._number = 0
        self._lock = asyncio.Lock()

    def _command(self, roles: str) -> list[str]:
        return ["-m", "tests.faults.peers", self.title, self.cluster.url, str(self.journal)]

    async def submit(self) -> int:
        """Put it into the queue."""
        async with self._lock:
            self._number += 1
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(self.cluster.url, timeout=5)
                await self._put(self._connection, self._number)
            except Exception as error:  # whatever the peer's own client raises
                await self.close()
                raise NotTaken(repr(error)) from error
            return self._number

    @abstractmethod
    async def _put(self, connection: Connection[Record], number: int) -> None:
        """Submit a job of a number."""

    async def ended(self) -> dict[int, float]:
        """Return when its workers were done."""
        return self.done()

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await self._connection.close(timeout=2)
            self._connection = None
