"""The small process that owns Postgres: it starts it, restarts it when it dies, stops it when its last user is gone.

Run as a script, ``python -I -S supervisor.py FOLDER POSTGRES UID GID LOCK``, by whoever took ``supervisor.lock``; LOCK is
that file, still locked. It knows nothing of vidijob, so that it starts fast and stays small. Who holds what, see
``__init__.py``; all locks are flock, which the kernel drops when their holder dies, however it dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

#: Held shared by every process that uses the server.
USERS_LOCK = "users.lock"
#: Held by the supervisor, and before it by whoever starts one.
SUPERVISOR_LOCK = "supervisor.lock"
#: Held by the postmaster and all its children, and by nobody else once they run.
SERVER_LOCK = "server.lock"
#: The folder that Postgres calls PGDATA.
CLUSTER = "cluster"
#: The TCP port, kept so that a restart can use it again; it also names the socket.
PORT = "port"
#: Why Postgres does not start; there only while that is so.
FAILURE = "failure"
#: What Postgres and the supervisor say.
LOG = "log"

LOG_LIMIT_BYTES = 8 * 1024 * 1024
#: How to end Postgres, and how long to wait each time. SIGINT is its fast shutdown, which writes a checkpoint, and on
#: which it sits for ever if it comes in the middle of a recovery; SIGQUIT leaves the work to the next start and loses
#: nothing either.
ENDINGS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 60.0))
#: The same for a server whose supervisor was killed, while its users wait for another one.
ORPHAN_ENDINGS = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 5.0))
#: How long orphaned backends may take to notice that their postmaster died.
ORPHAN_SECONDS = 1.0
#: A server that ran for this long was started well.
STEADY_SECONDS = 5.0
#: So many bad starts in a row are reported to the users.
FAILURES_REPORTED = 3
LONGEST_PAUSE_SECONDS = 2.0
HOUSEKEEPING_SECONDS = 60

Answer = TypeVar("Answer")

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
# All are blocked and taken by sigwait. The first three are only swallowed: Ctrl-C and a service manager's SIGTERM
# reach the users too, and these still need the database while they go down.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGALRM)


def cluster_argument(cluster: str) -> str:
    """Return what to give Postgres as ``-D`` when it is started inside its cluster.

    On Linux this is a link that needs no leave to pass the parent folders, which another user (see ``account.py``)
    may not have.
    """
    return "/proc/self/cwd" if _LINUX and os.geteuid() == 0 else cluster


def lock(path: str, how: int = fcntl.LOCK_EX) -> int | None:
    """Open and lock a file without waiting; return its descriptor, or None when somebody is in the way."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def is_free(path: str, how: int = fcntl.LOCK_EX) -> bool:
    """Say whether this lock could be taken now."""
    descriptor = lock(path, how)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def server_processes(cluster: str) -> list[int]:
    """List the living Postgres processes that work in this cluster: the postmaster, or what it left behind.

    A zombie has no working directory any more and so is not among them. Where there is no /proc, only the
    postmaster can be found.
    """
    if not _LINUX:
        pid = _recorded_postmaster(cluster)
        command = ["ps", "-o", "comm=", "-p", str(pid)]
        name = subprocess.run(command, capture_output=True, text=True, check=False).stdout if pid else ""
        return [pid] if os.path.basename(name.strip()) == "postgres" else []
    here = os.stat(cluster)
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                there = os.stat(f"/proc/{name}/cwd")
                program = os.path.basename(os.readlink(f"/proc/{name}/exe"))
                # "postgres (deleted)" when the wheel was upgraded meanwhile; a shell that stands here is no server.
                if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino) and program.split(" ")[0] == "postgres":
                    found.append(int(name))
    return found


def _recorded_postmaster(cluster: str) -> int:
    try:
        with open(os.path.join(cluster, "postmaster.pid")) as file:
            return int(file.readline())
    except (OSError, ValueError):
        return 0


