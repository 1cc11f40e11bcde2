"""THUMBNAIL, ANALYZE, FILE_ANALYZE and SHAPE_UPDATE over HTTP on a film that is known by its making."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from PIL import Image
from pymediainfo import MediaInfo

from tests.acceptance.conftest import Client, Installation, children_of, until
from vidijob.executors.media import ffmpeg


def make(target: Path, *arguments: str) -> Path:
    """Make a file with ffmpeg."""
    subprocess.run(
        [str(ffmpeg.find()), "-hide_banner", "-nostdin", "-loglevel", "error", *arguments, str(target)],
        check=True,
        timeout=60,
    )
    return target


def make_film(target: Path) -> Path:
    """Make 3 s whose frame n is as bright as 20 + 2n, with a sine of 1 kHz of -23 dBFS on both sides."""
    picture = "nullsrc=s=160x90:r=25:d=3,geq=lum='20+2*N':cb=128:cr=128,format=yuv420p"
    sound = "aevalsrc=0.0708*sin(2*PI*1000*t)|0.0708*sin(2*PI*1000*t):s=48000:d=3"
    return make(
        target,
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-timecode", "10:00:00:00"),
        *(
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "10",
            "-c:a",
            "pcm_s16le",
            "-metadata:s:a:0",
            "language=fra",
        ),
    )


def data(job: Any) -> dict[str, list[str]]:
    """Return a job's data."""
    found: dict[str, list[str]] = {}
    for pair in job["data"]:
        found.setdefault(pair["key"], []).append(pair["value"])
    return found


async def test_looks_at_a_film(installation: Installation, client: Client) -> None:
    server = installation.run("serve", concurrent_jobs=4)
    storage = installation.storage
    source = await asyncio.to_thread(make_film, storage / "a film ü.mov")
    await client.ready()
    common = {"sourceUri": source.as_uri()}
    ids = {
        "THUMBNAIL": await client.submit(
            "THUMBNAIL",
            **common,
            destinationUri=f"{storage.as_uri()}/pictures/",
            createPosters="10:00:01:05",
            createSprite="true",
            thumbnailPeriod="0.5",
        ),
        "ANALYZE": await client.submit(
            "ANALYZE", **common, blackTime="0.3", destinationUri=f"{storage.as_uri()}/reports/"
        ),
        "FILE_ANALYZE": await client.submit("FILE_ANALYZE", **common, checksums="SHA-256"),
    }
    jobs = {type: await client.until(id) for type, id in ids.items()}
    assert {type: job["status"] for type, job in jobs.items()} == dict.fromkeys(ids, "FINISHED"), jobs
    steps = {type: [task["step"] for task in job["log"]["task"]] for type, job in jobs.items()}
    assert steps == {
        "THUMBNAIL": [100, 300, 600, 800],
        "ANALYZE": [100, 300, 400, 800],
        "FILE_ANALYZE": [100, 300, 400, 800],
    }

    pictures = storage / "pictures"
    names = [f"a film ü_{end}" for end in ("poster.jpg", "sprite.jpg", "sprite.vtt")]
    assert sorted(os.listdir(pictures)) == names
    assert data(jobs["THUMBNAIL"])["fileUri"] == [(pictures / name).as_uri() for name in names]
    with Image.open(pictures / names[0]) as poster:
        brightness = poster.convert("L").getpixel((80, 45))
        assert isinstance(brightness, int) and abs(brightness - (20 + 2 * 30 - 16) * 255 / 219) < 1.5, "frame 30"
    with Image.open(pictures / names[1]) as sprite:
        cues = re.findall(r"#xywh=(\d+),(\d+),(\d+),(\d+)", (pictures / names[2]).read_text("utf-8"))
        assert len(cues) == 6 and sprite.size == (480, 180) and cues[-1] == ("320", "90", "160", "90")

    found = data(jobs["ANALYZE"])
    assert abs(float(found["loudnessIntegrated"][0]) + 23) <= 0.1 and abs(float(found["truePeak"][0]) + 23) <= 0.2
    assert found["black"] == ["0-0.36"], "as long as the brightness is below a tenth"
    assert "silence" not in found and found["crop"] == ["160:90:0:0"]
    report = json.loads((storage / "reports" / "a film ü_analysis.json").read_text("utf-8"))
    assert report["loudness"][0]["integrated"] == float(found["loudnessIntegrated"][0])
    measuring = next(task for task in jobs["ANALYZE"]["log"]["task"] if task["step"] == 400)
    assert measuring["progress"] == {"value": 100, "total": 100, "unit": "percent"}

    found = data(jobs["FILE_ANALYZE"])
    tracks = {track.track_type: track for track in MediaInfo.parse(source).tracks}
    assert found["width"] == [str(tracks["Video"].width)] and found["frameRate"] == ["25"]
    assert found["audioChannels"] == [str(tracks["Audio"].channel_s)]
    assert found["timeCode"] == [tracks["Other"].time_code_of_first_frame] == ["10:00:00:00"]
    assert found["checksum"] == [hashlib.sha256(source.read_bytes()).hexdigest()]
    info = json.loads(found["mediaInfo"][0])
    assert info["streams"][1]["language"] == "fra" and tracks["Audio"].language == "fr"

    # Somebody replaces the film by a smaller one without sound.
    smaller = await asyncio.to_thread(make, storage / "new.mov", "-i", str(source), "-an", "-s", "80x44", "-t", "1")
    smaller.replace(source)
    id = await client.submit("SHAPE_UPDATE", **common, expectedMediaInfo=found["mediaInfo"][0])
    job = await client.until(id)
    assert job["status"] == "FINISHED" and data(job)["shapeChanged"] == ["true"]
    changes = {change["fact"]: change for change in json.loads(data(job)["shapeChanges"][0])}
    assert (changes["video[0].width"]["was"], changes["video[0].width"]["is"]) == (160, 80)
    assert changes["audio[0]"]["was"] == "pcm_s16le"

    # An abort in the middle ends ffmpeg and leaves nothing.
    long = storage / "long.mov"
    await asyncio.to_thread(make, long, "-stream_loop", "3000", "-i", str(source), "-c", "copy")
    kept = sorted(os.listdir(storage))
    for type, wish in (("ANALYZE", {"checks": "freeze"}), ("THUMBNAIL", {"createContactSheet": "true"})):
        id = await client.submit(type, sourceUri=long.as_uri(), destinationUri=f"{storage.as_uri()}/aborted/", **wish)
        await client.until_transcoding(id)
        assert (await client.call("DELETE", f"/job/{id}"))[0] == 200
        assert (await client.until(id))["status"] == "ABORTED"
        await until(lambda: not children_of(server.pid), 5)
        assert os.listdir(storage / "aborted") == []
    assert sorted(os.listdir(storage)) == sorted([*kept, "aborted"])
