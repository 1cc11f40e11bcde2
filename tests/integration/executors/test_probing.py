"""What is in a media file, read by a child process that may come to grief."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.executors.conftest import PICTURE, TONE, make
from tests.integration.executors.steps import Job
from tests.integration.pace import free
from vidijob.errors import Invalid
from vidijob.executors.base import Done
from vidijob.executors.media import inspection, probing
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.probing import probe


async def test_tells_duration_streams_and_their_facts(clips: Path) -> None:
    info = await probe(clips / "both.mp4")
    assert info.duration is not None and abs(info.duration - 3) < 0.05
    assert info.size == (clips / "both.mp4").stat().st_size
    assert "mp4" in info.container and info.bit_rate
    facts = json.loads(info.text())
    picture, sound = facts["streams"]
    assert (picture["kind"], picture["codec"], picture["width"], picture["height"]) == ("video", "h264", 320, 180)
    assert (picture["frameRate"], picture["pixelFormat"]) == ("25", "yuv420p")
    assert (sound["kind"], sound["codec"], sound["channels"], sound["sampleRate"]) == ("audio", "aac", 1, 48000)
    assert None not in picture.values() and "picture" not in picture


async def test_measures_what_its_container_does_not_tell(root: Path) -> None:
    make(root / "a.webm", *PICTURE, "-c:v", "libvpx", "-deadline", "realtime", "-live", "1")
    info = await probe(root / "a.webm")
    assert info.duration is not None and abs(info.duration - 3) < 0.1


async def test_a_stream_without_times_can_be_transcoded(root: Path, media: MediaExecutor) -> None:
    source = make(root / "a.h264", *PICTURE, "-c:v", "libx264")
    job = Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(root / "a.mp4"))
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    told = next(step.told for step in job.steps if step.method == "transcode")
    assert told[-1] == (100, 100, "percent")
    info = await probe(root / "a.mp4")
    assert info.duration is not None and abs(info.duration - 3) < 0.1


async def test_a_cover_picture_is_no_video(root: Path, media: MediaExecutor) -> None:
    cover = make(root / "cover.png", *PICTURE, "-frames:v", "1")
    mapping = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    source = make(root / "a.mp3", *TONE, "-i", str(cover), *mapping)
    info = await probe(source)
    assert (info.has_video, info.has_audio) == (False, True)
    outcome = await Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(root / "a.mp4")).run()
    assert isinstance(outcome, Done), outcome
    assert not (await probe(root / "a.mp4")).has_video


async def test_a_reader_that_crashes_takes_nothing_with_it(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "crash.py"
    script.write_text("import os, signal\nprint('{}', flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setattr(probing, "_INSPECTION", str(script))
    with pytest.raises(Invalid, match=r"is damaged: it ends its reader \(signal 11\)"):
        await probe(clips / "both.mp4")


async def test_a_reader_that_hangs_is_ended(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "hang.py"
    script.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(probing, "_INSPECTION", str(script))
    monkeypatch.setattr(probing, "_LONGEST", 0.3)
    with pytest.raises(Invalid, match="for too long"):
        await probe(clips / "both.mp4")


def test_says_when_the_library_is_missing(clips: Path) -> None:
    command = [sys.executable, "-I", "-S", inspection.__file__, probing.FORMATS, str(clips / "both.mp4")]
    ended = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(ended.stdout) == {"missing": "No module named 'av'"}


async def test_the_loop_stays_free_meanwhile(clips: Path) -> None:
    async with free(0.25):
        assert len(await asyncio.gather(*(probe(clips / "both.mp4") for _ in range(4)))) == 4
