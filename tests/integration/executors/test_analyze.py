"""ANALYZE: signals that are known by their making, and ffmpeg's own meter, run apart."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import re
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.integration.executors.conftest import make
from tests.integration.executors.steps import Job
from tests.integration.executors.test_interrupted_transcode import ffmpegs, partials
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.media import ffmpeg, frames
from vidijob.executors.media.analysis import AnalysisExecutor
from vidijob.executors.storage import Storage, uri_of

LAVFI = ("-f", "lavfi", "-i")


@pytest.fixture
def analysis(storage: Storage) -> AnalysisExecutor:
    return AnalysisExecutor(storage, threads=2)


def sines(*parts: tuple[float, float]) -> tuple[str, ...]:
    """Return what makes ffmpeg write a sine of 1 kHz of so many dBFS for so many seconds, and so on, alike on both sides."""
    inputs = [part for _, seconds in parts for part in (*LAVFI, f"sine=f=1000:r=48000:d={seconds}")]
    # The filter's own sine has an eighth of full scale.
    own = 20 * math.log10(1 / 8)
    levels = ";".join(f"[{place}]volume={level - own}dB[{place}v]" for place, (level, _) in enumerate(parts))
    joined = "".join(f"[{place}v]" for place in range(len(parts)))
    return (*inputs, "-filter_complex", f"{levels};{joined}concat=n={len(parts)}:v=0:a=1,pan=stereo|c0=c0|c1=c0")


def metered(path: Path) -> dict[str, float]:
    """Return what the summary of ffmpeg's own meter says of a file's first sound track."""
    command = [str(ffmpeg.find()), "-hide_banner", "-nostats", "-i", str(path), "-map", "0:a:0"]
    ran = subprocess.run([*command, "-af", "ebur128=peak=true", "-f", "null", "-"], capture_output=True, text=True)
    summary = ran.stderr.rpartition("Summary:")[2]
    return {name: float(value) for name, value in re.findall(r"^ +(I|LRA|Peak): +(\S+)", summary, re.MULTILINE)}


async def analyzed(analysis: AnalysisExecutor, source: Path, **data: str) -> Job:
    job = Job("ANALYZE", analysis, sourceUri=uri_of(source), **data)
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    return job


def numbers(job: Job, key: str) -> list[float]:
    return [float(value) for value in job.data[key]]


@pytest.mark.parametrize(
    ("parts", "loudness", "span"),
    [
        (((-23, 20),), -23.0, None),
        (((-36, 10), (-23, 60), (-36, 10)), -23.0, None),
        (((-26, 20), (-20, 20.1), (-26, 20)), -23.0, None),
        (((-20, 20), (-30, 20)), None, 10.0),
    ],
    ids=["3341-1", "3341-3", "3341-5", "3342-1"],
)
async def test_sines_of_the_ebu_are_as_loud_as_they_must_be(
    analysis: AnalysisExecutor,
    root: Path,
    parts: tuple[tuple[float, float], ...],
    loudness: float | None,
    span: float | None,
) -> None:
    source = make(root / "sine.wav", *sines(*parts))
    job = await analyzed(analysis, source, checks="loudness")
    if loudness is not None:
        assert numbers(job, "loudnessIntegrated") == [pytest.approx(loudness, abs=0.1)]
    if span is not None:
        assert numbers(job, "loudnessRange") == [pytest.approx(span, abs=1)]
    meter = metered(source)
    assert numbers(job, "loudnessIntegrated") == [pytest.approx(meter["I"], abs=0.1)]
    assert numbers(job, "loudnessRange") == [pytest.approx(meter["LRA"], abs=0.1)]
    assert numbers(job, "truePeak") == [pytest.approx(meter["Peak"], abs=0.1)]
    assert numbers(job, "truePeak") == [pytest.approx(max(level for level, _ in parts), abs=0.3)]


async def test_every_track_has_its_own_loudness(analysis: AnalysisExecutor, root: Path) -> None:
    # Surround channels count more (Tech 3341, case 6); a peak between two samples is found (case 16); so is a quiet one,
    # and one at the very end.
    surround = "|".join(f"{10 ** (level / 20)}*sin(2*PI*1000*t)" for level in (-28, -28, -24, -30, -30))
    between = "0.5*sin(2*PI*12000*t+PI/4)*min(1\\,20*min(t\\,2.97-t))"
    quiet = f"{10 ** (-66 / 20)}*sin(2*PI*1000*t)+0.5*gt(t\\,2.95)*sin(2*PI*997*t)"
    inputs = (
        *(*LAVFI, f"aevalsrc={surround}:s=48000:c=5.0(side):d=2.97", *LAVFI, f"aevalsrc={between}:s=48000:d=2.97"),
        *(*LAVFI, f"aevalsrc={quiet}:s=48000:d=2.97", *LAVFI, "anullsrc=r=48000:d=2.97"),
    )
    maps = [part for track in range(4) for part in ("-map", str(track))]
    source = make(root / "tracks.mka", *inputs, *maps, "-c:a", "pcm_s24le")
    job = await analyzed(analysis, source, silenceTime="0.5")
    first, *_ = numbers(job, "loudnessIntegrated")
    assert first == pytest.approx(-23.0, abs=0.1)
    _, between_samples, end, nothing = numbers(job, "truePeak")
    assert between_samples == pytest.approx(-6.0, abs=0.4), "the samples themselves reach only -9"
    assert end == pytest.approx(-6.0, abs=0.3)
    assert nothing == -float("inf") and job.data["loudnessIntegrated"][3] == "-inf"
    report = json.loads(job.data["analysis"][0])
    assert [one["track"] for one in report["loudness"]] == [0, 1, 2, 3]
    silences = [one["silence"] for one in report["silenceOfTracks"]]
    assert silences[:2] == [[], []] and "silence" not in job.data, "never are all silent"
    assert silences[2] == [{"start": 0, "end": pytest.approx(2.95, abs=0.01)}]
    assert silences[3] == [{"start": 0, "end": pytest.approx(2.97, abs=0.001)}]


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 4 s: picture (1 s), black (0.6 s), one still picture (1 s), picture (0.8 s), black (0.6 s); 25 fps.

    Its sound is silent from 0.5 to 1.25 and from 3.4 on. The picture has black bars at its sides.
    """
    source = "testsrc2=s=120x90:r=25"
    parts = (
        *(*LAVFI, f"{source}:d=1", *LAVFI, "color=black:s=120x90:r=25:d=0.6"),
        *(*LAVFI, "smptebars=s=120x90:r=25:d=1", *LAVFI, f"{source}:d=0.8", *LAVFI, "color=black:s=120x90:r=25:d=0.6"),
        *(*LAVFI, "aevalsrc=0.1*sin(2*PI*440*t)*(lt(t\\,0.5)+between(t\\,1.25\\,3.4)):s=48000:d=4"),
    )
    filters = "concat=n=5,pad=160:90:20:0[v]"
    return make(
        tmp_path_factory.mktemp("events") / "events.mkv",
        *(*parts, "-filter_complex", filters, "-map", "[v]", "-map", "5", "-c:v", "ffv1", "-c:a", "pcm_s16le"),
    )


