"""THUMBNAIL: pictures of clips whose frames tell their number by their brightness, read by another library."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from tests.integration.executors.conftest import make
from tests.integration.executors.steps import Job
from tests.integration.executors.test_interrupted_transcode import ffmpegs, partials
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.media import ffmpeg, frames
from vidijob.executors.media.thumbnails import ThumbnailExecutor
from vidijob.executors.storage import Storage, uri_of

#: Frame n of 75, at 25 in a second, is as bright as 20 + 2n.
RAMP = ("-f", "lavfi", "-i", "nullsrc=s=160x90:r=25:d=3,geq=lum='20+2*N':cb=128:cr=128,format=yuv420p")
CUE = re.compile(r"(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})\n(.+)#xywh=(\d+),(\d+),(\d+),(\d+)\n")


@pytest.fixture
def thumbnail(storage: Storage) -> ThumbnailExecutor:
    return ThumbnailExecutor(storage, threads=2)


@pytest.fixture(scope="session")
def ramps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same film in several containers, and a tone."""
    folder = tmp_path_factory.mktemp("ramps")
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-bf", "2", "-g", "30", "-timecode", "10:00:00:00")
    make(folder / "ramp.mov", *RAMP, "-f", "lavfi", "-i", "sine=r=48000:d=3", *x264, "-c:a", "aac")
    ramp = ("-i", str(folder / "ramp.mov"))
    mpeg2 = ("-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-bf", "2")
    make(folder / "late.ts", *ramp, *mpeg2, "-c:a", "mp2", "-output_ts_offset", "100")
    make(folder / "ramp.avi", *ramp, "-c:v", "mjpeg", "-q:v", "2", "-an")
    make(folder / "bare.h264", *ramp, "-c", "copy", "-an")
    make(folder / "anamorphic.mkv", *RAMP, "-frames:v", "10", "-vf", "setsar=4/3", "-c:v", "ffv1")
    make(folder / "turned.mov", "-display_rotation:v:0", "90", *ramp, "-c", "copy", "-t", "1")
    make(folder / "tone.wav", "-f", "lavfi", "-i", "sine=r=48000:d=0.5")
    return folder


def put(ramps: Path, root: Path, clip: str, name: str | None = None) -> Path:
    target = root / (name or clip)
    target.write_bytes((ramps / clip).read_bytes())
    return target


def frame(picture: Image.Image, box: tuple[int, int, int, int] | None = None) -> float:
    """Return which frame of the ramp a picture, or a part of it, shows."""
    image = picture.crop(box) if box else picture
    grey = image.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(grey, int)
    # From the whole range to that of video.
    return (grey * 219 / 255 + 16 - 20) / 2


async def made(thumbnail: ThumbnailExecutor, source: Path, to: str, **data: str | list[str]) -> tuple[Job, list[Path]]:
    job = Job("THUMBNAIL", thumbnail, sourceUri=uri_of(source), destinationUri=to, **data)
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    files = [Path(unquote(uri.removeprefix("file://"))) for uri in job.data["fileUri"]]
    assert job.data["fileSize"] == [str(file.stat().st_size) for file in files]
    assert not [key for key in job.data if key.startswith("vidijob_")]
    return job, files


@pytest.mark.parametrize("clip", ["ramp.mov", "late.ts", "ramp.avi"])
async def test_posters_show_the_very_frame(thumbnail: ThumbnailExecutor, root: Path, ramps: Path, clip: str) -> None:
    wanted = {"0": 0, "0.04": 1, "0.079": 1, "1.24": 31, "00:00:01.96": 49, "30@PAL": 30, "74@25": 74, "60@50:1": 30}
    if clip == "ramp.mov":
        wanted |= {"10:00:01:05": 30, "10:00:02:24": 74}
    else:
        wanted |= {"00:00:01:05": 30}
    first, *others = wanted
    source = put(ramps, root, clip)
    job, files = await made(thumbnail, source, f"{root}/out/", createPosters=[first, ", ".join(others)])
    assert [file.name for file in files] == [f"{source.stem}_poster_{n + 1:03}.jpg" for n in range(len(wanted))]
    assert sorted(os.listdir(root / "out")) == sorted(file.name for file in files)
    for (text, number), file in zip(wanted.items(), files, strict=True):
        with Image.open(file) as picture:
            assert (picture.format, picture.size) == ("JPEG", (160, 90))
            assert frame(picture) == pytest.approx(number, abs=0.9 if clip == "late.ts" else 0.6), text
    told = next(step.told for step in job.steps if step.method == "create")
    assert told == sorted(told) and told[0] == (0, 100, "percent") and told[-1] == (100, 100, "percent")


