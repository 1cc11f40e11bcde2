"""FILE_ANALYZE and SHAPE_UPDATE: what files hold, compared with what MediaInfo, another program, says of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pymediainfo import MediaInfo

from tests.integration.executors.conftest import make
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.media.shapes import ShapeExecutor
from vidijob.executors.storage import Storage, uri_of

SUBTITLES = "1\n00:00:00,000 --> 00:00:01,000\nHello\n"
CHAPTERS = (
    ";FFMETADATA1\ntitle=A title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=Two\n"
)
HDR = (
    "log-level=error:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
)


@pytest.fixture
def shape(storage: Storage) -> ShapeExecutor:
    return ShapeExecutor(storage)


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that hold more than a picture and a tone."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "words.srt").write_text(SUBTITLES)
    (folder / "chapters.txt").write_text(CHAPTERS)
    picture = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001:d=1", "-f", "lavfi", "-i", "sine=r=48000:d=1")
    make(
        folder / "rich.mov",
        *(*picture, "-i", str(folder / "words.srt"), "-i", str(folder / "chapters.txt")),
        *("-map", "0", "-map", "1", "-map", "1", "-map", "2", "-map_metadata", "3", "-map_chapters", "3"),
        *(
            "-c:v",
            "prores_ks",
            "-profile:v",
            "3",
            "-c:a:0",
            "pcm_s24le",
            "-ac:a:0",
            "6",
            "-c:a:1",
            "aac",
            "-ac:a:1",
            "2",
        ),
        *("-c:s", "mov_text", "-timecode", "01:00:00;02", "-colorspace", "bt709"),
        *("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-metadata:s:s:0", "language=fra"),
    )
    make(
        folder / "turned.mov",
        "-display_rotation:v:0",
        "90",
        "-i",
        str(folder / "rich.mov"),
        "-map",
        "0:v",
        "-c",
        "copy",
    )
    make(
        folder / "fields.mxf",
        *("-f", "lavfi", "-i", "testsrc2=s=720x576:r=25:d=0.4", "-vf", "setdar=16/9,setfield=tff"),
        *("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-timecode", "10:00:00:02"),
    )
    make(
        folder / "hdr.mp4",
        *("-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=0.2", "-c:v", "libx265", "-preset", "ultrafast"),
        *("-pix_fmt", "yuv420p10le", "-x265-params", HDR),
    )
    quick = ("-c:v", "mpeg4", "-c:a", "aac")
    make(folder / "both.mp4", *picture, *quick)
    make(folder / "picture.mp4", *picture, "-t", "0.5", "-map", "0", *quick, "-s", "160x90")
    make(folder / "tone.wav", "-f", "lavfi", "-i", "sine=r=48000:d=1")
    return folder


async def analyzed(shape: ShapeExecutor, root: Path, source: Path, **data: str) -> tuple[Job, dict[str, Any]]:
    target = root / source.name
    target.write_bytes(source.read_bytes())
    job = Job("FILE_ANALYZE", shape, sourceUri=uri_of(target), **data)
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    return job, json.loads(job.data["mediaInfo"][0])


def judged(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return what MediaInfo says of the tracks of a kind."""
    return [track.to_data() for track in MediaInfo.parse(path).tracks if track.track_type == kind]


