"""One process's share in the Postgres of a data folder: attach or start it, keep it alive, let go of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import asyncpg

from vidijob.errors import SetupError, Unavailable
from vidijob.store.embedded import account, cluster, install, supervisor

log = logging.getLogger(__name__)

#: How often a user looks whether its supervisor is alive.
WATCH_SECONDS = 0.25
#: How often it asks while it waits for something that takes milliseconds.
PAUSE_SECONDS = 0.005
#: After so long without a sign of life from a starting server, or of progress in a stopping one, give up.
PATIENCE_SECONDS = 60.0
#: A server on a full disk had this long to start in spite of it.
FULL_DISK_SECONDS = 2.0
# The longest path of a Unix socket, with the zero at its end: 108 on Linux, 104 elsewhere.
_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
# A wrong password means that a stranger has had our last port since.
_NOT_THERE = (
    Unavailable,
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,
)


class EmbeddedPostgres:
    """A private Postgres in ``<data_dir>/postgres``, shared with all other processes on the same folder."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = Path(os.path.abspath(data_dir)) / "postgres"
        self._users: int | None = None
        self._watcher: threading.Thread | None = None
        self._released = threading.Event()
        #: The supervisor, if it was this process that started it; it must be reaped.
        self._child: int | None = None

    async def start(self) -> None:
        """Attach to the server, or start it and if need be create it; return when it takes connections."""
        if self._users is not None:
            return
        await asyncio.to_thread(self._prepare_folder)
        try:
            await self._join()
            await self._connect()
        except BaseException:
            self._let_go()
            raise
        self._released.clear()
        # A thread and not a task: it must go on when the loop is busy, and when another loop calls stop().
        self._watcher = threading.Thread(target=self._watch, name="embedded-postgres", daemon=True)
        self._watcher.start()

    @property
    def url(self) -> str:
        """The address as of now; a server that was restarted may have another port."""
        try:
            port = int(self._path(supervisor.PORT).read_text())
            word = cluster.password(self._folder)
        except (OSError, ValueError) as error:
            raise Unavailable("The embedded Postgres", "it was not started yet") from error
        place = self._path(supervisor.CLUSTER)
        # The socket is faster, but its path may be too long for the kernel.
        if len(os.fsencode(place / f".s.PGSQL.{port}")) <= _SOCKET_PATH_BYTES:
            return f"postgresql://{cluster.NAME}:{word}@{quote(str(place), safe='')}:{port}/{cluster.NAME}"
        return f"postgresql://{cluster.NAME}:{word}@127.0.0.1:{port}/{cluster.NAME}?sslmode=disable"

    @property
    def programs(self) -> Path:
        """The folder of Postgres's own programs, such as ``pg_dump``, in the version of this server."""
        return install.find(account.choose(self._path(supervisor.CLUSTER))).programs

    async def stop(self) -> None:
        """Let go of the server; when nobody else holds it, return only after it is down."""
        if self._users is None:
            return
        self._released.set()
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.join)
        if self._let_go():
            await self._await_end()

    def _prepare_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (supervisor.USERS_LOCK, supervisor.SUPERVISOR_LOCK, supervisor.SERVER_LOCK, supervisor.LOG):
                os.close(os.open(self._path(name), os.O_RDWR | os.O_CREAT, 0o600))
            # There are network file systems without locks.
            supervisor.is_free(self._name(supervisor.SERVER_LOCK))
        except OSError as error:
            raise SetupError(
                f"The data folder {self._folder} cannot be written ({error.strerror}): "
                "make it writable for this user, or choose another one with --data-dir."
            ) from error

    async def _join(self) -> None:
        """Become a user. A supervisor that is about to end forbids it until it is gone."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (users := supervisor.lock(self._name(supervisor.USERS_LOCK), fcntl.LOCK_SH)) is None:
            if time.monotonic() > end:
                raise Unavailable("The embedded Postgres", "its last shutdown does not come to an end")
            await asyncio.sleep(PAUSE_SECONDS)
        self._users = users

    async def _connect(self) -> None:
        """Wait until the server takes connections to our database, which the first one creates."""
        began = time.monotonic()
        end = began + PATIENCE_SECONDS
        looked = 0.0
        pause = PAUSE_SECONDS
        while True:
            if time.monotonic() - looked > WATCH_SECONDS:
                await asyncio.to_thread(self._supervise)
                looked = time.monotonic()
            try:
                connection = await asyncpg.connect(self.url, timeout=PATIENCE_SECONDS)
                await connection.close()
                return
            except asyncpg.InvalidCatalogNameError:
                await self._create_database()
                continue
            except asyncpg.CannotConnectNowError as error:
                # It recovers after a crash, which takes as long as it takes; each question is a line in its log.
                end = time.monotonic() + PATIENCE_SECONDS
                pause = min(pause * 1.5, WATCH_SECONDS)
                reason = str(error)
            except _NOT_THERE as error:
                reason = str(error)
            if why := self._failure(time.monotonic() - began):
                raise SetupError(f"Postgres does not start: {why}. Mend that; {self._path(supervisor.LOG)} says more.")
            if time.monotonic() > end:
                raise Unavailable("The embedded Postgres", reason)
            await asyncio.sleep(pause)

    def _failure(self, waited_seconds: float) -> str | None:
        with contextlib.suppress(OSError):
            return self._path(supervisor.FAILURE).read_text()
        if waited_seconds > FULL_DISK_SECONDS:
            # Then there is no room for word of it either.
            disk = os.statvfs(self._folder)
            if disk.f_bavail * disk.f_frsize < 64 * 1024:
                return os.strerror(errno.ENOSPC)
        return None

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self.url, database="postgres", timeout=PATIENCE_SECONDS)
        try:
            with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f"CREATE DATABASE {cluster.NAME}")
        finally:
            await connection.close()

    def _watch(self) -> None:
        told: str | None = None
        while not self._released.wait(WATCH_SECONDS):
            try:
                self._supervise()
                why = self._failure(0)
                if why and why != told:
                    log.error("The embedded Postgres does not start again and is tried on: %s", why)
                told = why
            except Exception:
                log.exception("The embedded Postgres has no supervisor and cannot be given one; trying on.")
                self._released.wait(5)

    def _supervise(self) -> None:
        """Start a supervisor if there is none."""
        self._reap()
        held = supervisor.lock(self._name(supervisor.SUPERVISOR_LOCK))
        if held is None:
            return
        try:
            who = account.choose(self._path(supervisor.CLUSTER))
            binaries = install.find(who)
            cluster.prepare(self._folder, binaries, who)
            self._path(supervisor.FAILURE).unlink(missing_ok=True)
            self._child = _spawn(self._folder, binaries.programs / "postgres", who, held)
        finally:
            # The supervisor has it now.
            os.close(held)

    def _let_go(self) -> bool:
        """Give up the share; say whether it was the last one."""
        users, self._users = self._users, None
        if users is None:
            return False
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            # The attempt cost us the old lock. Whoever holds an exclusive one is the supervisor, on its way out.
            return not supervisor.is_free(self._name(supervisor.USERS_LOCK), fcntl.LOCK_SH)
        finally:
            os.close(users)

    async def _await_end(self) -> None:
        """Wait until the server is down, or until somebody else wants it after all."""
        end = time.monotonic() + PATIENCE_SECONDS
        users = self._name(supervisor.USERS_LOCK)
        shared = 0
        while not all(map(supervisor.is_free, map(self._name, (supervisor.SUPERVISOR_LOCK, supervisor.SERVER_LOCK)))):
            # Twice in a row, as another one that is about to go looks the same for a moment.
            is_shared = not supervisor.is_free(users) and supervisor.is_free(users, fcntl.LOCK_SH)
            shared = shared + 1 if is_shared else 0
            if shared == 2 or time.monotonic() > end:
                return
            await asyncio.sleep(PAUSE_SECONDS)
        while self._child is not None and time.monotonic() < end:
            self._reap()
            await asyncio.sleep(PAUSE_SECONDS)

    def _reap(self) -> None:
        if self._child is not None:
            try:
                ended, _ = os.waitpid(self._child, os.WNOHANG)
            except ChildProcessError:
                ended = self._child
            if ended:
                self._child = None

    def _name(self, name: str) -> str:
        return str(self._folder / name)

    def _path(self, name: str) -> Path:
        return self._folder / name


def _spawn(folder: Path, postgres: Path, who: account.Account, held: int) -> int:
    """Start a supervisor that outlives us, with the lock that makes it the only one; return its pid."""
    null = os.open(os.devnull, os.O_RDWR)
    theirs = max(held, null, 2) + 1
    command = [sys.executable, "-I", "-S", supervisor.__file__]
    try:
        # Not subprocess, whose objects complain when their process outlives them.
        return os.posix_spawn(
            sys.executable,
            [*command, str(folder), str(postgres), str(who.uid), str(who.gid), str(theirs)],
            {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, held, theirs),
                *((os.POSIX_SPAWN_DUP2, null, standard) for standard in (0, 1, 2)),
            ],
            setsid=True,
        )
    finally:
        os.close(null)
