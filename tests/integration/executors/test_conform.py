"""CONFORM puts exactly the frames and samples that it is told to after each other, whatever their sources are."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from pymediainfo import MediaInfo

from tests.integration.executors.conftest import make
from tests.integration.executors.judges import frames, samples
from tests.integration.executors.steps import Job
from tests.integration.executors.test_interrupted_transcode import ffmpegs, running
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.editing.executor import ConformExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.storage import Storage

SOUND = "aevalsrc=exprs=sin(t*t*500)/2:sample_rate=48000"
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-pix_fmt", "yuv420p")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, lossless: Presets) -> tuple[ConformExecutor, Path]:
    """A storage with a.mov and b.mov (alike), ntsc.mp4 (other size and rate), mute.mp4 and tone.wav."""
    root = tmp_path_factory.mktemp("studio") / "storage"
    root.mkdir()
    for name, picture in (("a", "testsrc"), ("b", "testsrc2")):
        source = (
            "-f",
            "lavfi",
            "-i",
            f"{picture}=size=160x90:rate=25:duration=2",
            "-f",
            "lavfi",
            "-i",
            SOUND + ":duration=2",
        )
        make(root / f"{name}.mov", *source, *H264, "-c:a", "pcm_s16le", "-timecode", "10:00:00:00")
    square = ("-f", "lavfi", "-i", "testsrc=size=128x128:rate=30000/1001:duration=2")
    make(root / "ntsc.mp4", *square, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=2", *H264)
    make(root / "mute.mp4", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=25:duration=2", *H264)
    make(root / "tone.wav", "-f", "lavfi", "-i", SOUND + ":duration=2")
    return ConformExecutor(Storage([root]), lossless, threads=2), root


async def test_frames_and_samples_follow_each_other_exactly(studio: tuple[ConformExecutor, Path]) -> None:
    conform, root = studio
    target = root / "exact.mkv"
    job = Job(
        "CONFORM",
        conform,
        sourceUri=[str(root / name) for name in ("b.mov", "a.mov", "b.mov")],
        smpteTimeCode=["10:00:01:00", "10:00:00:03", "10:00:00:00"],
        lastSmpteTimeCode=["10:00:01:24", "10:00:00:03", "10:00:00:09"],
        destinationUri=str(target),
        tag="lossless",
    )
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    a, b = frames(root / "a.mov"), frames(root / "b.mov")
    assert frames(target) == b[25:50] + a[3:4] + b[0:10]
    sound, frame = samples(root / "b.mov"), 1920 * 2
    assert samples(target) == sound[25 * frame : 50 * frame] + sound[3 * frame : 4 * frame] + sound[: 10 * frame]
    assert job.data["duration"] == ["1.44"] and job.data["transcodeDurations"] == ["1440000@1000000"]
    assert [json.loads(text)["timeCode"] for text in job.data["mediaInfo"]] == ["10:00:00:00"] * 2
    assert "From frame 25 to 25: a.mov, frames 3 to 3 of 50." in [note for step in job.steps for note in step.notes]


async def test_segments_may_be_gaps_and_have_other_sizes_and_rates(studio: tuple[ConformExecutor, Path]) -> None:
    conform, root = studio
    target = root / "mixed.mkv"
    segments: list[dict[str, object]] = [
        {"sourceUri": str(root / "a.mov"), "lastFrame": 9},
        {"gap": 0.2},
        {"sourceUri": str(root / "ntsc.mp4"), "firstFrame": 30, "lastFrame": "59"},
        {"sourceUri": str(root / "mute.mp4"), "startTime": 1.2, "endTime": "1.6"},
        {"sourceUri": str(root / "a.mov"), "smpteTimeCode": "10:00:01:15"},
    ]
    job = Job(
        "CONFORM", conform, segment=[json.dumps(one) for one in segments], destinationUri=str(target), tag="lossless"
    )
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    a, mute, made = frames(root / "a.mov"), frames(root / "mute.mp4"), frames(target)
    # 30 frames at 29.97 are 1.001 s: 25 frames at 25.
    assert len(made) == 10 + 5 + 25 + 10 + 10
    assert made[:10] == a[:10] and made[50:] == a[40:50] and made[40:50] == mute[30:40]
    assert len(set(made[10:15])) == 1 and made[10] not in a, "black"
    sound, heard, frame = samples(root / "a.mov"), samples(target), 1920 * 2
    assert len(heard) == 60 * frame
    assert heard[: 10 * frame] == sound[: 10 * frame] and heard[50 * frame :] == sound[40 * frame :]
    assert not any(heard[10 * frame : 15 * frame]) and not any(heard[40 * frame : 50 * frame])
    assert any(heard[15 * frame : 40 * frame])
    video = MediaInfo.parse(target).video_tracks[0].to_data()
    assert (video["width"], video["height"], video["frame_rate"]) == (160, 90, "25.000")


async def test_the_result_may_be_given_another_form(studio: tuple[ConformExecutor, Path]) -> None:
    conform, root = studio
    job = Job(
        "CONFORM",
        conform,
        sourceUri=[str(root / "a.mov"), str(root / "ntsc.mp4")],
        destinationUri=f"{root}/form/",
        tag=["lossless", "wav"],
        outputFrameRate="50",
        outputResolution="320x240",
    )
    assert isinstance(await job.run(), Done)
    found = MediaInfo.parse(root / "form" / "a_lossless.mkv").video_tracks[0].to_data()
    assert (found["width"], found["height"], found["frame_rate"]) == (320, 240, "50.000")
    # 50 frames at 25 and 60 at 29.97: 4.002 s.
    assert len(frames(root / "form" / "a_lossless.mkv")) == 200
    assert len(samples(root / "form" / "a_wav.wav")) == 200 * 960 * 2


async def test_sound_alone_is_put_together_to_the_sample(studio: tuple[ConformExecutor, Path]) -> None:
    conform, root = studio
    segments = [{"sourceUri": str(root / "tone.wav"), "startTime": 0.5001, "endTime": 0.7}, {"gap": 0.1}]
    segments.append({"sourceUri": str(root / "tone.wav"), "endTime": 0.0125})
    job = Job("CONFORM", conform, segment=[json.dumps(one) for one in segments], destinationUri=str(root / "a.wav"))
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    sound, made = samples(root / "tone.wav"), samples(root / "a.wav")
    assert len(made) == 2 * (9595 + 4800 + 600)
    assert made[: 2 * 9595] == sound[2 * 24005 : 2 * 33600] and made[-1200:] == sound[:1200]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "no sourceUri; give the files to be put together"),
        ({"sourceUri": ["A", "A"], "firstFrame": "1"}, "2 values of sourceUri and 1 of firstFrame"),
        ({"sourceUri": "A", "segment": "{}"}, "segment, which names sources and parts itself"),
        ({"segment": "x"}, "which is not JSON"),
        ({"segment": "[" * 1_000_000}, "which is not JSON"),
        ({"segment": "[]"}, "must be a JSON object"),
        ({"segment": "{}"}, "either sourceUri, with a part of it, or nothing but gap"),
        ({"segment": '{"sourceUri": "A", "gap": 1}'}, "either sourceUri"),
        ({"segment": '{"sourceUri": ["A"]}'}, "as a text or a number"),
        ({"segment": '{"sourceUri": "A", "filter": "movie=x"}'}, "unknown key filter"),
        ({"segment": '{"gap": 1}'}, "no part of any file is named"),
        ({"segment": '{"gap": -1}'}, "give seconds"),
        ({"segment": ['{"gap": 1e9}', '{"sourceUri": "A"}']}, "give seconds|at most a day"),
        ({"segment": ['{"gap": NaN}', '{"sourceUri": "A"}']}, "give seconds"),
        ({"sourceUri": "A", "lastFrame": "50"}, "a.mov: lastFrame is 50, which lies outside the source"),
        ({"sourceUri": "A", "outputFrameRate": "25,movie=x"}, "outputFrameRate is 25,movie=x"),
        ({"sourceUri": "A", "outputFrameRate": "1/00"}, "outputFrameRate is"),
        ({"sourceUri": "A", "outputResolution": "3x3"}, "outputResolution is 3x3; give even numbers"),
        ({"sourceUri": ["A"] * 101}, "101 parts to be put together, and 100 can be"),
        ({"sourceUri": "/etc/passwd"}, "outside the storage roots"),
        ({"sourceUri": "A/../../x"}, "'..' is not allowed"),
        ({"sourceUri": "-i"}, "absolute path"),
    ],
)
async def test_what_cannot_be_put_together_is_refused(
    studio: tuple[ConformExecutor, Path], data: dict[str, str | list[str]], words: str
) -> None:
    conform, root = studio
    source = str(root / "a.mov")
    put = {
        key: [one.replace("A", source) for one in ([value] if isinstance(value, str) else value)]
        for key, value in data.items()
    }
    before = sorted(os.listdir(root))
    outcome = await Job("CONFORM", conform, **put, destinationUri=str(root / "no.mkv"), tag="lossless").run()
    assert isinstance(outcome, Fail) and re.search(words, outcome.reason), outcome
    assert len(outcome.reason) < 1000 and sorted(os.listdir(root)) == before


async def test_a_missing_source_is_waited_for(studio: tuple[ConformExecutor, Path]) -> None:
    conform, root = studio
    data = {"sourceUri": [str(root / "a.mov"), str(root / "late.mov")], "destinationUri": str(root / "no.mkv")}
    outcome = await Job("CONFORM", conform, **data).run()
    assert isinstance(outcome, Wait) and outcome.data == {"source": (root / "late.mov").as_uri()}


async def test_abort_and_another_attempt(studio: tuple[ConformExecutor, Path], tmp_path: Path) -> None:
    _, sources = studio
    root = tmp_path / "storage"
    root.mkdir()
    (root / "in.mov").write_bytes((sources / "a.mov").read_bytes())
    conform = ConformExecutor(Storage([root]), Presets.load(), threads=2)
    job = Job(
        "CONFORM",
        conform,
        sourceUri=[str(root / "in.mov")] * 8,
        destinationUri=str(root / "out.mp4"),
        tag="h264",
        outputResolution="1280x720",
    )
    await job.until("transcode")
    step = job.step("transcode")
    task = asyncio.create_task(conform.run(step))
    await running(root, lambda: len(step.told) > 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ffmpegs(root) == [] and os.listdir(root) == ["in.mov"]
    job.data["tag"], job.data["outputResolution"] = ["lowres"], ["64x36"]
    for method in ("transcode", "transcode", "checkResult", "finish", "finish", "cleanUp"):
        assert isinstance(await job.attempt(method), Done), method
    assert sorted(os.listdir(root)) == ["in.mov", "out.mp4"]
    assert len(frames(root / "out.mp4")) == 8 * 50
