"""The imports over HTTP on a server that runs: real files in, what came of them judged by MediaInfo, checksums and PyAV."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
import pytest
from pymediainfo import MediaInfo

from tests.acceptance.conftest import Client, Installation, is_running, make_clip, until


def values(job: Any, key: str) -> list[str]:
    return [field["value"] for field in job["data"] if field["key"] == key]


def path_of(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def frames(path: Path) -> int:
    """Count the pictures of a file by decoding them all."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def steps(job: Any) -> list[tuple[int, str]]:
    return [(task["step"], task["status"]) for task in job["log"]["task"]]


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_every_import_does_its_work(installation: Installation, client: Client, short_clip: Path) -> None:
    root = installation.storage
    (root / "clip.mov").write_bytes(short_clip.read_bytes())
    (root / "clip.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    source, checksum = (root / "clip.mov").as_uri(), sha256(short_clip)
    installation.run("serve", concurrent_jobs=6, worker_slots=6)
    await client.ready()
    first = await client.submit(
        "PLACEHOLDER_IMPORT", sourceUri=source, itemId="VX-12", tag="lowres", createPosters="1", checksumMode="verify"
    )
    versions = [await client.submit("ESSENCE_VERSION", sourceUri=source, itemId="VX-12") for _ in range(2)]
    found = await client.submit(
        "AUTO_IMPORT", sourceUri=source, destinationUri=f"{root}/auto/", stableTime="0.2", moveSourceUri=f"{root}/done/"
    )
    content = short_clip.read_bytes()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]

    status, said = await client.call(
        "POST",
        "/import/raw?filename=%C3%BC%20clip.mov&tag=lowres",
        data=pieces(),
        headers={"Content-Type": "video/mp4"},
    )
    assert status == 200, said
    raw = json.loads(said)["jobId"]

    job = await client.until(first)
    assert job["status"] == "FINISHED", job
    assert steps(job) == [(step, "FINISHED") for step in (100, 200, 300, 400, 500, 600, 700, 800)]
    (told,) = (task["progress"] for task in job["log"]["task"] if task["step"] == 200)
    assert told == {"value": len(content), "total": len(content), "unit": "bytes"}
    folder = root / "VX-12"
    assert [path_of(uri) for uri in values(job, "fileUri")] == [folder / "clip.mov"]
    assert values(job, "checksum") == [checksum] == [sha256(folder / "clip.mov")]
    assert values(job, "shapeTag") == ["original", "lowres"] and values(job, "originalFilename") == ["clip.mov"]
    assert frames(folder / "clip_lowres.mp4") == frames(short_clip) == 50
    (still,) = MediaInfo.parse(path_of(values(job, "posterUri")[0])).image_tracks
    assert (still.format, still.width, still.height) == ("JPEG", 320, 180)

    numbers = []
    for version in versions:
        job = await client.until(version)
        assert job["status"] == "FINISHED", job
        assert steps(job) == [(step, "FINISHED") for step in (50, 100, 200, 300, 400, 500, 600, 700, 800)]
        assert job["totalSteps"] == 9
        numbers += values(job, "essenceVersion")
        assert sha256(path_of(values(job, "fileUri")[0])) == checksum
    assert sorted(numbers) == ["1", "2"]
    assert tree(folder) == ["clip.mov", "clip_lowres.mp4", "clip_poster.jpg", "v1/clip.mov", "v2/clip.mov"]

    job = await client.until(raw)
    assert job["status"] == "FINISHED", job
    own = root / f"JOB-{raw}"
    assert tree(own) == ["ü clip.mov", "ü clip_lowres.mp4"]
    assert values(job, "checksum") == [checksum] == [sha256(own / "ü clip.mov")]
    assert frames(own / "ü clip_lowres.mp4") == 50
    assert (own / "ü clip.mov").stat().st_nlink == 1
    job = await client.until(found)
    assert job["status"] == "FINISHED", job
    assert tree(root / "auto") == tree(root / "done") == ["clip.mov", "clip.srt"]
    assert not (root / "clip.mov").exists() and sha256(root / "auto" / "clip.mov") == checksum

    shape = await client.submit(
        "SHAPE_IMPORT",
        sourceUri=(root / "done" / "clip.mov").as_uri(),
        destinationUri=f"{folder}/new.mov",
        oldFileUri=(folder / "clip_lowres.mp4").as_uri(),
    )
    job = await client.until(shape)
    assert job["status"] == "FINISHED", job
    assert steps(job) == [(step, "FINISHED") for step in (100, 200, 300, 400, 1000)]
    assert tree(folder) == ["clip.mov", "clip_poster.jpg", "new.mov", "v1/clip.mov", "v2/clip.mov"]
    assert not [name for name in tree(root) if "vidijob-VX" in name or len(Path(name).name) == 32]

    # What is made of a file may fail: it promises two seconds and has one.
    whole = make_clip(root / "whole.mkv", 2, "320x180")
    half = root / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    job = await client.until(
        await client.submit("PLACEHOLDER_IMPORT", sourceUri=str(half), itemId="VX-1", tag="lowres")
    )
    assert job["status"] == "FINISHED_WARNING", job
    assert dict(steps(job))[700] == "FAILED_FATAL" and dict(steps(job))[800] == "FINISHED"
    assert tree(root / "VX-1") == ["half.mkv"] and values(job, "shapeTag") == ["original"]

    status, said = await client.call("POST", "/import/raw?filename=text.mov&holdJob=true", data=b"no media at all")
    text = json.loads(said)["jobId"]
    assert (await client.call("POST", f"/job/{text}/release"))[0] == 200
    job = await client.until(text)
    assert job["status"] == "FAILED_TOTAL" and "is not a media file" in values(job, "errorMessage")[0]
    assert not (root / f"JOB-{text}").exists()
    status, said = await client.call("POST", f"/job/{text}/re-run")
    assert status == 400 and "send it again (POST /import/raw)" in json.loads(said)["invalidInput"]["explanation"]


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_server_that_is_killed_while_a_file_comes_leaves_it_hidden(
    installation: Installation, client: Client
) -> None:
    server = installation.run("serve", "--role", "api")
    await client.ready()
    arriving = installation.storage / ".vidijob-uploads"

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(client.call("POST", "/import/raw?filename=x.mov", data=endless()))
    await until(lambda: any(path.stat().st_size for path in arriving.glob("*.part")), 20)
    server.send_signal(signal.SIGKILL)
    await until(lambda: not is_running(server.pid), 10)
    assert isinstance((await asyncio.gather(sending, return_exceptions=True))[0], Exception)
    (left,) = arriving.glob("*.part")
    assert tree(installation.storage) == [f".vidijob-uploads/{left.name}"]
    os.utime(left, (1, 1))
    installation.run("serve", "--role", "api")
    await client.ready()
    await until(lambda: not left.exists(), 20)
    assert json.loads((await client.call("GET", "/job?number=0"))[1])["hits"] == 0
