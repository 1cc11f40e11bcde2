"""Several processes with the API behind nginx, with the configuration of the help page: how many requests they answer, and what
becomes of requests while the processes are restarted one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import aiohttp

from vidijob.errors import SetupError

#: For how many seconds a process drains; more than nginx keeps a connection that nobody uses.
DRAIN = 3.0
_START = 60.0
#: Debian's nginx is where only root has it in the path.
_PLACES = f"{os.defpath}:/usr/sbin:/usr/local/sbin"


def find_nginx() -> str | None:
    """Return the program, if it is installed."""
    return shutil.which("nginx") or shutil.which("nginx", path=_PLACES)


@dataclass
class Process:
    """A process that answers requests."""

    port: int
    child: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where it is by itself."""
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Farm:
    """Some processes on one database, and nginx in front of them."""

    folder: Path
    database_url: str
    processes: list[Process]
    port: int
    #: Settings of the processes beside those that they need.
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where nginx is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, process: Process) -> None:
        """Start one of the processes, and return when it can serve; raises ``SetupError`` when it does not."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VIDIJOB_")}
        told = {
            "VIDIJOB_DATABASE_URL": self.database_url,
            "VIDIJOB_DATA_DIR": str(self.folder),
            "VIDIJOB_PORT": str(process.port),
            "VIDIJOB_DRAIN": str(DRAIN),
            **self.settings,
        }
        with (self.folder / "log").open("ab") as log:
            process.child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vidijob", "serve", "--role", "api",
                env=kept | told, cwd=self.folder, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + _START
        async with aiohttp.ClientSession() as session:
            while process.child.returncode is None and time.monotonic() < end:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{process.address}/ready") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)
        raise SetupError(f"A process of the API did not start: {self.log()[-500:]}")

    async def end(self, process: Process) -> None:
        """End one of the processes."""
        await _end(process.child)

    async def restart_all(self) -> None:
        """Restart the processes, one after the other, each when the one before can serve."""
        for process in self.processes:
            await self.end(process)
            await self.start(process)

    def log(self) -> str:
        """What the processes said."""
        return (self.folder / "log").read_text("utf-8", "replace")


@asynccontextmanager
async def farm(database_url: str, number: int, **settings: str) -> AsyncIterator[Farm]:
    """Run so many processes behind nginx for a while; ``settings`` are theirs. Raises ``SetupError``."""
    nginx = find_nginx()
    if nginx is None:
        raise SetupError("nginx is not installed: apt-get install nginx, or the like.")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vidijob-balanced-")))
        *ports, port = _free_ports(number + 1)
        told = {f"VIDIJOB_{name.upper()}": value for name, value in settings.items()}
        made = Farm(folder, database_url, [Process(port) for port in ports], port, told)
        for process in made.processes:
            stack.push_async_callback(made.end, process)
        # The first one alone: it may have to make the first user.
        await made.start(made.processes[0])
        await asyncio.gather(*(made.start(process) for process in made.processes[1:]))
        balancer = await _balance(nginx, made)
        stack.push_async_callback(_end, balancer)
        await _listens(made)
        yield made


def configuration(addresses: list[str], port: int, folder: Path) -> str:
    """Return the help page's configuration of nginx for these processes; what it writes goes into the folder."""
    text = files("vidijob.help").joinpath("files", "nginx.conf").read_text("utf-8")
    parameters = re.findall(r"^ +server [\d.]+:\d+ (.*);$", text, re.M)[0]
    text = re.sub(r"^ +server [\d.]+:\d+ .*;\n", "", text, flags=re.M)
    servers = "\n".join(f"        server {address} {parameters};" for address in addresses)
    text = text.replace("    upstream vidijob {\n", f"    upstream vidijob {{\n{servers}\n")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"    {kind}_temp_path {folder / kind};" for kind in kinds)
    text = text.replace("http {\n", f"http {{\n    access_log off;\n{places}\n")
    return text.replace("listen 8080", f"listen 127.0.0.1:{port}")


async def _balance(nginx: str, made: Farm) -> asyncio.subprocess.Process:
    # Its workers are another user's when it is started by root.
    made.folder.chmod(0o755)
    addresses = [f"127.0.0.1:{process.port}" for process in made.processes]
    file, log = made.folder / "nginx.conf", made.folder / "nginx.log"
    file.write_text(configuration(addresses, made.port, made.folder), "utf-8")
    with log.open("ab") as said:
        return await asyncio.create_subprocess_exec(
            nginx, "-p", str(made.folder), "-c", str(file), "-e", str(log), "-g", f"daemon off; pid {made.folder / 'pid'};",
            stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip


async def _listens(made: Farm) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", made.port)
            writer.close()
            return
        await asyncio.sleep(0.02)
    raise SetupError(f"nginx did not start: {(made.folder / 'nginx.log').read_text()[-500:]}")


async def _end(child: asyncio.subprocess.Process | None) -> None:
    if child is None or child.returncode is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(child.wait(), 30)
    except TimeoutError:
        child.kill()
        await child.wait()


def _free_ports(number: int) -> list[int]:
    """Return ports that nobody listens on; held until all are chosen, so that none comes twice."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@dataclass
class Load:
    """Submissions, one after the other by each of some clients, and what they were answered."""

    url: str
    headers: Mapping[str, str]
    answers: Counter[str] = field(default_factory=Counter)
    #: The jobs that were acknowledged.
    jobs: list[str] = field(default_factory=list)
    _over: bool = False

    @property
    def failed(self) -> int:
        """How many were not answered well."""
        return sum(self.answers.values()) - self.answers["200"]

    async def run(self, clients: int) -> None:
        """Submit until it is stopped."""
        self._over = False
        # A client that keeps no connection is the harder test: each of its requests is on a new one.
        connector = aiohttp.TCPConnector(limit=clients, force_close=True)
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(self._one(session) for _ in range(clients)))

    def stop(self) -> None:
        """Let each client finish what it has asked, and ask no more."""
        self._over = True

    async def _one(self, session: aiohttp.ClientSession) -> None:
        while not self._over:
            try:
                async with session.post(self.url, headers=self.headers) as answer:
                    body = await answer.read()
                    self.answers[str(answer.status)] += 1
                    if answer.status == 200:
                        self.jobs.append(json.loads(body)["jobId"])
            except (aiohttp.ClientError, TimeoutError) as error:
                self.answers[type(error).__name__] += 1
