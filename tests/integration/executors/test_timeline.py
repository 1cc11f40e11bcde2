"""TIMELINE puts together what timelines of every format say; what cannot be carried out, and what is hostile, is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.integration.executors.conftest import make
from tests.integration.executors.judges import frames, samples
from tests.integration.executors.steps import Job
from vidijob.executors.base import Done, Fail, Wait
from vidijob.executors.editing.executor import TimelineExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.storage import Storage

FRAME = 1920 * 2
EDL = """TITLE: An EDL
FCM: NON-DROP FRAME

001  TAPE_A   V     C        10:00:00:10 10:00:01:00 01:00:00:00 01:00:00:15
002  BL       V     C        00:00:00:00 00:00:00:05 01:00:00:15 01:00:00:20
003  AX       V     C        10:00:01:05 10:00:01:20 01:00:00:20 01:00:01:10
* FROM CLIP NAME:  b.mov
"""


FCPX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.9"><resources><format id="r1" frameDuration="{frame}/{base}s" width="160" height="90"/>
{assets}</resources><library><event name="e"><project name="p"><sequence format="r1" tcStart="0s" tcFormat="NDF">
<spine>{clips}</spine></sequence></project></event></library></fcpxml>
"""


def fcpx(frame: int, base: int, start: int, cuts: Iterable[tuple[Path | None, int, int]]) -> str:
    """XML as Final Cut Pro X writes it (its adapter's own is off by a frame): file, first frame, count; no file is a gap."""
    cuts, place, clips = list(cuts), 0, ""
    files = {file: f"r{number}" for number, file in enumerate(dict.fromkeys(file for file, _, _ in cuts if file), 2)}
    for file, first, count in cuts:
        times = f'offset="{frame * place}/{base}s" duration="{frame * count}/{base}s"'
        kind = f'asset-clip ref="{files[file]}" name="{file.stem}"' if file else 'gap name="Gap"'
        clips += f'<{kind} {times} start="{frame * ((start if file else 0) + first)}/{base}s"/>'
        place += count
    assets = "".join(
        f'<asset id="{id}" name="{file.stem}" src="{file.as_uri()}" start="{frame * start}/{base}s" '
        f'duration="{frame * 50}/{base}s" hasVideo="1" hasAudio="1" format="r1"/>'
        for file, id in files.items()
    )
    return FCPX.format(frame=frame, base=base, assets=assets, clips=clips)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, lossless: Presets) -> tuple[TimelineExecutor, Path]:
    """A storage with a.mov and b.mov, two seconds each, whose time codes begin with 10:00:00:00."""
    root = tmp_path_factory.mktemp("studio") / "storage"
    root.mkdir()
    for name, picture in (("a", "testsrc"), ("b", "testsrc2")):
        make(
            root / f"{name}.mov",
            *("-f", "lavfi", "-i", f"{picture}=size=160x90:rate=25:duration=2"),
            *("-f", "lavfi", "-i", "aevalsrc=exprs=sin(t*t*500)/2:sample_rate=48000:duration=2"),
            *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"),
            *("-timecode", "10:00:00:00"),
        )
    return TimelineExecutor(Storage([root]), lossless, threads=2), root


def at(frame: float, rate: float = 25) -> Any:
    return otio.opentime.RationalTime(frame, rate)


def clip(path: Path | str, first: int, count: int) -> Any:
    """A clip of a file of 50 frames, counted from the file's own time code, as editing systems do."""
    day = 900_000
    return otio.schema.Clip(
        Path(path).stem,
        otio.schema.ExternalReference(str(path), otio.opentime.TimeRange(at(day), at(50))),
        otio.opentime.TimeRange(at(day + first), at(count)),
    )


def timeline(*tracks: tuple[str, Iterable[Any]]) -> Any:
    made = otio.schema.Timeline("a timeline")
    for kind, items in tracks:
        made.tracks.append(otio.schema.Track(kind, kind=kind))
        made.tracks[-1].extend(list(items))
    return made


def simple(root: Path) -> list[Any]:
    return [
        clip((root / "a.mov").as_uri(), 10, 15),
        otio.schema.Gap(duration=at(5)),
        clip((root / "b.mov").as_uri(), 30, 15),
    ]


