"""EXPORT, MOVE_FILE, DELETE_FILE, and files elsewhere, by a real server; what comes out is judged by checksums and MediaInfo."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lxml import etree
from pymediainfo import MediaInfo

from tests.acceptance.conftest import Client, Installation, children_of
from tests.integration.executors.peers import PASSWORD, USER, Peer, ftp_server, http_server
from vidijob import resources
from vidijob.executors.storage import uri_of

LOGIN = "other:s%40cret-of-the-job"


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[Peer]:
    folder = tmp_path / "ftp"
    folder.mkdir()
    with ftp_server(folder) as peer:
        yield peer


@pytest.fixture
async def http(tmp_path: Path, short_clip: Path) -> AsyncIterator[Peer]:
    folder = tmp_path / "http"
    folder.mkdir()
    (folder / "clip ü.mov").write_bytes(short_clip.read_bytes())
    async with http_server(folder) as peer:
        yield peer


@pytest.fixture
async def files(installation: Installation, client: Client, short_clip: Path, ftp: Peer, http: Peer) -> Path:
    """The storage of a server that may reach both peers, with a clip in it."""
    options = installation.folder / "remote.toml"
    options.write_text(f'["{ftp.origin}"]\nusername = "{USER}"\npassword = "{PASSWORD}"\n', "utf-8")
    installation.run(
        "serve",
        allow_scheme="http,ftp",
        remote_options=options,
        webhook_networks="127.0.0.0/8",
    )
    (installation.storage / "clip.mov").write_bytes(short_clip.read_bytes())
    await client.ready()
    return installation.storage


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hidden(*folders: Path) -> list[Path]:
    """Return what is left in the making."""
    return [path for folder in folders for path in folder.rglob("*") if ".vidijob-" in path.name]


async def finished(client: Client, type: str, **data: str) -> dict[str, list[str]]:
    """Run a job and return its data."""
    job = await client.until(await client.submit(type, **data))
    assert job["status"] == "FINISHED", job
    found: dict[str, list[str]] = {}
    for pair in job["data"]:
        found.setdefault(pair["key"], []).append(pair["value"])
    return found


async def test_files_here_and_elsewhere(
    files: Path, installation: Installation, client: Client, ftp: Peer, http: Peer
) -> None:
    clip = files / "clip.mov"
    data = await finished(
        client, "EXPORT", sourceUri=str(clip), destinationUri=f"{ftp.origin}/out/", exportMetadata="xml", title="<ü>"
    )
    assert data["checksum"] == [sha256(clip)] == [sha256(ftp.folder / "out" / "clip.mov")]
    side = etree.parse(ftp.folder / "out" / "clip.mov.xml")
    etree.XMLSchema(etree.parse(resources.schemas() / "vidispine.xsd")).assertValid(side)
    assert "<ü>" in [value.text for value in side.getroot().iter("{*}value")]

    data = await finished(
        client, "TRANSCODE", sourceUri=f"{http.origin}/clip%20ü.mov?key=s%40cret-of-the-job",
        destinationUri=f"{ftp.origin}/out/lowres.mp4", tag="lowres",
    )  # fmt: skip
    assert data["fileUri"] == [f"{ftp.origin}/out/lowres.mp4"]
    tracks = {track.track_type: track for track in MediaInfo.parse(ftp.folder / "out" / "lowres.mp4").tracks}
    assert tracks["Video"].format == "AVC" and abs(int(tracks["Video"].duration) - 2000) < 100

    data = await finished(client, "MOVE_FILE", sourceUri=str(clip), destinationUri=f"{files}/new/-i 'ü'.mov")
    assert data["fileUri"] == [uri_of(files / "new" / "-i 'ü'.mov")]
    assert not clip.exists()
    await finished(client, "MOVE_FILE", sourceUri=data["fileUri"][0], destinationUri=f"{ftp.origin}/moved.mov")
    assert (ftp.folder / "moved.mov").stat().st_size > 0 and not list((files / "new").iterdir())
    data = await finished(client, "DELETE_FILE", sourceUri=f"{ftp.origin}/moved.mov")
    assert data["deletedUri"] == [f"{ftp.origin}/moved.mov"] and not (ftp.folder / "moved.mov").exists()

    refused = await client.submit(
        "COPY_FILE", sourceUri=ftp.origin.replace("//", f"//{LOGIN}@") + "/out/clip.mov", destinationUri=f"{files}/"
    )
    job = await client.until(refused)
    assert job["status"] == "FAILED_TOTAL"
    (reason,) = (pair["value"] for pair in job["data"] if pair["key"] == "errorMessage")
    assert "check user, password" in reason
    for text in (installation.log(), reason, str(job["log"])):
        assert PASSWORD not in text and "cret-of-the-job" not in text
    assert not hidden(files, ftp.folder)


async def test_a_source_elsewhere_is_waited_for_and_an_abort_leaves_nothing(
    files: Path, installation: Installation, client: Client, ftp: Peer, http: Peer
) -> None:
    late = await client.submit("COPY_FILE", sourceUri=f"{http.origin}/late.mov", destinationUri=f"{files}/")
    job = await client.until(late, "WAITING")
    assert job["waiting"]["resourceType"] == "SOURCE_UNAVAILABLE"
    (http.folder / "late.mov").write_bytes(b"content")
    (problem,) = (await client.document(f"/job/{late}/problem"))["problem"]
    assert (await client.call("POST", f"/job/problem/{problem['id']}/retry"))[0] == 200
    assert (await client.until(late))["status"] == "FINISHED"
    assert (files / "late.mov").read_bytes() == b"content"

    slow = await client.submit(
        "TRANSCODE", sourceUri=f"{http.origin}/slow/clip%20ü.mov", destinationUri=f"{ftp.origin}/", tag="lowres"
    )
    async with asyncio.timeout(20):
        while not [path for path in hidden(files) if path.is_file() and path.stat().st_size]:
            await asyncio.sleep(0.02)
    assert (await client.call("DELETE", f"/job/{slow}"))[0] == 200
    assert (await client.until(slow, seconds=10))["status"] == "ABORTED"
    http.hold.set()
    assert not hidden(files, ftp.folder)
    (server,) = installation.processes
    assert not children_of(server.pid)