async def test_without_a_wish_there_is_one_poster_that_shows_something(
    thumbnail: ThumbnailExecutor, root: Path, ramps: Path
) -> None:
    for to, format in ((f"{root}/", "JPEG"), (str(root / "my.png"), "PNG"), (str(root / "my.webp"), "WEBP")):
        _, (file,) = await made(thumbnail, put(ramps, root, "ramp.mov"), to)
        with Image.open(file) as picture:
            assert picture.format == format and picture.size == (160, 90)
            assert 7 <= frame(picture) <= 33, "of the second after a tenth"
    assert sorted(os.listdir(root)) == ["my.png", "my.webp", "ramp.mov", "ramp_poster.jpg"]
    (root / "my.png").write_text("mine")
    _, (file,) = await made(thumbnail, root / "ramp.mov", str(root / "my.png"), overwrite="true")
    with Image.open(file) as picture:
        assert picture.format == "PNG"


async def test_the_cues_of_a_sprite_fit_its_pictures(thumbnail: ThumbnailExecutor, root: Path, ramps: Path) -> None:
    source = put(ramps, root, "ramp.mov", "a film #1 %ü.mov")
    job, (sprite, track) = await made(
        thumbnail, source, f"{root}/out/", createSprite="true", thumbnailPeriod="0.4", thumbnailFormat="png"
    )
    assert (sprite.name, track.name) == ("a film #1 %ü_sprite.png", "a film #1 %ü_sprite.vtt")
    text = track.read_text("utf-8")
    assert text.startswith("WEBVTT\n\n")
    cues = CUE.findall(text)
    assert len(cues) == text.count("-->") == 8
    assert [cue[:2] for cue in (cues[0], cues[-1])] == [
        ("00:00:00.000", "00:00:00.400"),
        ("00:00:02.800", "00:00:03.000"),
    ]
    assert all(one[1] == other[0] for one, other in itertools.pairwise(cues))
    with Image.open(sprite) as picture:
        assert picture.size == (3 * 160, 3 * 90)
        for place, (*_, name, x, y, width, height) in enumerate(cues):
            assert unquote(name) == sprite.name and (width, height) == ("160", "90")
            box = (int(x), int(y), int(x) + 160, int(y) + 90)
            assert frame(picture, box) == pytest.approx(place * 10, abs=0.6), "the frame that is shown at its start"
            assert box[2] <= picture.width and box[3] <= picture.height
        assert len({cue[3:5] for cue in cues}) == 8
    parts = next(step.parts for step in job.steps if step.method == "create")
    assert [(part.description, part.events) for part in parts] == [
        ("sprite", ["start", "finish"]),
        ("sprite track", ["start", "finish"]),
    ]


async def test_a_track_elsewhere_finds_its_sprite(thumbnail: ThumbnailExecutor, root: Path, ramps: Path) -> None:
    source = put(ramps, root, "ramp.mov")
    to = [str(root / "pictures" / "a:b.jpg"), str(root / "tracks" / "film.vtt")]
    job = Job("THUMBNAIL", thumbnail, sourceUri=str(source), destinationUri=to, createSprite="true")
    assert isinstance(await job.run(), Done)
    name = CUE.findall((root / "tracks" / "film.vtt").read_text())[0][2]
    assert name == "../pictures/a%3Ab.jpg"


async def test_thumbnails_and_a_contact_sheet(thumbnail: ThumbnailExecutor, root: Path, ramps: Path) -> None:
    source = put(ramps, root, "ramp.mov", "-i.mov")
    _, files = await made(
        thumbnail,
        source,
        f"{root}/out/",
        **{"createThumbnails:Boolean": "true", "createContactSheet": "true", "thumbnailWidth": "80"},
        contactSheetColumns="3",
        contactSheetRows="2",
    )
    assert [file.name for file in files] == [
        "-i_thumb_0001.jpg", "-i_thumb_0002.jpg", "-i_thumb_0003.jpg", "-i_contact.jpg"
    ]  # fmt: skip
    *thumbnails, sheet = [Image.open(file) for file in files]
    assert [picture.size for picture in thumbnails] == [(80, 45)] * 3 and sheet.size == (240, 90)
    assert [frame(picture) for picture in thumbnails] == pytest.approx([0, 25, 50], abs=0.6)
    cells = [(x * 80 + 10, y * 45 + 10, x * 80 + 70, y * 45 + 35) for y in range(2) for x in range(3)]
    # The middles of six half seconds: 0.25, 0.75, …
    assert [frame(sheet, cell) for cell in cells] == pytest.approx([6, 18, 31, 43, 56, 68], abs=0.8)
    for picture in (*thumbnails, sheet):
        picture.close()