@pytest.mark.parametrize(("name", "adapter"), [("t.otio", "otio_json"), ("t.xml", "fcp_xml"), ("t.fcpxml", "fcpx_xml")])
async def test_every_format_makes_the_same_frames(
    studio: tuple[TimelineExecutor, Path], tmp_path: Path, name: str, adapter: str
) -> None:
    edit, root = studio
    file, target = root / name, root / f"{name}.mkv"
    if adapter == "fcpx_xml":
        cuts = [(root / "a.mov", 10, 15), (None, 0, 5), (root / "b.mov", 30, 15)]
        file.write_text(fcpx(1, 25, 900_000, cuts))
    else:
        otio.adapters.write_to_file(timeline(("Video", simple(root)), ("Audio", simple(root))), str(file), adapter)
    job = Job("TIMELINE", edit, timelineUri=str(file), destinationUri=str(target), tag="lossless")
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    a, b, made = frames(root / "a.mov"), frames(root / "b.mov"), frames(target)
    assert made[:15] == a[10:25] and made[20:] == b[30:45]
    assert len(set(made[15:20])) == 1 and made[15] not in a, "black"
    sound, heard = samples(root / "a.mov"), samples(target)
    assert (
        heard[: 15 * FRAME] == sound[10 * FRAME : 25 * FRAME] and heard[20 * FRAME :] == sound[30 * FRAME : 45 * FRAME]
    )
    assert not any(heard[15 * FRAME : 20 * FRAME])


@pytest.mark.parametrize(
    ("name", "adapter"),
    [("n.otio", "otio_json"), ("n.xml", "fcp_xml"), ("n.fcpxml", "fcpx_xml"), ("n.edl", "cmx_3600")],
)
async def test_frames_are_exact_at_a_rate_that_is_no_whole_number(
    studio: tuple[TimelineExecutor, Path], name: str, adapter: str
) -> None:
    edit, root = studio
    rate, source = 30000 / 1001, root / "ntsc.mov"
    if not source.exists():
        make(
            source,
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=96x54:rate=30000/1001:duration=2",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
        )
    cuts = [(7, 1), (29, 2), (58, 1), (3, 11), (0, 1), (47, 13)]
    made = otio.schema.Timeline("ntsc")
    made.tracks.append(otio.schema.Track("V", kind="Video"))
    for first, count in cuts:
        whole = otio.opentime.TimeRange(at(0, rate), at(60, rate))
        reference = otio.schema.ExternalReference(source.as_uri(), whole)
        made.tracks[0].append(
            otio.schema.Clip("ntsc", reference, otio.opentime.TimeRange(at(first, rate), at(count, rate)))
        )
    if adapter == "fcpx_xml":
        (root / name).write_text(fcpx(1001, 30000, 0, [(source, *cut) for cut in cuts]))
    else:
        otio.adapters.write_to_file(
            made, str(root / name), adapter, **({"rate": rate} if adapter == "cmx_3600" else {})
        )
    data = {"timelineUri": str(root / name), "destinationUri": str(root / f"{name}.mkv"), "mediaUri": str(source)}
    outcome = await Job("TIMELINE", edit, **data, tag="lossless").run()
    assert isinstance(outcome, Done), outcome
    all_frames = frames(source)
    assert frames(root / f"{name}.mkv") == [one for first, count in cuts for one in all_frames[first : first + count]]


async def test_an_edl_finds_its_media_by_reel_and_by_name(studio: tuple[TimelineExecutor, Path]) -> None:
    edit, root = studio
    (root / "t.edl").write_text(EDL)
    job = Job(
        "TIMELINE",
        edit,
        sourceUri=str(root / "t.edl"),
        mediaUri=[f"tape_a={root / 'a.mov'}", str(root / "b.mov")],
        destinationUri=f"{root}/made/",
        tag="lossless",
    )
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    a, b, made = frames(root / "a.mov"), frames(root / "b.mov"), frames(root / "made" / "t_lossless.mkv")
    assert made[:15] == a[10:25] and made[20:] == b[30:45] and len(set(made[15:20])) == 1
    notes = [note for step in job.steps for note in step.notes]
    assert "An EDL: 3 clips and gaps, read as cmx_3600." in notes
    assert "From frame 15 to 19: nothing." in notes


async def test_tracks_are_laid_over_each_other_and_sounds_are_mixed(studio: tuple[TimelineExecutor, Path]) -> None:
    edit, root = studio
    lower, upper = clip("a.mov", 0, 30), clip("b.mov", 0, 10)
    same = [clip("a.mov", 0, 30)]
    made = timeline(
        ("Video", [lower]),
        ("Video", [otio.schema.Gap(duration=at(5)), upper]),
        ("Audio", same),
        ("Audio", [one.deepcopy() for one in same]),
        ("Audio", [otio.schema.Gap(duration=at(20)), clip("b.mov", 0, 20)]),
    )
    otio.adapters.write_to_file(made, str(root / "layers.otio"))
    job = Job(
        "TIMELINE", edit, timelineUri=str(root / "layers.otio"), destinationUri=str(root / "layers.mkv"), tag="lossless"
    )
    outcome = await job.run()
    assert isinstance(outcome, Done), outcome
    a, b = frames(root / "a.mov"), frames(root / "b.mov")
    got = frames(root / "layers.mkv")
    assert got[:30] == a[:5] + b[:10] + a[15:30] and len(got) == 40 and len(set(got[30:])) == 1
    heard, sound = samples(root / "layers.mkv"), samples(root / "a.mov")
    assert heard[: 20 * FRAME] == sound[: 20 * FRAME], "two tracks that are alike are one"
    assert len(heard) == 40 * FRAME and heard[30 * FRAME :] == sound[10 * FRAME : 20 * FRAME]


