"""A Postgres of its own and several processes of vidijob on it; whatever runs here is started here, and is hurt or ended by
its id.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.acceptance.conftest import free_port
from tests.faults import child
from vidijob.engine.jobtypes import JobTypes
from vidijob.executors import launcher
from vidijob.store.database import Database
from vidijob.store.embedded import account, install
from vidijob.store.migrate import migrate

PASSWORD = "only for this test"
ROOT = Path(__file__).parents[2]


class Cluster:
    """A Postgres that may be crashed; the oldest on this machine, else the embedded one's programs."""

    def __init__(self, folder: Path, **options: str) -> None:
        """``options`` are settings of the server beside those that a test always has."""
        self._folder = folder
        self._options = options
        self._account = account.choose(folder / "data")
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        self._programs = found[0].parent if found else install.find(self._account).programs
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"postgresql://vidijob@127.0.0.1:{self._port}/postgres"

    @property
    def address(self) -> str:
        """What the processes of a fleet are told of where it is."""
        return self.url

    async def start(self) -> None:
        """Create it if it is new, and start it; returns when it takes connections."""
        data = self._folder / "data"
        if not data.exists():
            await self._create(data)
        options = {
            "port": self._port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 120,
            **self._options,
        }  # fmt: skip
        with (self._folder / "postgres.log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", data, *(f"-c{name}={value}" for name, value in options.items())],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._account.switch,
            )  # fmt: skip
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError, asyncpg.PostgresError):
                    await (await asyncpg.connect(self.url)).close()
                    return
                await asyncio.sleep(0.02)

    async def _create(self, data: Path) -> None:
        self._make(data)
        await self._run("initdb", "-D", data, "-U", "vidijob", "-A", "trust", "-E", "UTF8", "--no-locale")

    def _make(self, data: Path) -> None:
        """Make the folder, for the user of Postgres."""
        self._folder.mkdir(exist_ok=True)
        self._folder.chmod(0o755)
        data.mkdir(mode=0o700)
        os.chown(data, self._account.uid, self._account.gid)

    async def crash(self) -> None:
        """End it without a checkpoint, and start it again."""
        await self.stop(signal.SIGQUIT)
        await self.start()

    async def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it."""
        if self._server is not None:
            self._server.send_signal(how)
            await asyncio.to_thread(self._server.wait)
            self._server = None

    async def _run(self, program: str, *arguments: str | Path) -> None:
        def run() -> None:
            subprocess.run(
                [self._programs / program, *arguments],
                cwd="/",
                check=True,
                capture_output=True,
                **self._account.switch,
            )

        await asyncio.to_thread(run)


@dataclass
class Member:
    """One process of vidijob."""

    roles: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def api(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}/API"


@dataclass(frozen=True)
class Entry:
    """A line of the journal: an attempt was begun."""

    job: int
    step: int
    lease: int
    pid: int
    at: float


class Fleet:
    """Servers (API and scheduler) and workers."""

    #: The name that their connections have.
    application = "vidijob"

    def __init__(
        self,
        folder: Path,
        *,
        limit: int,
        lease: float,
        servers: int = 2,
        workers: int = 2,
        slots: int = 8,
        cluster: Cluster | None = None,
    ) -> None:
        """``limit`` is how many jobs run at once, ``slots`` how many steps a worker takes."""
        self.folder = folder
        self.cluster = cluster or Cluster(folder)
        self.limit = limit
        self.lease = lease
        self._slots = slots
        self._roles = ["api,scheduler"] * servers + ["worker"] * workers
        self.members: list[Member] = []
        #: Processes that ended though nobody ended them.
        self.exits: list[str] = []

    @property
    def servers(self) -> list[Member]:
        """Those that take jobs."""
        return [member for member in self.members if member.roles != "worker"]

    @property
    def workers(self) -> list[Member]:
        """Those that carry them out."""
        return [member for member in self.members if member.roles == "worker"]

    async def start(self) -> None:
        """Start all."""
        await self.cluster.start()
        await self._prepare()
        self.members = [self._launch(roles, free_port()) for roles in self._roles]

    async def _prepare(self) -> None:
        """Bring the database to where they can start."""
        url = self.cluster.url
        database = Database(lambda: url, connections=1)
        await database.open()
        await migrate(database)
        await JobTypes(database).ship()
        await JobTypes(database).ship([child.TYPE, child.REST])
        await database.close()

    def _command(self, roles: str) -> list[str]:
        return ["-m", "tests.faults.child", roles, str(self.journal), str(self.lease)]

    def _launch(self, roles: str, port: int) -> Member:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VIDIJOB_")}
        environment |= {
            "VIDIJOB_DATABASE_URL": self.cluster.address,
            "VIDIJOB_DATA_DIR": str(self.folder / "vidijob"),
            "VIDIJOB_PORT": str(port),
            "VIDIJOB_ADMIN_PASSWORD": PASSWORD,
            "VIDIJOB_CONCURRENT_JOBS": str(self.limit),
            "VIDIJOB_WORKER_SLOTS": str(self._slots),
            "VIDIJOB_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "PYTHONPATH": str(ROOT),
        }
        # Tied to this process: nothing of the fleet outlives it.
        tied = [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid())]
        command = [*tied, sys.executable, *self._command(roles)]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        return Member(roles, port, process)

    @property
    def journal(self) -> Path:
        """What was begun."""
        return self.folder / "journal"

    def begun(self) -> list[Entry]:
        """Read the journal."""
        if not self.journal.exists():
            return []
        lines = (line.split() for line in self.journal.read_text().splitlines())
        return [Entry(int(job), int(step), int(lease), int(pid), float(at)) for job, step, lease, pid, at in lines]

    def done(self) -> dict[int, float]:
        """Return when executors were done with which jobs, whether or not that was accepted."""
        path = child.ends_of(self.journal)
        if not path.exists():
            return {}
        return {int(job): float(at) for job, at in (line.split() for line in path.read_text().splitlines())}

    def kill(self, member: Member) -> None:
        """Kill a process without notice, and start another one in its place."""
        self._note_exit(member)
        if member.process.poll() is None:
            member.process.kill()
        member.process.wait()
        self.members[self.members.index(member)] = self._launch(member.roles, member.port)

    def add(self, roles: str) -> None:
        """Start one more process."""
        self.members.append(self._launch(roles, free_port()))

    async def pause(self, member: Member, seconds: float) -> None:
        """Stop a process for a while."""
        if member.process.poll() is None:
            member.process.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                if member.process.poll() is None:
                    member.process.send_signal(signal.SIGCONT)

    async def cut(self, share: float = 1.0) -> None:
        """End the connections of the fleet to the database, or a part of them."""
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self.cluster.url)
            try:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = $1 AND random() < $2::float8",
                    self.application,
                    share,
                )
            finally:
                await connection.close()

    def look(self) -> None:
        """Note who has ended by itself, and start it again."""
        for member in list(self.members):
            if member.process.poll() is not None:
                self.kill(member)

    def _note_exit(self, member: Member) -> None:
        if (code := member.process.poll()) is not None:
            self.exits.append(f"{member.roles}, exit code {code}")

    async def stop(self) -> None:
        """End all, and the Postgres."""
        for member in self.members:
            self._note_exit(member)
            if member.process.poll() is None:
                member.process.send_signal(signal.SIGCONT)
                member.process.terminate()
        for member in self.members:
            try:
                await asyncio.to_thread(member.process.wait, 20)
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()
        await self.cluster.stop()

    def tail(self) -> str:
        """The last of what the processes said."""
        with suppress(FileNotFoundError):
            return (self.folder / "log").read_text()[-3000:]
        return ""

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