async def test_sizes(thumbnail: ThumbnailExecutor, root: Path, ramps: Path) -> None:
    sizes: list[tuple[str, dict[str, str | list[str]], tuple[int, int]]] = [
        ("anamorphic.mkv", {}, (213, 90)),
        ("anamorphic.mkv", {"posterWidth": "80"}, (80, 34)),
        ("anamorphic.mkv", {"posterHeight": "45"}, (107, 45)),
        ("ramp.mov", {"posterWidth": "100", "posterHeight": "100"}, (100, 100)),
        ("turned.mov", {}, (90, 160)),
        ("turned.mov", {"posterWidth": "45"}, (45, 80)),
    ]
    for place, (clip, data, size) in enumerate(sizes):
        source = put(ramps, root, clip, f"{place}-{clip}")
        _, (file,) = await made(thumbnail, source, str(root / f"{place}.png"), createPosters="0.2", **data)
        with Image.open(file) as picture:
            assert picture.size == size, (clip, data)
            corner, middle = (frame(picture, (x, x, x + 2, x + 2)) for x in (0, size[1] // 2 - 1))
            assert middle == pytest.approx(5, abs=0.6)
            assert (corner < 0) == (size == (100, 100)), "there are bars only where both sides are given"


async def test_wrong_data_is_refused_and_makes_nothing(
    thumbnail: ThumbnailExecutor, root: Path, tmp_path: Path, ramps: Path
) -> None:
    source, tone, bare = (put(ramps, root, clip) for clip in ("ramp.mov", "tone.wav", "bare.h264"))
    secret = tmp_path / "secret.mov"
    secret.write_bytes((ramps / "ramp.mov").read_bytes())
    (root / "link.mov").symlink_to(secret)
    (root / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    (root / "playlist.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n")
    (root / "taken.jpg").touch()
    out = str(root / "out.jpg")
    good = {"sourceUri": str(source), "destinationUri": out}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"sourceUri": str(source)}, "has no destinationUri"),
        ({"sourceUri": str(tone), "destinationUri": out}, "has no picture"),
        ({**good, "createPosters": "3"}, "the source lasts 3 s; give an earlier time"),
        ({**good, "createPosters": "10:00:03:00"}, "10:00:03:00, which lies outside the source"),
        ({**good, "createPosters": "10:00:00:30"}, "counted from 0 to 24"),
        ({**good, "createPosters": "10:00:00;02"}, "drop-frame"),
        ({**good, "createPosters": "5@0"}, "createPosters has 5@0; give seconds"),
        ({**good, "createPosters": "1,movie=/etc/passwd"}, "createPosters has movie=/etc/passwd; give seconds"),
        ({**good, "createPosters": "1e9"}, "give seconds"),
        ({**good, "createPosters": "1:" * 500_000}, "no time code"),
        ({**good, "createPosters": ["1"] * 101}, "at most 100"),
        ({**good, "createPosters": "false"}, "to make nothing"),
        ({**good, "createPosters": "1,2"}, "2 pictures to make and 1 values of destinationUri"),
        ({**good, "createThumbnails": "true"}, "give a folder that ends in /"),
        ({**good, "createThumbnails": "yes; true"}, "give true or false, or nothing"),
        ({**good, "createSprite": "true", "destinationUri": f"{root}/", "thumbnailPeriod": "0.001"}, "at least 0.01"),
        (
            {**good, "createSprite": "true", "destinationUri": f"{root}/", "thumbnailWidth": "8100"},
            "2 by 2 pictures of 8100 by",
        ),
        ({**good, "sourceUri": str(bare)}, "does not tell how long it lasts"),
        ({**good, "createContactSheet": "true", "contactSheetRows": "0"}, "whole number from 1 to 50"),
        ({**good, "posterWidth": "99999"}, "whole number from 1 to 8192"),
        ({**good, "posterWidth": "10:h=5"}, "whole number from 1 to 8192"),
        ({**good, "thumbnailFormat": "gif"}, "thumbnailFormat is gif; give jpg, png, webp"),
        ({**good, "destinationUri": str(root / "taken.jpg")}, "exists already"),
        ({**good, "destinationUri": str(tmp_path / "out.jpg")}, "outside the storage roots"),
        ({**good, "sourceUri": str(root / "link.mov")}, "outside the storage roots"),
        ({**good, "sourceUri": str(root / "list.mp4")}, "can be read"),
        ({**good, "sourceUri": str(root / "playlist.mp4")}, "can be read"),
        ({**good, "sourceUri": [str(source)] * 2}, "give one"),
    ]
    kept = sorted(os.listdir(root))
    for data, words in wrong:
        outcome = await Job("THUMBNAIL", thumbnail, **data).run()
        assert isinstance(outcome, Fail) and any(word in outcome.reason for word in words.split("|")), (data, outcome)
        assert sorted(os.listdir(root)) == kept
    source.unlink()
    outcome = await Job("THUMBNAIL", thumbnail, **good).run()
    assert isinstance(outcome, Wait) and outcome.type == "SOURCE_UNAVAILABLE"