class Supervisor:
    """Postgres on one folder, for as long as somebody uses it."""

    def __init__(self, folder: str, postgres: str, uid: int, gid: int) -> None:
        self._folder = folder
        self._cluster = os.path.join(folder, CLUSTER)
        self._postgres = postgres
        self._uid = uid
        self._gid = gid
        self._unused = threading.Event()
        self._log = os.open(self._path(LOG), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._libc = ctypes.CDLL(None)

    def run(self) -> None:
        """Keep Postgres running until nobody uses it; return when it is down."""
        os.dup2(self._log, 2)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for number in _SIGNALS:
            # A pending signal whose default is to be ignored may be thrown away even while it is blocked.
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._await_last_user, daemon=True).start()
        deaths = failures = 0
        while not self._unused.is_set():
            began = time.monotonic()
            said = os.fstat(self._log).st_size
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(FAILURE))
            try:
                status = self._run_once()
            except (OSError, subprocess.SubprocessError) as error:
                self._say(f"FATAL:  vidijob cannot run Postgres: {error}")
                status = 1
            steady = time.monotonic() - began > STEADY_SECONDS
            deaths = 1 if steady else deaths + 1
            # Ended by a signal is somebody's deed, not a server that cannot start.
            failures = failures + 1 if status > 0 and not steady else 0
            if failures >= FAILURES_REPORTED:
                self._report(said)
            # The first restart is immediate.
            self._unused.wait(min(0.05 * 2**deaths, LONGEST_PAUSE_SECONDS) if deaths > 1 else 0)

    def _run_once(self) -> int:
        """Run Postgres until it ends or is no longer used; return its exit status, negative for a signal."""
        held = self._take_cluster()
        if held is None:
            return 1
        try:
            if self._unused.is_set():
                return 0
            server = self._start(self._choose_port(), held)
        finally:
            os.close(held)
        signal.alarm(HOUSEKEEPING_SECONDS)
        while server.poll() is None and not self._unused.is_set():
            if signal.sigwait(_SIGNALS) == signal.SIGALRM:
                self._trim_log()
                signal.alarm(HOUSEKEEPING_SECONDS)
        if not self._unused.is_set():
            self._say(f"LOG:  Postgres ended by itself, exit status {server.returncode}; vidijob starts it again")
            return server.returncode
        for number, seconds in ENDINGS:
            server.send_signal(number)
            if _wait(lambda: server.poll() is not None, seconds):
                break
        if (left := self._take_cluster()) is not None:
            os.close(left)
        return 0

    def _take_cluster(self) -> int | None:
        """Lock the cluster once no process of an earlier server is alive, and remove what it left.

        A supervisor that was killed leaves a server in the middle of its shutdown, a postmaster that was killed may
        leave backends in the middle of a query: they are given time, then signals, and never company.
        """
        path = self._path(SERVER_LOCK)
        held = lock(path)
        postmaster = _recorded_postmaster(self._cluster)
        for number, seconds in ORPHAN_ENDINGS:
            if held is None and postmaster in server_processes(self._cluster):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(postmaster, number)
                held = _wait(lambda: lock(path), seconds)
        if held is None:
            held = _wait(lambda: lock(path), ORPHAN_SECONDS)
        for _ in range(10):
            if held is None:
                for pid in server_processes(self._cluster):
                    self._say(f"LOG:  vidijob kills {pid}, which outlived its postmaster")
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                held = _wait(lambda: lock(path), 0.5)
        # Who does not hold our lock was started by hand, and is not ours to end.
        if held is None or server_processes(self._cluster):
            self._say("FATAL:  another Postgres works in this folder; end it first")
            if held is not None:
                os.close(held)
            return None
        # Nobody is alive who could own these; the pid in the first may be a zombie's, or somebody else's by now.
        socket_name = f".s.PGSQL.{self._last_port()}"
        for name in ("postmaster.pid", socket_name, socket_name + ".lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._cluster, name))
        return held

    def _start(self, port: int, held: int) -> subprocess.Popen[bytes]:
        mine = os.getpid()

        def prepare() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            # After the change of user, which would clear it.
            if _LINUX and (self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT) != 0 or os.getppid() != mine):
                os._exit(1)

        drop = os.geteuid() != self._uid
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            # Inside the cluster: only its owner and root come by.
            "unix_socket_directories": ".",
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        return subprocess.Popen(
            [self._postgres, "-D", cluster_argument(self._cluster)]
            + [word for name, value in settings.items() for word in ("-c", f"{name}={value}")],
            cwd=self._cluster,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=(held,),
            preexec_fn=prepare,
            user=self._uid if drop else None,
            group=self._gid if drop else None,
            extra_groups=[] if drop else None,
            umask=0o077,
        )

    def _choose_port(self) -> int:
        """Take the last port, so that addresses people hold stay good, or another one that is free."""
        port = last = self._last_port()
        for _ in range(100):
            if port and _is_open(port):
                break
            # Below the range from which systems hand out ports, so that it is likely free at the next start too.
            port = 20_000 + int.from_bytes(os.urandom(4)) % 12_000
        if port != last:
            self._write(PORT, str(port))
        return port

    def _last_port(self) -> int:
        try:
            with open(self._path(PORT)) as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0

    def _await_last_user(self) -> None:
        users = os.open(self._path(USERS_LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(users, fcntl.LOCK_EX)
        # Held until this process ends: whoever comes now waits, and then starts a new supervisor.
        self._unused.set()
        os.kill(os.getpid(), signal.SIGUSR1)

    def _report(self, since: int) -> None:
        """Leave word of why Postgres does not start, from what it said."""
        said = os.pread(self._log, 64 * 1024, since if since <= os.fstat(self._log).st_size else 0)
        lines = [line for line in said.decode(errors="replace").splitlines() if "FATAL:" in line or "PANIC:" in line]
        reason = lines[-1].split(":  ", 1)[-1] if lines else "it ends at once"
        with contextlib.suppress(OSError):
            self._write(FAILURE, reason)

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._log, f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())} {text}\n".encode())

    def _trim_log(self) -> None:
        """Keep one older log; Postgres appends, so it goes on at the start of the emptied file."""
        if os.fstat(self._log).st_size > LOG_LIMIT_BYTES:
            with contextlib.suppress(OSError):
                shutil.copyfile(self._path(LOG), self._path(LOG + ".old"))
                os.ftruncate(self._log, 0)

    def _write(self, name: str, text: str) -> None:
        temporary = self._path(name + ".new")
        with open(temporary, "w") as file:
            file.write(text)
        os.replace(temporary, self._path(name))

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _wait(condition: Callable[[], Answer], seconds: float) -> Answer:
    """Ask every few milliseconds until the answer is true or the time is up; return the last answer."""
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.004)
    return answer


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> None:
    """Keep the server of a folder running until its last user is gone."""
    folder, postgres, uid, gid, held = sys.argv[1:]
    os.umask(0o077)
    os.chdir("/")
    # Whatever the user left open: a pipe kept here would never end for its reader.
    os.closerange(3, int(held))
    os.closerange(int(held) + 1, 65_536)
    Supervisor(folder, postgres, int(uid), int(gid)).run()


if __name__ == "__main__":
    main()
