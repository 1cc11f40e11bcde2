"""Real processes, really killed: nothing that was committed is lost, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import asyncpg
import pytest

from tests.integration.store.embedded.folder import (
    LOST,
    Folder,
    command,
    eventually,
    fetch,
    kill,
    needs_linux,
    until,
)
from vidijob.store.embedded import EmbeddedPostgres

pytestmark = needs_linux


@pytest.mark.parametrize("victims", ["supervisor", "postmaster", "backend", "all servers", "supervisor and postmaster"])
async def test_whatever_is_killed_comes_back_with_all_that_was_committed(folder: Folder, victims: str) -> None:
    server = EmbeddedPostgres(folder.path)
    await server.start()
    await fetch(server, "create table t (i int)")
    stop = asyncio.Event()
    kept: list[int] = []

    async def write() -> None:
        while not stop.is_set():
            with contextlib.suppress(*LOST):
                connection = await asyncpg.connect(server.url, timeout=10)
                try:
                    while not stop.is_set():
                        await connection.execute("insert into t values ($1)", len(kept))
                        kept.append(len(kept))
                finally:
                    await connection.close(timeout=1)
            await asyncio.sleep(0.01)

    writer = asyncio.create_task(write())
    try:
        for _ in range(2):
            await asyncio.sleep(0.1)
            postmaster, supervisors = folder.postmaster(), folder.supervisors()
            for pid in {
                "supervisor": supervisors,
                "postmaster": [postmaster],
                "backend": [pid for pid in folder.servers() if "vidijob" in " ".join(command(pid))][:1],
                "all servers": supervisors + folder.servers(),
                "supervisor and postmaster": [*supervisors, postmaster],
            }[victims]:
                kill(pid)
            before = len(kept)
            await eventually(server, "select 1")
            until_written = time.monotonic() + 20
            while len(kept) <= before:
                assert time.monotonic() < until_written
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await writer
    found = await eventually(server, "select array_agg(distinct i order by i) from t")
    assert found == kept
    await server.stop()
    assert folder.all_gone()


async def test_all_killed_at_once_and_started_again(folder: Folder) -> None:
    user = folder.user().started()
    assert user.ask("create table t as select 7 as i") == []
    for pid in [user.process.pid, *folder.supervisors(), *folder.servers()]:
        kill(pid)
    user.kill()
    until(folder.all_gone)
    assert (folder.cluster / "postmaster.pid").exists()
    assert folder.user().started().ask("select i from t") == [[7]]


async def test_a_killed_supervisor_and_user_leave_nothing(folder: Folder) -> None:
    user = folder.user().started()
    for pid in [user.process.pid, *folder.supervisors()]:
        kill(pid)
    until(folder.all_gone)


async def test_a_zombie_in_the_pid_file_is_not_taken_for_a_server(folder: Folder) -> None:
    user = folder.user("--no-reaper")
    pid = int(user.read())
    user.started()
    assert user.ask("create table t as select 7 as i") == []
    postmaster = folder.postmaster()
    for victim in [pid, *folder.supervisors(), *folder.servers()]:
        kill(victim)
    until(lambda: Path(f"/proc/{postmaster}/stat").read_text().split()[2] == "Z")
    assert folder.postmaster() == postmaster
    server = EmbeddedPostgres(folder.path)
    await server.start()
    assert await fetch(server, "select i from t") == 7
    await server.stop()
    assert Path(f"/proc/{postmaster}/stat").read_text().split()[2] == "Z"


async def test_a_pid_file_that_names_a_living_stranger_does_not_matter(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    await server.start()
    for pid in folder.supervisors() + folder.servers():
        kill(pid)
    file = folder.cluster / "postmaster.pid"
    until(file.exists)
    text = file.read_text().split("\n", 1)[1] if file.read_text() else ""
    file.write_text(f"{os.getpid()}\n{text}")
    assert await eventually(server, "select 1") == 1
    await server.stop()


async def test_a_backend_that_outlives_its_postmaster_is_ended_before_the_next_start(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    await server.start()
    connection = await asyncpg.connect(server.url)
    backend = connection.get_server_pid()
    # Busy without ever waiting for anything, so that it does not notice.
    busy = asyncio.create_task(connection.execute("select count(*) from generate_series(1, 1000000000) a"))
    other = await asyncio.wait_for(asyncpg.connect(server.url), 10)
    async with asyncio.timeout(10):
        while not await other.fetchval(
            "SELECT state = 'active' AND wait_event IS NULL FROM pg_stat_activity WHERE pid = $1", backend
        ):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    postmaster = folder.postmaster()
    # It is told of its supervisor's death, and must not get to ask its backends to end before it is killed itself.
    os.kill(postmaster, signal.SIGSTOP)
    for pid in [*folder.supervisors(), postmaster]:
        kill(pid)
    # Nothing is awaited until it was seen: this process starts Postgres anew as soon as it can.
    until(lambda: postmaster not in folder.servers())
    assert backend in folder.servers()
    assert await eventually(server, "select 1") == 1
    assert backend not in folder.servers()
    with pytest.raises(LOST):
        await busy
    await connection.close()
    other.terminate()
    await server.stop()


async def test_the_query_of_a_killed_client_ends(folder: Folder) -> None:
    keeper = folder.user().started()
    user = folder.user().started()
    user.send("select count(*) from generate_series(1, 1000000000) a")
    asking = "select count(*) from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()"
    until(lambda: keeper.ask(asking) == [[1]])
    user.kill()
    until(lambda: keeper.ask(asking) == [[0]])


async def test_a_kill_in_the_middle_of_initdb_leaves_no_half_cluster(empty: Folder) -> None:
    for _ in range(2):
        user = empty.user()
        until(lambda: any(empty.postgres.glob("cluster.new-*/PG_VERSION")))
        user.kill()
        for pid in empty.servers():
            kill(pid)
        until(empty.all_gone)
        assert not empty.cluster.exists()
    assert empty.user().started().ask("select 1") == [[1]]
    assert not list(empty.postgres.glob("cluster.new-*"))
