"""A data folder under test: the processes that use it, those that serve it, and how to end each of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from vidijob.store.embedded import EmbeddedPostgres, supervisor

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

#: What a connection whose server is killed may raise.
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
PROGRAM = Path(__file__).with_name("user.py")


class User:
    """Another process on the same folder."""

    def __init__(self, data: Path, *words: str, before: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*before, sys.executable, str(PROGRAM), *words, str(data)],
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
        """Return who is written down as the server; between one and the next it is nobody, for a moment."""
        end = time.monotonic() + 15
        while True:
            with contextlib.suppress(OSError, IndexError):
                return int((self.cluster / "postmaster.pid").read_text().split()[0])
            assert time.monotonic() < end, "nobody is written down as the server"
            time.sleep(0.005)

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
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
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


def become(uid: int) -> tuple[str, ...]:
    """Return the words that run a program as another user."""
    # The interpreter of a test run may lie where only root may read.
    leave = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    words = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *leave)
    if shutil.which("setpriv") is None or subprocess.run([*words, "true"], check=False).returncode != 0:
        pytest.skip("setpriv is missing or not allowed here")
    return words
