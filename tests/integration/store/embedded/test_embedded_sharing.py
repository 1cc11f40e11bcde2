"""The embedded Postgres as its users see it: safe, shared, gone with the last of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.integration.pace import free
from tests.integration.store.embedded.folder import (
    Folder,
    fetch,
    needs_linux,
    until,
)
from vidijob.errors import Unavailable
from vidijob.store.embedded import EmbeddedPostgres

pytestmark = needs_linux


async def test_first_start_makes_a_safe_server_and_the_last_stop_ends_it(empty: Folder) -> None:
    server = EmbeddedPostgres(empty.path)
    with pytest.raises(Unavailable, match="not started"):
        _ = server.url
    await server.start()
    await server.start()
    first = server.url
    assert urlsplit(first).path == "/vidijob"
    assert await fetch(server, "select current_setting('fsync')") == "on"
    assert await fetch(server, "select current_setting('server_encoding')") == "UTF8"
    assert await fetch(server, "select current_setting('listen_addresses')") == "127.0.0.1"
    assert await fetch(server, "select lower('ÄÖ') || (E'b' < 'a')::text") == "äöfalse"
    assert await fetch(server, "select bool_and(auth_method = 'scram-sha-256') from pg_hba_file_rules") is True
    assert await fetch(server, "create table t as select 1 as i") is None
    assert (empty.cluster / "vidijob.password").stat().st_mode & 0o777 == 0o600
    assert (empty.postgres / "log").stat().st_mode & 0o777 == 0o600
    await server.stop()
    assert empty.all_gone()
    await server.stop()
    await server.start()
    assert server.url == first
    assert await fetch(server, "select i from t") == 1
    await server.stop()
    assert empty.all_gone()


async def test_a_password_is_asked_for(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    await server.start()
    port = int((folder.postgres / "port").read_text())
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host="127.0.0.1", port=port, user="vidijob", password="vidijob", database="vidijob")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=str(folder.cluster), port=port, user="vidijob", password="vidijob", database="vidijob"
        )
    await server.stop()


async def test_a_long_path_is_reached_by_tcp(tmp_path: Path) -> None:
    folder = Folder(tmp_path / ("long" * 30))
    try:
        server = EmbeddedPostgres(folder.path)
        await server.start()
        assert "@127.0.0.1:" in server.url
        assert await fetch(server, "select 1") == 1
        await server.stop()
        assert folder.all_gone()
    finally:
        folder.close()


async def test_processes_share_one_server_that_ends_with_the_last_of_them(empty: Folder) -> None:
    first, second = empty.user(), empty.user()
    first.started()
    second.started()
    assert len(empty.supervisors()) == 1
    assert first.ask("create table t as select 1 as i") == []
    postmaster = empty.postmaster()
    first.stop()
    assert second.ask("select i from t") == [[1]]
    third = empty.user().started()
    second.kill()
    assert third.ask("select i from t") == [[1]]
    assert empty.postmaster() == postmaster
    third.kill()
    until(empty.all_gone)


async def test_two_in_one_process_count_as_two(empty: Folder) -> None:
    first, second = EmbeddedPostgres(empty.path), EmbeddedPostgres(empty.path)
    await asyncio.gather(first.start(), second.start())
    await first.stop()
    assert await fetch(second, "select 1") == 1
    await asyncio.gather(first.start(), second.stop())
    assert await fetch(first, "select 1") == 1
    await first.stop()
    assert empty.all_gone()


async def test_coming_and_going_never_ends_without_a_server(folder: Folder) -> None:
    first, second = EmbeddedPostgres(folder.path), EmbeddedPostgres(folder.path)
    await first.start()

    async def come_and_go(server: EmbeddedPostgres, pause: float) -> None:
        for turn in range(12):
            await server.start()
            assert await fetch(server, "select 1") == 1
            await asyncio.sleep(pause * turn)
            await server.stop()

    await asyncio.gather(come_and_go(first, 0.003), come_and_go(second, 0.005))
    until(folder.all_gone)


async def test_a_user_that_comes_during_the_shutdown_gets_a_server(folder: Folder) -> None:
    for _ in range(4):
        user = folder.user().started()
        user.kill()
        server = EmbeddedPostgres(folder.path)
        await server.start()
        assert await fetch(server, "select 1") == 1
        await server.stop()
    assert folder.all_gone()


async def test_a_port_taken_by_somebody_else_is_given_up(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    await server.start()
    port = int((folder.postgres / "port").read_text())
    await server.stop()
    stranger = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    await server.start()
    assert int((folder.postgres / "port").read_text()) != port
    assert await fetch(server, "select 1") == 1
    await server.stop()
    stranger.close()
    await stranger.wait_closed()


async def test_the_loop_is_not_blocked(empty: Folder) -> None:
    server = EmbeddedPostgres(empty.path)
    async with free(0.25):
        await server.start()
    await server.stop()


async def test_a_start_that_is_cancelled_leaves_nothing(empty: Folder) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(EmbeddedPostgres(empty.path).start(), 0.1)
    until(empty.all_gone)