async def test_says_what_mediainfo_says(shape: ShapeExecutor, root: Path, rich: Path) -> None:
    job, info = await analyzed(shape, root, rich / "rich.mov")
    picture, surround, stereo, words = info["streams"][:4]
    (video,), (first, second), (text,) = (judged(rich / "rich.mov", kind) for kind in ("Video", "Audio", "Text"))
    assert (picture["width"], picture["height"], picture["frames"]) == (
        video["width"], video["height"], int(video["frame_count"])
    )  # fmt: skip
    assert (picture["frameRate"], video["frame_rate"]) == ("30000/1001", "29.970")
    assert (picture["codec"], picture["profile"], video["format"], video["format_profile"]) == (
        "prores", "HQ", "ProRes", "422 HQ"
    )  # fmt: skip
    assert (picture["bitDepth"], picture["pixelFormat"], picture["codecTag"]) == (10, "yuv422p10le", video["codec_id"])
    assert (picture["displayAspectRatio"],) == tuple(video["other_display_aspect_ratio"])
    assert (picture["fieldOrder"], video["scan_type"]) == ("progressive", "Progressive")
    assert (picture["colorMatrix"], video["matrix_coefficients"]) == ("bt709", "BT.709")
    assert round(picture["duration"] * 1000) == video["duration"]
    for stream, track in ((surround, first), (stereo, second)):
        assert (stream["channels"], stream["sampleRate"]) == (track["channel_s"], track["sampling_rate"])
    assert (surround["bitDepth"], first["bit_depth"], surround["layout"], surround["channelNames"][3]) == (
        24, 24, "5.1", "LFE"
    )  # fmt: skip
    assert (stereo["codec"], stereo["profile"], "bitDepth" in stereo) == ("aac", "LC", False)
    assert [stream["language"] for stream in (surround, stereo, words)] == ["ger", "eng", "fra"]
    assert [track["language"] for track in (first, second, text)] == ["de", "en", "fr"]
    assert (words["kind"], words["codec"]) == ("subtitle", "mov_text")
    (clock,) = judged(rich / "rich.mov", "Other")
    assert job.data["timeCode"] == [clock["time_code_of_first_frame"]] == ["01:00:00;02"]
    assert info["tags"]["title"] == judged(rich / "rich.mov", "General")[0]["title"] == "A title"
    assert info["chapters"] == [{"start": 0, "end": 0.5, "title": "One"}, {"start": 0.5, "end": 1, "title": "Two"}]
    assert {"kind": "data"}.items() <= info["streams"][5].items()
    assert {key: job.data[key] for key in ("videoCodec", "width", "height", "audioCodec", "audioChannels")} == {
        "videoCodec": ["prores"],
        "width": ["320"],
        "height": ["180"],
        "audioCodec": ["pcm_s24le", "aac"],
        "audioChannels": ["6", "2"],
    }
    assert "fileUri" not in job.data and os.listdir(root) == ["rich.mov"], "nobody asked for a report"


async def test_fields_rotation_and_hdr(shape: ShapeExecutor, root: Path, rich: Path) -> None:
    job, info = await analyzed(shape, root, rich / "fields.mxf")
    (video,) = judged(rich / "fields.mxf", "Video")
    (picture,) = info["streams"]
    assert (picture["fieldOrder"], picture["interlaced"]) == ("tt", True)
    assert (video["scan_type"], video["scan_order"]) == ("Interlaced", "TFF")
    assert job.data["timeCode"] == [video["time_code_of_first_frame"]] == ["10:00:00:02"]
    assert [picture["displayAspectRatio"]] == video["other_display_aspect_ratio"] == ["16:9"]
    assert picture["pixelAspectRatio"] == "64/45"

    _, info = await analyzed(shape, root, rich / "turned.mov")
    (video,) = judged(rich / "turned.mov", "Video")
    assert info["streams"][0]["rotation"] == float(video["rotation"]) == 270

    _, info = await analyzed(shape, root, rich / "hdr.mp4")
    (video,) = judged(rich / "hdr.mp4", "Video")
    picture = info["streams"][0]
    assert (picture["profile"], picture["bitDepth"]) == ("Main 10", video["bit_depth"])
    assert (picture["colorPrimaries"], picture["colorTransfer"], picture["colorMatrix"], picture["colorRange"]) == (
        "bt2020", "smpte2084", "bt2020nc", "tv"
    )  # fmt: skip
    display = picture["hdr"]["masteringDisplay"]
    assert video["mastering_display_luminance"] == "min: 0.0001 cd/m2, max: 1000 cd/m2"
    assert (display["minLuminance"], display["maxLuminance"]) == (0.0001, 1000)
    assert (display["red"], display["white"]) == ([0.68, 0.32], [0.3127, 0.329])
    assert f"{picture['hdr']['maxContentLight']} cd/m2" == video["maximum_content_light_level"]
    assert f"{picture['hdr']['maxAverageLight']} cd/m2" == video["maximum_frameaverage_light_level"]