def dissolve() -> Any:
    return otio.schema.Transition("a dissolve", "SMPTE_Dissolve", at(3), at(3))


def slow() -> Any:
    made = clip("a.mov", 0, 10)
    made.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    return made


def nested() -> Any:
    made = otio.schema.Stack("a nest")
    made.append(otio.schema.Track(children=[clip("a.mov", 0, 5)]))
    return made


BOMB = '<?xml version="1.0"?><!DOCTYPE xmeml [<!ENTITY a0 "boom">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
) + "]><xmeml><sequence><name>&a11;</name></sequence></xmeml>"  # fmt: skip
READER = '<!DOCTYPE xmeml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xmeml version="5"><sequence><name>&x;</name></sequence></xmeml>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([clip("a.mov", 0, 10), dissolve(), clip("a.mov", 20, 10)], "the transition a dissolve; make a cut of it"),
        ([slow()], "a is played at another speed .*; render it first"),
        ([nested()], "the Stack a nest within a track; flatten it"),
        ([clip("a.mov", 45, 6)], "a: lastFrame is 50, which lies outside the source: it has 10:00:00:00 to"),
        ([clip("a.mov", -1, 6)], "a: firstFrame is -1"),
        ([clip("/etc/passwd", 0, 5)], "outside the storage roots"),
        ([clip("../a.mov", 0, 5)], "'..' is not allowed"),
        ([clip("http://example.com/a.mov", 0, 5)], "only file: is allowed"),
        (
            [otio.schema.Clip("nowhere", source_range=otio.opentime.TimeRange(at(0), at(5)))],
            "no mediaUri is called like it",
        ),
        ([otio.schema.Gap(duration=at(5))], "nothing to be put together"),
        ([clip("a.mov", 0, 5)] * 101, "101 parts to be put together"),
        (b"", "neither OTIO nor an EDL"),
        (b"\xff\xfe\x00\x01", "neither OTIO nor an EDL"),
        (b"{" + b"[" * 100_000, "not a timeline that can be read|ends its reader"),
        (b'{"OTIO_SCHEMA": "Clip.1"}', "it is a Clip and no timeline"),
        (b"TITLE: x\n001  A  V  C  99:99:99:99 0 0 0\n", "not a timeline that can be read"),
        (BOMB.encode(), "not a timeline that can be read|ends its reader"),
        (READER.encode(), "not a timeline that can be read|nothing to be put together"),
        (b"<xmeml>" + b"<a>" * 200_000, "not a timeline that can be read|ends its reader"),
    ],
)
async def test_what_cannot_be_carried_out_is_refused(
    studio: tuple[TimelineExecutor, Path], tmp_path: Path, content: bytes | list[Any], words: str
) -> None:
    edit, root = studio
    file = root / "refused"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        made = timeline(("Video", [one.deepcopy() for one in content]))
        file.write_text(otio.adapters.write_to_string(made, "otio_json"))
    before = sorted(os.listdir(root))
    outcome = await Job("TIMELINE", edit, timelineUri=str(file), destinationUri=str(root / "no.mkv")).run()
    assert isinstance(outcome, Fail) and re.search(words, outcome.reason), outcome
    assert len(outcome.reason) < 1500 and "root:" not in outcome.reason
    assert sorted(os.listdir(root)) == before


async def test_media_that_is_missing_is_waited_for(studio: tuple[TimelineExecutor, Path]) -> None:
    edit, root = studio
    otio.adapters.write_to_file(timeline(("Video", [clip("late.mov", 0, 5)])), str(root / "late.otio"))
    job = Job("TIMELINE", edit, timelineUri=str(root / "late.otio"), destinationUri=str(root / "no.mkv"))
    outcome = await job.run()
    assert isinstance(outcome, Wait) and outcome.data == {"source": (root / "late.mov").as_uri()}
    for data, words in (
        ({"sourceUri": str(root / "late.otio"), "timelineUri": str(root / "late.otio")}, "both name the timeline"),
        ({"timelineUri": str(root / "late.otio"), "mediaUri": [f"A={root}/a.mov", f"a={root}/b.mov"]}, "are called a"),
        ({"timelineUri": "/etc/passwd"}, "outside the storage roots"),
    ):
        outcome = await Job("TIMELINE", edit, **data, destinationUri=str(root / "no.mkv")).run()
        assert isinstance(outcome, Fail) and words in outcome.reason, outcome
