"""TRANSCODE_RANGE takes exactly the frames and samples that it is told to, from every kind of container."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.executors.conftest import make
from tests.integration.executors.judges import frames, samples
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.storage import Storage

NTSC = "30000/1001"
#: Pictures that differ, B-frames, few key frames.
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "50")
#: Name → rate, seconds, time code of the first frame, encoder.
SOURCES = {
    "pal.mov": ("25", 3, "10:00:00:00", (*H264, "-c:a", "pcm_s16le")),
    "drop.mov": (NTSC, 3, "00:00:59;00", (*H264, "-c:a", "aac")),
    "plain.mp4": (NTSC, 3, None, (*H264, "-c:a", "aac")),
    "plain.mkv": (NTSC, 3, None, (*H264, "-c:a", "pcm_s16le")),
    "film.ts": ("24000/1001", 3, None, (*H264, "-c:a", "aac")),
    "sports.mp4": ("60000/1001", 2, None, (*H264, "-an")),
    "tape.mxf": ("25", 3, "23:59:59:00", ("-c:v", "mpeg2video", "-g", "12", "-c:a", "pcm_s16le")),
    "long.ts": ("25", 60, None, (*H264, "-g", "250", "-c:a", "aac")),
    "long.mov": ("25", 60, None, (*H264, "-g", "250", "-c:a", "pcm_s16le")),
}


@pytest.fixture(scope="module")
def cutting_room(tmp_path_factory: pytest.TempPathFactory, lossless: Presets) -> tuple[MediaExecutor, Path]:
    """A storage with all sources."""
    root = tmp_path_factory.mktemp("cutting") / "storage"
    root.mkdir()
    for name, (rate, seconds, first, codecs) in SOURCES.items():
        size = "96x54" if seconds > 10 else "160x90"
        make(
            root / name,
            *("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}"),
            *("-f", "lavfi", "-i", f"aevalsrc=exprs=sin(t*t*500)/2:sample_rate=48000:duration={seconds}"),
            *("-pix_fmt", "yuv420p", *codecs, *(("-timecode", first) if first else ())),
        )
    return MediaExecutor(Storage([root]), lossless, threads=2), root


@pytest.mark.parametrize(
    ("name", "range", "first", "last"),
    [
        ("pal.mov", {"smpteTimeCode": "10:00:01:00", "lastSmpteTimeCode": "10:00:01:24"}, 25, 49),
        ("pal.mov", {"firstFrame": "70"}, 70, 74),
        ("drop.mov", {"smpteTimeCode": "00:00:59;29", "lastSmpteTimeCode": "00:01:00;02"}, 29, 30),
        ("plain.mp4", {"smpteTimeCode": "00:00:01;00", "lastSmpteTimeCode": "00:00:01;29"}, 30, 59),
        ("plain.mkv", {"smpteTimeCode": "00:00:00:17", "lastSmpteTimeCode": "00:00:02:16"}, 17, 76),
        ("film.ts", {"smpteTimeCode": "00:00:00:23", "lastSmpteTimeCode": "00:00:01:23"}, 23, 47),
        ("sports.mp4", {"smpteTimeCode": "00:00:00;59", "lastSmpteTimeCode": "00:00:01;03"}, 59, 63),
        ("tape.mxf", {"smpteTimeCode": "23:59:59:20", "lastSmpteTimeCode": "00:00:00:05"}, 20, 30),
        ("long.ts", {"smpteTimeCode": "00:00:41:07", "lastSmpteTimeCode": "00:00:41:19"}, 1032, 1044),
        ("long.mov", {"smpteTimeCode": "00:00:59:20"}, 1495, 1499),
    ],
)
async def test_takes_exactly_these_frames(
    cutting_room: tuple[MediaExecutor, Path], tmp_path: Path, name: str, range: dict[str, str], first: int, last: int
) -> None:
    media, root = cutting_room
    target = root / f"{tmp_path.name}.mkv"
    job = Job("TRANSCODE_RANGE", media, sourceUri=str(root / name), destinationUri=str(target), tag="lossless", **range)
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    assert frames(target) == frames(root / name)[first : last + 1]
    rate, *_ = SOURCES[name]
    above, _, below = rate.partition("/")
    seconds = (last + 1 - first) * int(below or 1) / int(above)
    assert job.data["transcodeDurations"] == [f"{round(seconds * 1_000_000)}@1000000"]
    assert job.data["transcodeProgress"] == ["100.0"] and job.data["transcodeEstimatedTimeLeft"] == ["0.0"]
    if "pcm_s16le" in SOURCES[name][3]:
        begin, end = (round(place * int(below or 1) / int(above) * 48000) * 2 for place in (first, last + 1))
        got, wanted = samples(target), samples(root / name)[begin:end]
        assert abs(len(got) - len(wanted)) <= 4 and got[: len(wanted) - 4] == wanted[: len(got)][: len(wanted) - 4]


async def test_sound_alone_is_cut_in_seconds(cutting_room: tuple[MediaExecutor, Path]) -> None:
    media, root = cutting_room
    source = make(root / "sound.wav", "-f", "lavfi", "-i", "aevalsrc=exprs=sin(t*t*500)/2:sample_rate=48000:duration=2")
    data = {"sourceUri": str(source), "destinationUri": str(root / "sound.mkv"), "tag": "lossless"}
    assert isinstance(await Job("TRANSCODE_RANGE", media, **data, startTime="0.25", endTime="1.5").run(), Done)
    assert samples(root / "sound.mkv") == samples(source)[24000:144000]


async def test_sound_that_begins_late_stays_in_time(cutting_room: tuple[MediaExecutor, Path]) -> None:
    media, root = cutting_room
    source = make(
        root / "late.mov",
        *("-f", "lavfi", "-i", "testsrc=size=96x54:rate=25:duration=2", "-itsoffset", "1"),
        *(
            "-f",
            "lavfi",
            "-i",
            "aevalsrc=exprs=1/2:sample_rate=48000:duration=1",
            "-c:v",
            "libx264",
            "-c:a",
            "pcm_s16le",
        ),
    )
    target = root / "in_time.mkv"
    data = {"sourceUri": str(source), "destinationUri": str(target), "tag": "lossless"}
    assert isinstance(await Job("TRANSCODE_RANGE", media, **data, firstFrame="10", lastFrame="39").run(), Done)
    got = samples(target)
    assert len(got) == 30 * 1920 * 2
    assert not any(got[: 15 * 1920 * 2]) and all(got[15 * 1920 * 2 + 1 :: 2])


async def test_what_the_source_has_not_is_refused(cutting_room: tuple[MediaExecutor, Path]) -> None:
    media, root = cutting_room
    before = sorted(root.iterdir())
    data = {"sourceUri": str(root / "pal.mov"), "destinationUri": str(root / "no.mkv"), "tag": "lossless"}
    for range, words in (
        ({}, "no smpteTimeCode and no lastSmpteTimeCode"),
        (
            {"lastSmpteTimeCode": "10:00:03:00"},
            "the source: it has 10:00:00:00 to 10:00:02:24, frames 0 to 74, at 25 frames",
        ),
        ({"smpteTimeCode": "10:00:01:00,movie=/etc/passwd"}, "no time code"),
    ):
        outcome = await Job("TRANSCODE_RANGE", media, **data, **range).run()
        assert isinstance(outcome, Fail) and words in outcome.reason, outcome
        assert sorted(root.iterdir()) == before


async def test_a_transcode_takes_a_part_too(cutting_room: tuple[MediaExecutor, Path]) -> None:
    media, root = cutting_room
    data = {"sourceUri": str(root / "pal.mov"), "destinationUri": f"{root}/two/", "firstFrame": "10", "lastFrame": "19"}
    job = Job("TRANSCODE", media, **data, tag=["lossless", "wav"])
    assert isinstance(await job.run(), Done)
    assert len(frames(root / "two" / "pal_lossless.mkv")) == 10
    assert len(samples(root / "two" / "pal_wav.wav")) == 10 * 1920 * 2
    assert "Of the source: frames 10 to 19 of 75." in [note for step in job.steps for note in step.notes]