async def test_too_many_thumbnails_are_refused_before_one_is_made(
    thumbnail: ThumbnailExecutor, root: Path, ramps: Path
) -> None:
    source = make(root / "long.mkv", "-f", "lavfi", "-i", "color=s=16x16:r=1:d=101", "-c:v", "ffv1")
    job = Job("THUMBNAIL", thumbnail, sourceUri=str(source), destinationUri=f"{root}/out/", thumbnailPeriod="0.1",
              createThumbnails="true")  # fmt: skip
    outcome = await job.run()
    assert isinstance(outcome, Fail) and "1010 pictures, and 1000 are allowed; give 0.11 s or more" in outcome.reason
    assert os.listdir(root / "out") == []


async def test_a_source_that_ends_before_it_promised_makes_nothing(
    thumbnail: ThumbnailExecutor, root: Path, ramps: Path
) -> None:
    content = (ramps / "ramp.avi").read_bytes()
    (root / "cut.avi").write_bytes(content[: len(content) // 3])
    data = {"sourceUri": str(root / "cut.avi"), "destinationUri": f"{root}/out/"}
    job = Job("THUMBNAIL", thumbnail, **data, createPosters="0.1", createSprite="true", createContactSheet="true")
    outcome = await job.run()
    assert isinstance(outcome, Fail) and "it is probably damaged" in outcome.reason, outcome
    assert os.listdir(root / "out") == [], "all pictures, or none"


async def test_a_full_disk_is_a_reason_to_wait(small_disk: Path, ramps: Path) -> None:
    thumbnail = ThumbnailExecutor(Storage([small_disk]), threads=2)
    source = put(ramps, small_disk, "ramp.mov")
    (small_disk / "filler").write_bytes(bytes(960_000 - source.stat().st_size))
    data = {"sourceUri": str(source), "destinationUri": f"{small_disk}/out/"}
    outcome = await Job("THUMBNAIL", thumbnail, **data, createPosters="0.1,0.2", posterWidth="8000").run()
    assert isinstance(outcome, Wait) and outcome.type == "OUT_OF_STORAGE", outcome
    assert os.listdir(small_disk / "out") == []


async def test_what_gets_nowhere_is_ended(
    thumbnail: ThumbnailExecutor, root: Path, ramps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("THUMBNAIL", thumbnail, sourceUri=str(put(ramps, root, "ramp.mov")), destinationUri=str(root / "a.jpg"))
    await job.until("create")
    hanging = root / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "find", lambda: hanging)
    monkeypatch.setattr(frames, "_SILENCE", 0.3)
    outcome = await job.attempt("create")
    assert isinstance(outcome, Fail) and "got nowhere" in outcome.reason
    assert partials(root) == []


async def test_attempts_can_be_cancelled_killed_and_repeated(
    thumbnail: ThumbnailExecutor, root: Path, ramps: Path
) -> None:
    data = {"sourceUri": str(put(ramps, root, "ramp.mov")), "destinationUri": f"{root}/out/"}
    job = Job("THUMBNAIL", thumbnail, **data, createPosters="0.5,1", createSprite="true", createThumbnails="true")
    for task in job.tasks[:-1]:
        for delay in (0, 0.02, 0.15):
            attempt = asyncio.create_task(thumbnail.run(job.step(task.method)))
            await asyncio.sleep(delay)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
            assert ffmpegs(root) == []
        assert isinstance(await thumbnail.run(job.step(task.method)), Done), "its end was not heard of"
        assert isinstance(await job.attempt(task.method), Done)
        if task.method == "create":
            shown = [name for name in os.listdir(root / "out") if not name.startswith(".")]
            assert shown == [], "nothing is there before all is"
            assert len(os.listdir(root / "out")) == 7
    assert isinstance(await job.attempt("cleanUp"), Done)
    names = ["poster_001.jpg", "poster_002.jpg", "thumb_0001.jpg", "thumb_0002.jpg", "thumb_0003.jpg", "sprite.jpg"]
    assert sorted(os.listdir(root / "out")) == sorted(f"ramp_{name}" for name in (*names, "sprite.vtt"))


async def test_one_place_that_is_taken_meanwhile_keeps_all_back(
    thumbnail: ThumbnailExecutor, root: Path, ramps: Path
) -> None:
    data = {"sourceUri": str(put(ramps, root, "ramp.mov")), "destinationUri": f"{root}/out/"}
    job = Job("THUMBNAIL", thumbnail, **data, createPosters="1", createSprite="true")
    await job.until("finish")
    (root / "out" / "ramp_sprite.vtt").write_text("mine")
    outcome = await job.attempt("finish")
    assert isinstance(outcome, Fail) and "never overwritten" in outcome.reason
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert os.listdir(root / "out") == ["ramp_sprite.vtt"]
