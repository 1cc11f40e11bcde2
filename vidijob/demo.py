"""``vidijob demo``: a clip is made, a server started, a job submitted and followed over HTTP as any client would, and the
result shown. It knows the API's addresses and nothing of how the server works inside.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

from vidijob.errors import SetupError, Unavailable
from vidijob.executors import process
from vidijob.executors.media import ffmpeg, probing

_CLIP_SECONDS = 12
_NAMESPACE = "http://xml.vidispine.com/schema/vidispine"
_START_SECONDS = 60.0
_JOB_SECONDS = 300.0
_ENDED = ("FINISHED", "FINISHED_WARNING", "FAILED_TOTAL", "ABORTED")


async def run(folder: Path, *, keep: bool) -> None:
    """Run the demo in a folder, which stays; ``keep`` leaves the server running. Raises ``SetupError`` when it fails."""
    out = Console()
    storage = folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    out.rule("[bold]1[/] a clip of picture and tone")
    clip = storage / "clip.mov"
    await _make_clip(clip)
    source = await probing.probe(clip)
    out.print(f"{clip}: {source.duration or 0:.2f} s, {clip.stat().st_size / 1e6:.1f} MB")
    out.rule("[bold]2[/] a server, with a Postgres of its own")
    async with _server(folder, keep=keep, out=out) as api:
        target = storage / f"clip-{int(time.time())}.mp4"
        out.rule("[bold]3[/] a TRANSCODE job, as a client submits it")
        body = _order(clip, target)
        request = f"POST {api.url}/job?type=TRANSCODE\nContent-Type: application/xml\n\n{body}"
        out.print(Syntax(request, "xml", word_wrap=True))
        job = await api.submit(body)
        ended = await _follow(api, job, out)
        out.rule("[bold]4[/] the job, as XML")
        out.print(
            Syntax(_indented(await api.get(f"/job/{job}?metadata=true", "application/xml")), "xml", word_wrap=True)
        )
        if ended != "FINISHED":
            raise SetupError(f"The demo's job {job} ended {ended}; its errorMessage above says why.")
        out.rule("[bold]5[/] what came of it")
        await _show_result(clip, target, out)
        await _show_states(api, out)
    _show_next(api, job, out, folder, keep=keep)


async def _make_clip(clip: Path) -> None:
    pictures = f"testsrc2=size=1280x720:rate=25:duration={_CLIP_SECONDS}"
    tone = f"sine=frequency=440:sample_rate=48000:duration={_CLIP_SECONDS}"
    codecs = ["-c:v", "mpeg4", "-q:v", "3", "-c:a", "pcm_s16le"]
    ended = await process.run(
        [
            str(ffmpeg.find()),
            "-nostdin",
            "-y",
            "-f",
            "lavfi",
            "-i",
            pictures,
            "-f",
            "lavfi",
            "-i",
            tone,
            *codecs,
            str(clip),
        ]
    )
    if ended.code != 0:
        raise SetupError(f"ffmpeg could not make the clip: {ffmpeg.explain(ended).reason}")


def _order(clip: Path, target: Path) -> str:
    pairs = (("sourceUri", clip.as_uri()), ("destinationUri", target.as_uri()), ("tag", "mp4"))
    fields = "".join(f"  <field><key>{key}</key><value>{value}</value></field>\n" for key, value in pairs)
    return f'<SimpleMetadataDocument xmlns="{_NAMESPACE}">\n{fields}</SimpleMetadataDocument>'


def _indented(document: str) -> str:
    """Return a document of our own server with line breaks, for people."""
    ElementTree.register_namespace("", _NAMESPACE)
    tree = ElementTree.fromstring(document)
    ElementTree.indent(tree)
    return ElementTree.tostring(tree, "unicode")


class _Api:
    """The job API, seen from a client."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, password: str, server: subprocess.Popen[bytes]
    ) -> None:
        self.url = f"{url}/API"
        self.password = password
        self.server = server
        self._session = session
        self._login = {"Authorization": aiohttp.encode_basic_auth("admin", password)}

    async def submit(self, body: str) -> str:
        """Submit a TRANSCODE job and return its id."""
        headers = self._login | {"Content-Type": "application/xml", "Accept": "application/json"}
        async with self._session.post(f"{self.url}/job?type=TRANSCODE", data=body, headers=headers) as answer:
            return str((await _checked(answer).json())["jobId"])

    async def get(self, path: str, accept: str) -> str:
        """Read something as text."""
        async with self._session.get(self.url + path, headers=self._login | {"Accept": accept}) as answer:
            return await _checked(answer).text()

    async def json(self, path: str) -> dict[str, Any]:
        """Read a document as JSON."""
        async with self._session.get(self.url + path, headers=self._login | {"Accept": "application/json"}) as answer:
            return dict(await _checked(answer).json())


