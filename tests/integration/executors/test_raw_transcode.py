"""RAW_TRANSCODE makes what its order says; what a transcode tells while it runs; which encoder and how many threads it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymediainfo import MediaInfo

from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail
from vidijob.executors.media.encoders import Encoders
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.ffmpeg import processors
from vidijob.executors.media.presets import Presets
from vidijob.executors.storage import Storage

Place = Callable[[str, str], Path]
ORDER = {
    "container": "mp4",
    "video": {"codec": "libx264", "options": {"crf": 30, "preset": "ultrafast"}, "width": 160, "frameRate": "12.5"},
    "audio": {"codec": "aac", "options": {"b": "64k", "ac": 2}},
}


def tracks(file: Path) -> dict[str, dict[str, Any]]:
    """What MediaInfo, a library of others, says of a file."""
    found = MediaInfo.parse(file)
    assert isinstance(found, MediaInfo)
    return {track.track_type: track.to_data() for track in found.tracks}


async def test_makes_what_the_order_says(media: MediaExecutor, root: Path, place: Place) -> None:
    source = place("both.mp4", "in.mp4")
    job = Job(
        "RAW_TRANSCODE",
        media,
        sourceUri=str(source),
        destinationUri=f"{root}/out/",
        firstFrame="25",
        transcodeJob=json.dumps(ORDER),
    )
    assert isinstance(await job.run(), Done)
    found = tracks(root / "out" / "in_raw.mp4")
    video, audio = found["Video"], found["Audio"]
    assert (video["format"], video["width"], video["height"], video["frame_rate"]) == ("AVC", 160, 90, "12.500")
    assert (audio["format"], audio["channel_s"]) == ("AAC", 2)
    assert abs(float(found["General"]["duration"]) - 2000) < 50


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "no transcodeJob; give the order as JSON"),
        ({"transcodeJob": json.dumps(ORDER), "tag": "mp4"}, "both tag and transcodeJob"),
        ({"transcodeJob": [json.dumps(ORDER)] * 2}, "2 values of transcodeJob"),
        ({"transcodeJob": json.dumps({**ORDER, "arguments": ["-i", "/etc/passwd"]})}, "unknown key arguments"),
        ({"transcodeJob": "-i /etc/passwd"}, "not JSON"),
        ({"transcodeJob": "[" * 1_000_000}, "longer than"),
    ],
)
async def test_refuses_what_is_no_order(
    media: MediaExecutor, root: Path, place: Place, data: dict[str, str | list[str]], words: str
) -> None:
    source = place("picture.mp4", "in.mp4")
    job = Job("RAW_TRANSCODE", media, sourceUri=str(source), destinationUri=str(root / "out.mp4"), **data)
    outcome = await job.run()
    assert isinstance(outcome, Fail) and words in outcome.reason, outcome
    assert [path.name for path in root.iterdir()] == ["in.mp4"]
    assert [step.method for step in job.steps] == ["setUp", "cleanUp"]


async def test_tells_how_far_it_is_and_how_fast(media: MediaExecutor, root: Path, place: Place) -> None:
    source = place("long.mp4", "in.mp4")
    data = {"sourceUri": str(source), "destinationUri": f"{root}/out/", "tag": "lowres"}
    job = Job("TRANSCODE", media, **data)
    assert isinstance(await job.run(), Done)
    said = next(step.said for step in job.steps if step.said)
    assert len(said) > 2
    for told in said:
        assert told["transcodeDurations"] == ["30000000@1000000"]
        assert {"transcodeWallTime", "transcodeMediaTimes", "transcodeSpeed", "transcodeEstimatedTimeLeft"} <= set(told)
    progress = [float(told["transcodeProgress"][0]) for told in said]
    assert progress == sorted(progress) and 0 < progress[0] < 100
    middle = said[len(said) // 2]
    wall, left, whole = (float(one[0]) for one in (
        middle["transcodeWallTime"], middle["transcodeEstimatedTimeLeft"], job.data["transcodeWallTime"]
    ))  # fmt: skip
    assert 0 < left < 5 * whole and 0 < wall < whole
    assert job.data["transcodeProgress"] == ["100.0"] and job.data["transcodeEstimatedTimeLeft"] == ["0.0"]
    reached, base = job.data["transcodeMediaTimes"][0].split("@")
    assert base == "1000000" and abs(int(reached) / 1_000_000 - 30) < 0.1


OWN = """
[own]
description = "Hardware where it is"
extension = "mkv"
format = "matroska"
[own.video]
codec = ["h264_nvenc", "h264_nothing", "ffv1"]
for.ffv1 = { level = "3" }
"""


async def test_an_encoder_that_is_absent_falls_back(root: Path, place: Place, storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    folder.mkdir()
    # The first is one that nobody has; a machine with the hardware would take it rightly.
    (folder / "own.toml").write_text(OWN.replace("h264_nvenc", "hevc_nothing"))
    media = MediaExecutor(storage, Presets.load(folder))
    data = {"sourceUri": str(place("picture.mp4", "in.mp4")), "tag": "own"}
    job = Job("TRANSCODE", media, **data, destinationUri=str(root / "out.mkv"))
    assert isinstance(await job.run(), Done)
    assert tracks(root / "out.mkv")["Video"]["format"] == "FFV1"
    notes = [note for step in job.steps for note in step.notes]
    assert [note for note in notes if "cannot be used here" in note] == [
        "The encoder hevc_nothing cannot be used here, h264_nothing is next: ffmpeg stopped: Unknown encoder 'hevc_nothing'.",
        "The encoder h264_nothing cannot be used here, ffv1 is next: ffmpeg stopped: Unknown encoder 'h264_nothing'.",
    ]


async def test_one_that_works_is_taken_and_each_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text(
        OWN.replace('"h264_nvenc", "h264_nothing", "ffv1"', '"h264_nothing", "mpeg4", "ffv1"')
    )
    preset, encoders, told = Presets.load(tmp_path).get("own"), Encoders(), list[str]()
    first = await encoders.choose(preset, told.append)
    assert first.video is not None and (first.video.codec, first.video.others) == ("mpeg4", ())
    monkeypatch.setattr("vidijob.executors.media.ffmpeg.find", None)
    assert await encoders.choose(preset, told.append) == first, "nothing is run again"
    assert len(told) == 2


def test_threads_are_those_that_the_step_needs() -> None:
    assert processors({"resources": "cpu=3,ram=8"}) == 3
    assert processors({"resources": "cpu=0.5"}) == 1
    assert processors({"resources": "gpu=1"}) is None and processors({}) is None


async def test_ffmpeg_gets_the_threads_of_the_step(media: MediaExecutor, root: Path, place: Place) -> None:
    source = place("picture.mp4", "in.mp4")
    job = Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(root / "out.mp4"), tag="lowres")
    await job.until("transcode")
    source.write_bytes(b"no media any more")
    step = job.step("transcode")
    step.metadata = {"resources": "cpu=3"}
    outcome = await media.run(step)
    assert isinstance(outcome, Fail)
    assert any("-threads 3" in note for note in step.notes), "the whole command is in the log of a failure"
    assert any("Invalid data" in note for note in step.notes)