async def test_black_freeze_and_silence_are_right_to_a_frame(
    analysis: AnalysisExecutor, root: Path, events: Path
) -> None:
    source = root / "events.mkv"
    source.write_bytes(events.read_bytes())
    job = await analyzed(
        analysis,
        source,
        **{"blackTime": "0.5", "freezeTime": "0.3", "silenceTime:Double": "0.5"},
        destinationUri=f"{root}/reports/",
    )
    assert job.data["black"] == ["1-1.6", "3.4-4"]
    assert job.data["freeze"] == ["1-1.6", "1.6-2.6", "3.4-4"]
    for found, (start, end) in zip(job.data["silence"], ((0.5, 1.25), (3.4, 4.0)), strict=True):
        assert [float(time) for time in found.split("-")] == pytest.approx([start, end], abs=0.01)
    assert job.data["crop"] == ["120:90:20:0"]
    told = next(step.told for step in job.steps if step.method == "analyze")
    assert told == sorted(told) and told[-1] == (100, 100, "percent") and len(told) > 20
    report = json.loads((root / "reports" / "events_analysis.json").read_text())
    assert report["sourceUri"] == uri_of(source) and report["duration"] == 4
    assert json.loads(job.data["analysis"][0]).items() <= report.items()
    assert os.listdir(root / "reports") == ["events_analysis.json"]
    assert not [key for key in job.data if key.startswith("vidijob_")]

    job = await analyzed(analysis, source, checks="black,silence", blackTime="0.7", silenceThreshold="-10")
    assert "black" not in job.data and "crop" not in job.data and "loudnessIntegrated" not in job.data
    assert job.data["silence"] == ["0-4"], "the tone is at -20 dB"


async def test_fields_are_told_from_whole_pictures(analysis: AnalysisExecutor, root: Path) -> None:
    # A fine pattern that moves: fields of two moments differ in every line.
    moving = "nullsrc=s=160x90:r=50:d=0.8,geq=lum='128+60*sin((X+8*N)/6)+40*sin(Y/9)':cb=128:cr=128,split=3[a][b][c]"
    filters = "[a]fps=25[x];[b]tinterlace=interleave_top[y];[c]tinterlace=interleave_bottom[z]"
    kinds = {"progressive": "[x]", "tff": "[y]", "bff": "[z]"}
    outputs = [
        [*("-map", label, "-c:v", "ffv1", "-pix_fmt", "yuv420p"), str(root / f"{kind}.mkv")]
        for kind, label in kinds.items()
    ]
    make(Path(outputs[-1].pop()), "-filter_complex", f"{moving};{filters}", *itertools.chain(*outputs))
    for kind in kinds:
        job = await analyzed(analysis, root / f"{kind}.mkv", checks="interlace")
        assert job.data["interlace"] == [kind], job.data["analysis"]