async def test_reckons_checksums_and_writes_a_report(shape: ShapeExecutor, root: Path, rich: Path) -> None:
    content = (rich / "both.mp4").read_bytes()
    job, info = await analyzed(
        shape, root, rich / "both.mp4", checksums="md5, SHA256", destinationUri=f"{root}/reports/"
    )
    sums = [hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()]
    assert (job.data["checksumAlgorithm"], job.data["checksum"]) == (["MD5", "SHA-256"], sums)
    report = root / "reports" / "both_info.json"
    assert job.data["fileUri"] == [uri_of(report)] and os.listdir(report.parent) == [report.name]
    assert json.loads(report.read_text()) == {"sourceUri": job.data["sourceUri"][0], **info}
    assert info["checksums"] == dict(zip(("MD5", "SHA-256"), sums, strict=True))
    told = next(step.told for step in job.steps if step.method == "checkMedia")
    assert told == sorted(told) and told[-1] == (len(content), len(content), "bytes")
    assert not [key for key in job.data if key.startswith("vidijob_")]


async def test_tells_what_has_changed(shape: ShapeExecutor, root: Path, rich: Path) -> None:
    (root / "a.mp4").write_bytes((rich / "both.mp4").read_bytes())
    (root / "b.wav").write_bytes((rich / "tone.wav").read_bytes())
    job = Job("SHAPE_UPDATE", shape, sourceUri=[str(root / "a.mp4"), str(root / "b.wav")])
    assert isinstance(await job.run(), Done)
    assert "shapeChanged" not in job.data, "nobody said what was known"
    before = list(job.data["mediaInfo"])
    again = Job("SHAPE_UPDATE", shape, sourceUri=job.data["sourceUri"], expectedMediaInfo=before)
    assert isinstance(await again.run(), Done)
    assert (again.data["shapeChanged"], again.data["shapeChanges"]) == (["false", "false"], ["[]"])

    (root / "a.mp4").write_bytes((rich / "picture.mp4").read_bytes())
    again = Job(
        "SHAPE_UPDATE",
        shape,
        sourceUri=job.data["sourceUri"],
        expectedMediaInfo=before,
        destinationUri=str(root / "report.json"),
    )
    assert isinstance(await again.run(), Done)
    assert again.data["shapeChanged"] == ["true", "false"]
    found = {change["fact"]: (change["was"], change["is"]) for change in json.loads(again.data["shapeChanges"][0])}
    assert found["video[0].width"] == (320, 160) and found["audio[0]"] == ("aac", None)
    assert found["duration"][1] < 0.6 and "video[0].frameRate" not in found
    report = json.loads((root / "report.json").read_text())
    assert [bool(one["changes"]) for one in report["files"]] == [True, False]


async def test_what_a_transcode_tells_of_a_file_can_be_expected(shape: ShapeExecutor, root: Path, rich: Path) -> None:
    from vidijob.executors.media.probing import probe

    (root / "a.mp4").write_bytes((rich / "both.mp4").read_bytes())
    short = (await probe(root / "a.mp4")).text()
    job = Job("SHAPE_UPDATE", shape, sourceUri=str(root / "a.mp4"), expectedMediaInfo=short)
    assert isinstance(await job.run(), Done)
    assert job.data["shapeChanged"] == ["false"], job.data["shapeChanges"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '{"streams": [1]}',
        '{"streams": {}}',
        '{"width": 1e999}',
        '{"width": NaN}',
        "[" * 100_000,
        '{"a":' * 100 + "1" + "}" * 100,
        '{"a": "' + "x" * 1_000_001 + '"}',
        '{"a": ' + "9" * 5000 + "}",
    ],
    ids=range(11),
)
async def test_an_expectation_that_is_none_is_refused(shape: ShapeExecutor, root: Path, rich: Path, text: str) -> None:
    (root / "a.wav").write_bytes((rich / "tone.wav").read_bytes())
    outcome = await Job("SHAPE_UPDATE", shape, sourceUri=str(root / "a.wav"), expectedMediaInfo=[text or "1"]).run()
    assert isinstance(outcome, Fail) and "must be a JSON object as mediaInfo has it" in outcome.reason, outcome


