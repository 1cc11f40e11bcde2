"""TRANSCODE from its first step to its last, with real files and a real ffmpeg."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.executors.conftest import PICTURE, TONE, make
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.probing import probe
from vidijob.executors.storage import uri_of

Place = Callable[[str, str], Path]
PRESETS = Presets.load()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("tag", PRESETS.tags)
async def test_every_preset_makes_a_file_as_long_as_its_source(
    media: MediaExecutor, root: Path, place: Place, tag: str
) -> None:
    source = place("both.mp4", "in.mp4")
    preset = PRESETS.get(tag)
    target = root / f"out.{preset.extension}"
    job = Job("TRANSCODE", media, sourceUri=uri_of(source), destinationUri=uri_of(target), tag=tag)
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    info = await probe(target)
    original = await probe(source)
    assert info.duration is not None and original.duration is not None
    assert abs(info.duration - original.duration) < 0.1
    assert (info.has_video, info.has_audio) == (preset.video is not None, preset.audio is not None)
    assert names(root) == sorted(["in.mp4", target.name])
    assert job.data["fileUri"] == [uri_of(target)]
    assert job.data["fileSize"] == [str(target.stat().st_size)]
    assert abs(float(job.data["outputDuration"][0]) - float(job.data["duration"][0])) < 0.1
    assert not [key for key in job.data if key.startswith("vidijob_")]


async def test_several_tags_are_several_sub_tasks(media: MediaExecutor, root: Path, place: Place) -> None:
    source = place("both.mp4", "in.mp4")
    job = Job("TRANSCODE", media, sourceUri=uri_of(source), destinationUri=f"{root}/out/", tag=["wav", "m4a"])
    assert isinstance(await job.run(), Done)
    parts = next(step.parts for step in job.steps if step.method == "transcode")
    assert [(part.description, part.events) for part in parts] == [
        ("wav", ["start", "finish"]),
        ("m4a", ["start", "finish"]),
    ]
    for part in parts:
        assert part.told == sorted(part.told) and part.told[-1] == (100, 100, "percent")


async def test_a_source_that_is_not_there_is_waited_for(media: MediaExecutor, root: Path, place: Place) -> None:
    data = {"sourceUri": uri_of(root / "in.mp4"), "destinationUri": uri_of(root / "out.wav"), "tag": "wav"}
    outcome = await Job("TRANSCODE", media, **data).run()
    assert isinstance(outcome, Wait) and (outcome.type, outcome.data) == (
        "SOURCE_UNAVAILABLE",
        {"source": uri_of(root / "in.mp4")},
    )
    place("both.mp4", "in.mp4")
    assert await media.is_gone(outcome.type, outcome.data)
    job = Job("TRANSCODE", media, **data)
    await job.until("transcode")
    (root / "in.mp4").unlink()
    outcome = await job.attempt("transcode")
    assert isinstance(outcome, Wait) and outcome.type == "SOURCE_UNAVAILABLE"
    assert names(root) == [], "nothing is left of the attempt"


@pytest.mark.parametrize("tag", ["mp4", "webm", "prores", "lowres", "hevc"])
@pytest.mark.parametrize("clip", ["picture.mp4", "tone.wav"])
async def test_takes_what_the_source_has(media: MediaExecutor, root: Path, place: Place, tag: str, clip: str) -> None:
    source = place(clip, clip)
    target = root / f"out.{PRESETS.get(tag).extension}"
    outcome = await Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(target), tag=tag).run()
    assert isinstance(outcome, Done), outcome
    info = await probe(target)
    assert (info.has_video, info.has_audio) == (clip == "picture.mp4", clip == "tone.wav")
    assert info.duration is not None and abs(info.duration - 3) < 0.1


async def test_says_when_a_preset_makes_nothing_of_the_source(media: MediaExecutor, root: Path, place: Place) -> None:
    job = Job("TRANSCODE", media, sourceUri=str(place("picture.mp4", "a.mp4")), destinationUri=str(root / "a.wav"))
    outcome = await job.run()
    assert outcome == Fail("The source has only picture and the preset wav makes only sound; choose another tag.")
    assert names(root) == ["a.mp4"]


async def test_tells_progress_that_only_grows_and_ends_at_the_total(
    media: MediaExecutor, root: Path, place: Place
) -> None:
    source = place("both.mp4", "in.mp4")
    job = Job("TRANSCODE", media, sourceUri=str(source), destinationUri=f"{root}/", tag=["mp4", "wav,lowres"])
    assert isinstance(await job.run(), Done)
    told = next(step.told for step in job.steps if step.method == "transcode")
    values = [value for value, _, _ in told]
    assert values == sorted(values)
    assert told[0] == (0, 100, "percent") and told[-1] == (100, 100, "percent")
    assert len(set(values)) > 5
    assert names(root) == ["in.mp4", "in_lowres.mp4", "in_mp4.mp4", "in_wav.wav"]
    assert job.data["fileUri"] == [uri_of(root / name) for name in ("in_mp4.mp4", "in_wav.wav", "in_lowres.mp4")]
    assert len(job.data["outputDuration"]) == len(job.data["outputMediaInfo"]) == 3
    assert json.loads(job.data["mediaInfo"][0])["streams"][0]["width"] == 320


async def test_odd_sizes_and_late_starts_are_no_obstacle(media: MediaExecutor, root: Path) -> None:
    source = make(root / "odd.mov", *PICTURE, *TONE, "-vf", "scale=321:181", "-c:v", "prores_ks", "-c:a", "pcm_s16le")
    late = make(root / "late.ts", *PICTURE, *TONE, "-c:v", "mpeg2video", "-c:a", "mp2", "-output_ts_offset", "100")
    for path in (source, late):
        for tag in ("mp4", "hevc", "lowres", "prores", "webm"):
            target = root / f"{path.stem}_{tag}.{PRESETS.get(tag).extension}"
            outcome = await Job("TRANSCODE", media, sourceUri=str(path), destinationUri=str(target), tag=tag).run()
            assert isinstance(outcome, Done), outcome
            info = await probe(target)
            assert info.duration is not None and abs(info.duration - 3) < 0.1, target


async def test_more_sound_channels_than_a_format_has(media: MediaExecutor, root: Path) -> None:
    source = make(root / "surround.wav", *TONE, "-af", "aformat=channel_layouts=5.1(side)")
    for preset in PRESETS:
        target = root / f"{preset.tag}.{preset.extension}"
        outcome = await Job("TRANSCODE", media, sourceUri=str(source), destinationUri=str(target), tag=preset.tag).run()
        assert isinstance(outcome, Done), outcome


@pytest.mark.parametrize(
    "name",
    [
        "-i",
        "a b",
        "quote'\"s",
        "höhle 東京 🎬",
        "#1?x=2&y",
        "%41",
        "%d",
        "x:y",
        "a,b;c|d",
        "$(id)",
        "new\nline",
        "n" * 250,
    ],
)
async def test_hostile_names_are_only_names(media: MediaExecutor, root: Path, place: Place, name: str) -> None:
    source = place("tone.wav", name)
    target = root / "out" / name
    job = Job("TRANSCODE", media, sourceUri=uri_of(source), destinationUri=uri_of(target), tag="wav")
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    assert names(target.parent) == [name]


async def test_names_that_are_no_text(media: MediaExecutor, root: Path, place: Place) -> None:
    source = place("tone.wav", "tone.wav").rename(root / "caf\udce9.wav")
    target = root / "out\udcff.mp3"
    outcome = await Job("TRANSCODE", media, sourceUri=uri_of(source), destinationUri=uri_of(target)).run()
    assert isinstance(outcome, Done), outcome
    assert target.exists()