async def test_wrong_data_is_refused_and_opens_nothing(
    analysis: AnalysisExecutor, root: Path, tmp_path: Path, events: Path
) -> None:
    secret, good = tmp_path / "secret.wav", root / "-i 'a;[b],%d.mkv"
    make(secret, *sines((-20, 0.2)))
    good.write_bytes(events.read_bytes())
    tone = make(root / "tone.wav", *sines((-20, 0.2)))
    (root / "link.wav").symlink_to(secret)
    (root / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    (root / "playlist.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n")
    (root / "noise.mp4").write_bytes(os.urandom(50_000))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"sourceUri": str(root / "link.wav")}, "outside the storage roots"),
        ({"sourceUri": str(root / "list.mp4")}, "can be read|cannot be read"),
        ({"sourceUri": str(root / "playlist.mp4")}, "can be read|cannot be read"),
        ({"sourceUri": str(root / "noise.mp4")}, "can be read|cannot be read|neither"),
        ({"sourceUri": [str(good), str(good)]}, "2 values of sourceUri; give one"),
        ({"sourceUri": str(good), "checks": "everything"}, "checks has everything; give some of loudness"),
        ({"sourceUri": str(good), "silenceTime": "1:d=2"}, "silenceTime is 1:d=2; give a number"),
        ({"sourceUri": str(tone), "checks": "black"}, "has only sound"),
        ({"sourceUri": str(tone), "destinationUri": str(secret)}, "outside the storage roots"),
    ]
    kept = sorted(os.listdir(root))
    for data, words in wrong:
        outcome = await Job("ANALYZE", analysis, **data).run()
        assert isinstance(outcome, Fail) and any(word in outcome.reason for word in words.split("|")), (data, outcome)
        assert sorted(os.listdir(root)) == kept
    assert (await analyzed(analysis, good, checks="crop")).data["crop"] == ["120:90:20:0"]
    outcome = await Job("ANALYZE", analysis, sourceUri=str(root / "later.wav")).run()
    assert isinstance(outcome, Wait) and outcome.type == "SOURCE_UNAVAILABLE"


async def test_a_file_that_ends_too_early_is_measured_as_far_as_it_goes(
    analysis: AnalysisExecutor, root: Path, events: Path
) -> None:
    content = events.read_bytes()
    (root / "cut.mkv").write_bytes(content[: len(content) // 2])
    job = await analyzed(analysis, root / "cut.mkv", blackTime="0.5")
    assert job.data["black"] == ["1-1.6"]


async def test_a_picture_that_claims_a_boundless_size_is_not_begun(analysis: AnalysisExecutor, root: Path) -> None:
    source = make(root / "huge.mkv", *LAVFI, "color=s=64x64:r=25:d=0.04", "-c:v", "png")
    content = bytearray(source.read_bytes())
    head = content.index(b"IHDR")
    content[head + 4 : head + 12] = struct.pack(">2I", 16_000, 10_000)
    content[head + 17 : head + 21] = struct.pack(">I", zlib.crc32(content[head : head + 17]))
    source.write_bytes(content)
    job = Job("ANALYZE", analysis, sourceUri=str(source))
    outcome = await job.run()
    assert isinstance(outcome, Fail) and "huge.mkv" in outcome.reason, outcome
    assert any("exceeds specified max pixel count" in note for note in job.steps[-2].notes), job.steps[-2].notes


async def test_what_gets_nowhere_is_ended(
    analysis: AnalysisExecutor, root: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = root / "events.mkv"
    source.write_bytes(events.read_bytes())
    job = Job("ANALYZE", analysis, sourceUri=str(source))
    await job.until("analyze")
    hanging = root / "hanging"
    hanging.write_text(f"#!/bin/sh\n: {root}\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "find", lambda: hanging)
    monkeypatch.setattr(frames, "_SILENCE", 0.3)
    outcome = await job.attempt("analyze")
    assert isinstance(outcome, Fail) and "got nowhere" in outcome.reason


async def test_abort_ends_ffmpeg_and_leaves_nothing(analysis: AnalysisExecutor, root: Path, events: Path) -> None:
    source = make(root / "long.mkv", "-stream_loop", "300", "-i", str(events), "-map", "0", "-c", "copy")
    job = Job("ANALYZE", analysis, sourceUri=str(source), destinationUri=str(root / "report.json"))
    await job.until("analyze")
    step = job.step("analyze")
    task = asyncio.create_task(analysis.run(step))
    async with asyncio.timeout(20):
        while len(step.told) < 3:
            await asyncio.sleep(0.01)
    assert ffmpegs(root)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ffmpegs(root) == [] and partials(root) == []
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root) == ["long.mkv"]
