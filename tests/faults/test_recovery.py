"""Back to a moment in time, as the help page says it: a copy of the data, and all of the log since."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from tests.faults.fleet import Cluster
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState
from vidijob.store import jobs
from vidijob.store.database import Database
from vidijob.store.jobs import NewJob
from vidijob.store.migrate import migrate, require_current


class Archived(Cluster):
    """A server that keeps its log."""

    def __init__(self, folder: Path, log: Path) -> None:
        command = f"test ! -f {log}/%f && cp %p {log}/%f.part && mv {log}/%f.part {log}/%f"
        super().__init__(folder, archive_mode="on", archive_command=command)

    async def copy(self, place: Path) -> None:
        """Copy the data while it runs."""
        self._make(place)
        await self._run("pg_basebackup", "-D", place, "-d", self.url, "-X", "none", "--checkpoint=fast")


class Restored(Cluster):
    """A server as it was at a moment."""

    def __init__(self, folder: Path, base: Path, log: Path, moment: str) -> None:
        super().__init__(
            folder,
            restore_command=f"cp {log}/%f %p",
            recovery_target_time=moment,
            recovery_target_action="promote",
        )
        self._base = base

    async def _create(self, data: Path) -> None:
        self._make(data)
        shutil.copytree(self._base, data, dirs_exist_ok=True)
        (data / "recovery.signal").touch()
        for place in data.rglob("*"):
            os.chown(place, self._account.uid, self._account.gid)


async def _submit(url: str, type: str) -> None:
    database = Database(lambda: url, connections=1)
    await database.open()
    await jobs.submit(database, [NewJob(type, JobState.HOLD, Priority.MEDIUM, "admin", {}, ())])
    await database.close()


async def _ask(url: str, statement: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_back_to_a_moment_between_two_jobs() -> None:
    # Not in a folder of pytest's: the user of Postgres must be able to go there.
    with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
        place = Path(folder)
        place.chmod(0o777)
        log, base = place / "log", place / "copy" / "base"
        for one in (log, base.parent):
            one.mkdir()
            one.chmod(0o777)
        server = Archived(place / "server", log)
        await server.start()
        try:
            database = Database(lambda: server.url, connections=1)
            await database.open()
            await migrate(database)
            await database.close()
            await _submit(server.url, "BEFORE_THE_COPY")
            await server.copy(base)
            await _submit(server.url, "AFTER_THE_COPY")
            ((moment,),) = await _ask(server.url, "SELECT clock_timestamp()::text")
            await asyncio.sleep(0.1)
            await _submit(server.url, "TOO_LATE")
            ((segment,),) = await _ask(server.url, "SELECT pg_walfile_name(pg_switch_wal())")
            async with asyncio.timeout(20):
                while not (log / segment).exists():
                    await asyncio.sleep(0.05)
        finally:
            await server.stop()
        restored = Restored(place / "restored", base, log, moment)
        try:
            await restored.start()
            async with asyncio.timeout(20):
                while (await _ask(restored.url, "SELECT pg_is_in_recovery()"))[0][0]:
                    await asyncio.sleep(0.05)
            found = [row[0] for row in await _ask(restored.url, "SELECT type FROM job ORDER BY id")]
            assert found == ["BEFORE_THE_COPY", "AFTER_THE_COPY"]
            # It is a database that takes jobs again.
            database = Database(lambda: restored.url, connections=1)
            await database.open()
            await require_current(database)
            await database.close()
            await _submit(restored.url, "ANEW")
            assert len(await _ask(restored.url, "SELECT FROM job")) == 3
        finally:
            await restored.stop()