async def test_strange_expectations_are_only_different(shape: ShapeExecutor, root: Path, rich: Path) -> None:
    (root / "a.wav").write_bytes((rich / "tone.wav").read_bytes())
    strange = (
        '{"duration": %s, "size": true, "streams": [{}, {"kind": ["x"]}, {"kind": "audio", "channels": "\\ud800"}]}'
    )
    job = Job("SHAPE_UPDATE", shape, sourceUri=str(root / "a.wav"), expectedMediaInfo=strange % ("9" * 400))
    assert isinstance(await job.run(), Done)
    assert len(json.loads(job.data["shapeChanges"][0])) == 5


async def test_wrong_data_is_refused_and_opens_nothing(
    shape: ShapeExecutor, root: Path, tmp_path: Path, rich: Path
) -> None:
    secret, good = tmp_path / "secret.mp4", root / "good.wav"
    secret.write_bytes((rich / "picture.mp4").read_bytes())
    good.write_bytes((rich / "tone.wav").read_bytes())
    (root / "link.mp4").symlink_to(secret)
    (root / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    (root / "playlist.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n")
    (root / "dash.mp4").write_text(f"<MPD><Period><BaseURL>file://{secret}</BaseURL></Period></MPD>")
    (root / "noise.mp4").write_bytes(os.urandom(100_000))
    (root / "cut.mp4").write_bytes((rich / "both.mp4").read_bytes()[:3000])
    (root / "empty.mp4").touch()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"sourceUri": str(root / name)}, "cannot be read|can be read|damaged|neither|holds no")
        for name in ("list.mp4", "playlist.mp4", "dash.mp4", "noise.mp4", "cut.mp4", "empty.mp4")
    ]
    wrong += [
        ({"sourceUri": str(root / "link.mp4")}, "outside the storage roots"),
        ({"sourceUri": f"{root}/../secret.mp4"}, "'..' is not allowed"),
        ({"sourceUri": "-i"}, "absolute path"),
        ({"sourceUri": "concat:/etc/passwd"}, "only file: is allowed"),
        ({"sourceUri": f"{root}/a%00b"[1:]}, "absolute path"),
        ({"sourceUri": f"file://{root}/a%00b"}, "NUL"),
        ({"sourceUri": "x" * 1_000_000}, "absolute path"),
        ({"sourceUri": [str(good)] * 2}, "give one, or use SHAPE_UPDATE"),
        ({"sourceUri": [str(good)] * 101}, "at most 100"),
        ({"sourceUri": str(good), "checksums": "crc; rm -rf /"}, "checksums has crc; rm -rf /; give some of MD5"),
        ({"sourceUri": str(good), "destinationUri": str(good)}, "exists already"),
        ({"sourceUri": str(good), "destinationUri": str(tmp_path / "out.json")}, "outside the storage roots"),
    ]
    kept = sorted(os.listdir(root))
    for data, words in wrong:
        outcome = await Job("FILE_ANALYZE", shape, **data).run()
        assert isinstance(outcome, Fail) and any(word in outcome.reason for word in words.split("|")), (data, outcome)
        assert sorted(os.listdir(root)) == kept
    outcome = await Job("FILE_ANALYZE", shape, sourceUri=str(root / "later.mp4")).run()
    assert isinstance(outcome, Wait) and outcome.type == "SOURCE_UNAVAILABLE"


async def test_attempts_can_be_cancelled_and_repeated(shape: ShapeExecutor, root: Path, rich: Path) -> None:
    (root / "-i.wav").write_bytes((rich / "tone.wav").read_bytes())
    target = root / "report.json"
    job = Job("FILE_ANALYZE", shape, sourceUri=str(root / "-i.wav"), destinationUri=str(target), checksums="SHA-1")
    for task in job.tasks[:-1]:
        for delay in (0, 0.002, 0.1):
            attempt = asyncio.create_task(shape.run(job.step(task.method)))
            await asyncio.sleep(delay)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
        if task.method != "finish":
            assert not target.exists()
        assert isinstance(await job.attempt(task.method), Done)
    assert isinstance(await job.attempt("cleanUp"), Done)
    assert sorted(os.listdir(root)) == ["-i.wav", "report.json"]
    assert json.loads(target.read_text())["streams"][0]["codec"] == "pcm_s16le"