def _checked(answer: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    answer.raise_for_status()
    return answer


@asynccontextmanager
async def _server(folder: Path, *, keep: bool, out: Console) -> AsyncIterator[_Api]:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "server.log"
    command = [sys.executable, "-m", "vidijob", "serve", "--port", str(port), "--data-dir", str(folder)]
    command += ["--storage-roots", str(folder / "storage")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VIDIJOB_")}
    server = await asyncio.to_thread(_start, command, environment, folder, log)
    done = False
    try:
        began = time.monotonic()
        async with aiohttp.ClientSession() as session:
            with out.status("starting …"):
                await _until_ready(session, url, server, log)
            out.print(f"{url} is ready after {time.monotonic() - began:.1f} s (log: {log})")
            yield _Api(session, url, (folder / "admin-password").read_text().strip(), server)
        done = True
    finally:
        if not (keep and done):
            await asyncio.to_thread(_end, server)


def _start(command: list[str], environment: dict[str, str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    # Only for its owner: at the first start the server prints a password.
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        # In a session of its own: Ctrl-C in this terminal ends the demo, which ends the server in order.
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


async def _until_ready(session: aiohttp.ClientSession, url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            words = await asyncio.to_thread(log.read_text)
            raise SetupError(f"The server ended at once; its last words ({log}):\n{words[-2000:]}")
        try:
            async with session.get(f"{url}/ready") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.05)
    raise Unavailable("The server", f"it was not ready after {_START_SECONDS:.0f} s; see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _follow(api: _Api, job: str, out: Console) -> str:
    columns = (
        TextColumn("{task.fields[step]:>5}"), TextColumn("{task.description:36}"), BarColumn(40),
        TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.fields[state]}"),
    )  # fmt: skip
    out.rule(f"[bold]job {job}[/]")
    end = time.monotonic() + _JOB_SECONDS
    with Progress(*columns, console=out) as progress:
        bars: dict[int, TaskID] = {}
        while True:
            document = await api.json(f"/job/{job}")
            for task in document["log"]["task"]:
                if task["id"] not in bars:
                    bars[task["id"]] = progress.add_task(
                        task["description"], total=100.0, step=str(task["step"]), state=""
                    )
                _draw(progress, bars[task["id"]], task)
            if document["status"] in _ENDED:
                return str(document["status"])
            if time.monotonic() > end:
                raise SetupError(f"The job {job} did not end within {_JOB_SECONDS:.0f} s.")
            await asyncio.sleep(0.2)


def _draw(progress: Progress, bar: TaskID, task: dict[str, Any]) -> None:
    told = task.get("progress")
    share = 100 * told["value"] / told["total"] if told and told.get("total") else 0.0
    if task["status"] == "FINISHED":
        share = 100.0
    progress.update(bar, completed=share, state=task["status"])
    if not task["status"].startswith("STARTED"):
        progress.stop_task(bar)


async def _show_result(clip: Path, target: Path, out: Console) -> None:
    table = Table("file", "duration", "container", "streams", "size")
    for file in (clip, target):
        info = await probing.probe(file)
        streams = ", ".join(f"{stream.kind} {stream.codec}" for stream in info.streams)
        table.add_row(
            file.name, f"{info.duration or 0:.3f} s", info.container, streams, f"{file.stat().st_size / 1e6:.2f} MB"
        )
    out.print(table)


async def _show_states(api: _Api, out: Console) -> None:
    table = Table("state", "jobs", "the newest")
    for state in ("READY", "STARTED", "FINISHED", "FAILED_TOTAL", "ABORTED"):
        found = await api.json(f"/job?state={state}&user=false&number=5")
        table.add_row(state, str(found["hits"]), ", ".join(job["jobId"] for job in found.get("job", [])))
    out.print(table)


def _show_next(api: _Api, job: str, out: Console, folder: Path, *, keep: bool) -> None:
    login = f"-u admin:{api.password}"
    if keep:
        lines = [
            f"The server goes on at {api.url}; stop it with: kill {api.server.pid}",
            f"The console: {api.url.removesuffix('/API')}/console/ (admin, {api.password})",
            f"curl {login} {api.url}/job/{job}?metadata=true",
            f"curl {login} -H 'Accept: application/json' '{api.url}/job?user=false'",
            f"curl {login} -H 'Accept: text/plain' {api.url}/jobtype",
            f"curl {login} -X POST {api.url}/job/{job}/re-run",
        ]
    else:
        lines = [
            "vidijob demo --keep     the same, and leaves the server running to try things on",
            "vidijob serve           a server for real use, in ./vidijob-data",
            "vidijob serve --help    every setting",
            f"Clip, result, log and database are in {folder}",
        ]
    out.print(Panel("\n".join(lines), title="what to try next", expand=False))
