"""The imports from their first step to their last, with real files; what they made is judged by MediaInfo and by checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pymediainfo import MediaInfo

from tests.integration.executors.steps import Job
from vidijob.executors.base import Done
from vidijob.executors.ingest.executor import IngestExecutor
from vidijob.executors.storage import uri_of

Place = Callable[[str, str], Path]


def tree(folder: Path) -> list[str]:
    """Return all files below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tracks(path: Path) -> dict[str, MediaInfo]:
    """Return what MediaInfo finds in a file, by kind."""
    return {track.track_type: track for track in MediaInfo.parse(path).tracks}


def one(job: Job, key: str) -> str:
    (value,) = job.data[key]
    return value


@pytest.mark.parametrize("mode", ["transfer", "verify"])
async def test_imports_into_the_folder_of_the_item(ingest: IngestExecutor, root: Path, place: Place, mode: str) -> None:
    source = place("both.mp4", "in/clip.mp4")
    job = Job(
        "PLACEHOLDER_IMPORT", ingest, sourceUri=uri_of(source), itemId="VX-12", tag=["lowres,original", "wav"],
        createPosters=["1.5", "50@25,99"], checksumMode=mode,
    )  # fmt: skip
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    folder = root / "VX-12"
    posters = ["clip_poster.jpg", "clip_poster2.jpg", "clip_poster3.jpg"]
    assert tree(folder) == ["clip.mp4", "clip_lowres.mp4", *posters, "clip_wav.wav"]
    assert source.read_bytes() == (folder / "clip.mp4").read_bytes()
    assert one(job, "fileUri") == uri_of(folder / "clip.mp4")
    assert one(job, "checksum") == sha256(source)
    assert one(job, "originalFilename") == "clip.mp4"
    assert abs(float(one(job, "duration")) - 3) < 0.1
    assert [stream["kind"] for stream in json.loads(one(job, "mediaInfo"))["streams"]] == ["video", "audio"]
    assert job.data["shapeTag"] == ["original", "lowres", "wav"]
    assert job.data["shapeUri"] == [uri_of(folder / name) for name in ("clip_lowres.mp4", "clip_wav.wav")]
    assert job.data["posterUri"] == [uri_of(folder / name) for name in posters]
    assert not [key for key in job.data if key.startswith("vidijob_")]
    found = tracks(folder / "clip_lowres.mp4")
    assert abs(int(found["Video"].duration) - 3000) < 100 and found["Video"].format == "AVC"
    assert abs(int(tracks(folder / "clip_wav.wav")["Audio"].duration) - 3000) < 100
    for name in posters:
        still = tracks(folder / name)["Image"]
        assert (still.format, still.width, still.height) == ("JPEG", 320, 180)
    told = next(step.told for step in job.steps if step.method == "transfer")
    size = source.stat().st_size
    assert told == sorted(told) and told[-1] == (size, size, "bytes")
