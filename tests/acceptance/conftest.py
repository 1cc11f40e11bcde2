"""``vidijob`` as processes, real ffmpeg, HTTP from outside. Whatever a test starts is ended after it, by its id."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from vidijob.executors.media import ffmpeg

PASSWORD = "only for this test"
LEASE = 10.0
ENDED = ("FINISHED", "FINISHED_WARNING", "FAILED_TOTAL", "ABORTED")


def free_port() -> int:
    """Return a port that nobody listens on, and that the system gives to no connection meanwhile."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children, and of theirs, from the kernel."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *children_of(int(child))]
    return found


def ffmpegs(pid: int) -> list[int]:
    """Return the ids of the ffmpeg processes below a process."""
    found = []
    for child in children_of(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"-progress" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def is_running(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(what: Any, seconds: float) -> None:
    """Wait until a function answers something true."""
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.02)


@dataclass
class Installation:
    """A folder, a database, and any number of vidijob processes on them."""

    folder: Path
    #: ``None``: the embedded Postgres in the folder.
    database_url: str | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    #: What the interpreter is to run.
    program: Sequence[str] = ("-m", "vidijob")

    @property
    def storage(self) -> Path:
        """The storage root."""
        return self.folder / "storage"

    def run(self, *arguments: str, **settings: object) -> subprocess.Popen[bytes]:
        """Start a vidijob process."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VIDIJOB_")}
        environment |= {
            "VIDIJOB_DATA_DIR": str(self.folder),
            "VIDIJOB_PORT": str(self.port),
            "VIDIJOB_ADMIN_PASSWORD": PASSWORD,
            **({"VIDIJOB_DATABASE_URL": self.database_url} if self.database_url is not None else {}),
            **{f"VIDIJOB_{name.upper()}": str(value) for name, value in settings.items()},
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *self.program, *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def log(self) -> str:
        """What the processes said."""
        return (self.folder / "log").read_text()

    def end(self) -> None:
        """End every process that is left, in order; those that do not want to, by force."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def installation(tmp_path: Path, url: str) -> Iterator[Installation]:
    """An installation on a database of this test's own."""
    made = Installation(tmp_path, url)
    made.storage.mkdir()
    yield made
    made.end()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Installation]:
    """An installation with an embedded Postgres."""
    made = Installation(tmp_path)
    made.storage.mkdir()
    yield made
    made.end()


class Client:
    """A program that uses the API of an installation."""

    def __init__(self, session: aiohttp.ClientSession, installation: Installation) -> None:
        self._session = session
        self._installation = installation
        self._login = aiohttp.encode_basic_auth("admin", PASSWORD)

    @property
    def api(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self._installation.port}/API"

    async def ready(self, seconds: float = 40) -> None:
        """Wait until the server can serve."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(aiohttp.ClientError):
                async with self._session.get(self.api.replace("/API", "/ready")) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} s:\n{self._installation.log()}")

    async def call(self, method: str, path: str, accept: str = "application/json", **options: Any) -> tuple[int, bytes]:
        """Send a request; returns status and body."""
        headers = {"Authorization": self._login, "Accept": accept, **options.pop("headers", {})}
        async with self._session.request(method, self.api + path, headers=headers, **options) as answer:
            return answer.status, await answer.read()

    async def document(self, path: str) -> Any:
        """Read a document as JSON."""
        status, body = await self.call("GET", path)
        assert status == 200, body
        return json.loads(body)

    async def submit(self, type: str, priority: str = "MEDIUM", **data: str | list[str]) -> str:
        """Submit a job and return its id."""
        pairs = [(key, one) for key, value in data.items() for one in ([value] if isinstance(value, str) else value)]
        status, body = await self.call(
            "POST",
            f"/job?type={type}&priority={priority}",
            json={"field": [{"key": key, "value": value} for key, value in pairs]},
        )
        assert status == 200, body
        return str(json.loads(body)["jobId"])

    async def job(self, id: str) -> Any:
        """Read a job with its data."""
        return await self.document(f"/job/{id}?metadata=true")

    async def until(self, id: str, *states: str, seconds: float = 60) -> Any:
        """Wait until a job is in one of the states (has ended, by default); returns it."""
        end = time.monotonic() + seconds
        while True:
            job = await self.job(id)
            if job["status"] in (states or ENDED):
                return job
            if time.monotonic() > end:
                raise AssertionError(f"{id} is still {job}\n{self._installation.log()[-4000:]}")
            await asyncio.sleep(0.05)

    async def until_transcoding(self, id: str) -> Any:
        """Wait until a transcode tells progress that is neither nothing nor all."""
        async with asyncio.timeout(60):
            while True:
                job = await self.job(id)
                assert job["status"] not in ENDED, job
                told = [task["progress"]["value"] for task in job["log"]["task"] if "progress" in task]
                if told and 0 < told[-1] < 100:
                    return job
                await asyncio.sleep(0.05)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(session: aiohttp.ClientSession, installation: Installation) -> Client:
    """A client of the installation."""
    return Client(session, installation)


def make_clip(path: Path, seconds: float, size: str = "640x360") -> Path:
    """Make a clip of picture and tone."""
    subprocess.run(
        [
            *(str(ffmpeg.find()), "-nostdin", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"),
            *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"),
            *("-c:v", "mpeg4", "-q:v", "5", "-c:a", "pcm_s16le", str(path)),
        ],
        check=True,
        timeout=120,
    )
    return path


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of picture and tone."""
    return make_clip(tmp_path_factory.mktemp("clips") / "short.mov", 2, "320x180")


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes this machine many seconds to transcode."""
    return make_clip(tmp_path_factory.mktemp("clips") / "long.mov", 90, "1280x720")
