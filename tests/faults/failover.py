"""A primary that is killed and a standby that takes its place, under load: real streaming replication, and commits that wait for
the standby. Afterwards the primary that was given up comes back, believing to be one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import asyncpg

from tests.faults.chaos import Storm
from tests.faults.fleet import PASSWORD, Cluster, Fleet, Member

_STANDBY = "two"


class Standby(Cluster):
    """A server that follows another one."""

    def __init__(self, folder: Path, primary: Cluster) -> None:
        super().__init__(
            folder,
            primary_conninfo=f"host=127.0.0.1 port={primary._port} user=vidijob application_name={_STANDBY}",
            hot_standby_feedback="on",
        )
        self._primary = primary

    async def _create(self, data: Path) -> None:
        self._make(data)
        await self._run("pg_basebackup", "-D", data, "-d", self._primary.url, "-X", "stream", "--checkpoint=fast")
        (data / "standby.signal").touch()
        os.chown(data / "standby.signal", self._account.uid, self._account.gid)


class Pair(Cluster):
    """A primary, and a standby that each commit waits for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "one")
        self.standby = Standby(folder / "two", self)
        self._promoted = False

    @property
    def url(self) -> str:
        """Where the primary is."""
        return self.standby.url if self._promoted else super().url

    @property
    def address(self) -> str:
        """Both, the first primary before the other."""
        return f"postgresql://vidijob@127.0.0.1:{self._port},127.0.0.1:{self.standby._port}/postgres"

    async def start(self) -> None:
        """Start both; from then on commits wait."""
        self._folder.parent.chmod(0o755)
        await super().start()
        await self.standby.start()
        await self._do(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'")
        await self._do("SELECT pg_reload_conf()")
        async with asyncio.timeout(20):
            while await self._do("SELECT sync_state FROM pg_stat_replication") != "sync":
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """Kill the primary, every process of it, without notice."""
        assert self._server is not None
        for process in [self._server.pid, *_children(self._server.pid)]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._server.wait()
        self._server = None

    async def promote(self) -> None:
        """Let the standby take the place of the primary; returns when it takes writes."""
        self._promoted = True
        # It has no standby of its own to wait for; that is what an operator tells it before.
        await self._do("ALTER SYSTEM RESET synchronous_standby_names")
        await self._do("SELECT pg_reload_conf()")
        assert await self._do("SELECT pg_promote(true, 20)")

    async def come_back(self) -> None:
        """Start the primary that was given up, as it was left, but that it no longer waits for anybody."""
        self._options["synchronous_standby_names"] = ""
        self._promoted = False
        await super().start()
        self._promoted = True

    async def jobs_of_the_old(self) -> set[int]:
        """Return the jobs that the primary has which was given up."""
        connection = await asyncpg.connect(super().url)
        try:
            return {row["id"] for row in await connection.fetch("SELECT id FROM job")}
        finally:
            await connection.close()

    async def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End both."""
        await super().stop(how)
        await self.standby.stop(how)

    async def _do(self, statement: str) -> object:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Failover(Storm):
    """Jobs are submitted all the time; in the middle of it the primary is killed."""

    def __init__(self, folder: Path, *, jobs: int, seconds: float, lease: float) -> None:
        self.pair = Pair(folder / "postgres")
        (folder / "postgres").mkdir()
        folder.chmod(0o755)
        fleet = Fleet(folder, limit=32, lease=lease, cluster=self.pair)
        super().__init__(folder, jobs=jobs, faults=1, seed=1, seconds=seconds, lease=lease, fleet=fleet)
        #: How long after the promotion each server has taken a job.
        self.served_after: list[float] = []
        #: Jobs that a server took when the old primary was there again as well.
        self.taken_later: list[int] = []
        #: Those of them that the old primary has.
        self.taken_by_the_old: list[int] = []

    async def _hurt(self) -> None:
        await asyncio.sleep(self._seconds / 2)
        start = time.time()
        self.report.faults["the primary is killed"] += 1
        self.pair.kill()
        await asyncio.sleep(0.5)
        await self.pair.promote()
        promoted = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            for member in self._fleet.servers:
                await self._take(session, member)
                self.served_after.append(time.monotonic() - promoted)
            await self.pair.come_back()
            # Every connection is made anew, with both there, and a process is that knows nothing of before.
            await self._fleet.cut()
            self._fleet.kill(self._fleet.servers[0])
            for member in self._fleet.servers:
                self.taken_later.append(await self._take(session, member))
            self.taken_by_the_old = [job for job in self.taken_later if job in await self.pair.jobs_of_the_old()]
        self._times.append((start, time.time() + self._fleet.lease))

    async def _take(self, session: aiohttp.ClientSession, member: Member) -> int:
        """Have a server take a job; returns its number."""
        headers = {"Authorization": aiohttp.encode_basic_auth("admin", PASSWORD), "Accept": "application/json"}
        async with asyncio.timeout(30):
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.post(f"{member.api}/job?type=FAULT", headers=headers) as answer:
                        if answer.status == 200:
                            job = int(json.loads(await answer.read())["jobId"].removeprefix("VX-"))
                            self._acknowledged.add(job)
                            return job
                await asyncio.sleep(0.05)
