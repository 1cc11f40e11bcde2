"""Which frames of a source a job's data means, and what is said of those that the source has not."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest

from vidijob.errors import Invalid
from vidijob.executors.media import cut
from vidijob.executors.media.probing import MediaInfo, Stream

NTSC = "30000/1001"


def source(rate: str, frames: int, first: str | None = None, start: float = 0.0, counted: bool = True) -> MediaInfo:
    """What probing tells of a source with picture and sound."""
    duration = float(frames / Fraction(rate))
    facts = {"frameRate": rate, "duration": duration, "startTime": start, **({"frames": frames} if counted else {})}
    streams = (Stream("video", "h264", facts), Stream("audio", "aac", {"startTime": start}))
    return MediaInfo("mov", duration, 1000, None, streams, first)


SOUND = MediaInfo("wav", 2.0, 1000, None, (Stream("audio", "pcm_s16le", {"startTime": 0.0}),))
PAL = source("25", 75, "10:00:00:00")
DROP = source(NTSC, 90, "00:00:59;00")
PLAIN = source(NTSC, 90)
MIDNIGHT = source("25", 75, "23:59:59:00")


@pytest.mark.parametrize(
    ("info", "data", "first", "last"),
    [
        (PAL, {"smpteTimeCode": "10:00:01:00", "lastSmpteTimeCode": "10:00:01:24"}, 25, 49),
        (PAL, {"smpteTimeCode": "10:00:02:24", "lastSmpteTimeCode": "10:00:02:24"}, 74, 74),
        (PAL, {"lastSmpteTimeCode:String": "10:00:00:00"}, 0, 0),
        (PAL, {"firstFrame": "70"}, 70, 74),
        (PAL, {"startTime": "0.5", "endTime": "1"}, 13, 24),
        (PAL, {"startTime": "0.52", "endTime": "0.53"}, 13, 13),
        (PAL, {"smpteTimeCode": "10:00:01:00", "endTime": "3"}, 25, 74),
        (DROP, {"smpteTimeCode": "00:00:59;29", "lastSmpteTimeCode": "00:01:00;02"}, 29, 30),
        (DROP, {"smpteTimeCode": "00:01:00.02"}, 30, 89),
        (PLAIN, {"smpteTimeCode": "00:00:01;00", "lastSmpteTimeCode": "00:00:01;29"}, 30, 59),
        (PLAIN, {"smpteTimeCode": "00:00:01:00", "lastSmpteTimeCode": "00:00:01:29"}, 30, 59),
        (MIDNIGHT, {"smpteTimeCode": "23:59:59:20", "lastSmpteTimeCode": "00:00:00:05"}, 20, 30),
        (source("2997/100", 90, counted=False), {"firstFrame": "1"}, 1, 89),
        (source("25", 75, "99:99:99:99"), {"smpteTimeCode": "00:00:01:00"}, 25, 74),
    ],
)
def test_finds_the_frames(info: MediaInfo, data: dict[str, str], first: int, last: int) -> None:
    found = cut.find({key: [value] for key, value in data.items()}, info)
    assert found is not None and found.rate is not None
    assert found.words == f"frames {first} to {last} of {90 if info in (DROP, PLAIN) or found.rate != 25 else 75}"
    assert (found.start, found.seconds) == (first / found.rate, (last + 1 - first) / found.rate)
    assert found.frames == last + 1 - first


def test_an_hour_of_drop_frame_is_found_where_the_clock_says() -> None:
    info = source(NTSC, 120_000)
    found = cut.find({"smpteTimeCode": ["01:00:00;00"]}, info)
    assert found is not None and found.start == 107_892 / Fraction(NTSC) and abs(found.start - 3600) < 0.01
    assert found.seek() == ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", "3598.9964"]
    tape = replace(info, container="mpegts")
    for one, first, words in ((info, "50", []), (tape, "500", []), (tape, "30000", ["-ss", "991"])):
        near = cut.find({"firstFrame": [first]}, one)
        assert near is not None and near.seek()[-2:] == words, "what comes before is short"


def test_the_clock_of_the_file_counts() -> None:
    found = cut.find({"firstFrame": ["10"], "lastFrame": ["19"]}, source("25", 75, start=1.48))
    assert found is not None
    assert found.picture() == "trim=start=1.86:end=2.26,setpts=round(PTS-(1.88/TB))"
    assert found.sound(0) == "atrim=start=1.88:end=2.28,asetpts=round(PTS-(1.88/TB))"


def test_all_of_a_source_is_no_part() -> None:
    assert cut.find({}, PAL) is None
    assert cut.find({"smpteTimeCode": [""]}, PAL) is None


def test_sound_alone_is_cut_in_seconds() -> None:
    found = cut.find({"startTime": ["0.25"], "endTime": ["1.5"]}, SOUND)
    assert found is not None and (found.seconds, found.frames) == (Fraction(5, 4), None)
    assert found.words == "0.25 s to 1.5 s"


@pytest.mark.parametrize(
    ("info", "data", "words"),
    [
        (
            PAL,
            {"smpteTimeCode": "09:59:59:24"},
            "outside the source: it has 10:00:00:00 to 10:00:02:24, frames 0 to 74",
        ),
        (PAL, {"lastSmpteTimeCode": "10:00:03:00"}, "outside the source: it has 10:00:00:00 to 10:00:02:24"),
        (PAL, {"smpteTimeCode": "10:00:02:00", "lastSmpteTimeCode": "10:00:01:00"}, "end before it begins"),
        (PAL, {"smpteTimeCode": "10:00:00:25"}, "from 0 to 24"),
        (PAL, {"smpteTimeCode": "10:00:00;00"}, "drop-frame, which there is none of at the source's 25"),
        (PAL, {"firstFrame": "75"}, "outside the source"),
        (PAL, {"firstFrame": "-1"}, "number of a frame"),
        (PAL, {"firstFrame": "9" * 1_000_000}, "number of a frame"),
        (PAL, {"startTime": "1e3"}, "give seconds"),
        (PAL, {"startTime": "nan"}, "give seconds"),
        (PAL, {"endTime": "0"}, "outside the source"),
        (PAL, {"startTime": "0.5", "endTime": "0.5"}, "end before it begins"),
        (PAL, {"smpteTimeCode": "10:00:01:00", "firstFrame": "3"}, "both say the same"),
        (DROP, {"smpteTimeCode": "00:01:00;00"}, "leaves that name out"),
        (DROP, {"smpteTimeCode": "00:00:59:00"}, "counts its time codes with drop-frame, from 00:00:59;00 on"),
        (source(NTSC, 90, "00:00:59:00"), {"smpteTimeCode": "00:00:59;00"}, "without drop-frame, .* write : before"),
        (PLAIN, {"smpteTimeCode": "00:00:03;00"}, "outside the source: it has 00:00:00;00 to 00:00:02;29"),
        (PLAIN, {"smpteTimeCode": "-i /etc/passwd"}, "no time code"),
        (PLAIN, {"smpteTimeCode": "00:00:01:00,movie=/etc/passwd"}, "no time code"),
        (PLAIN, {"smpteTimeCode": "1" * 1_000_000}, "no time code"),
        (MIDNIGHT, {"smpteTimeCode": "00:00:02:00"}, "outside the source: it has 23:59:59:00 to 00:00:01:24"),
        (SOUND, {"smpteTimeCode": "00:00:00:01"}, "no picture, whose frames smpteTimeCode could name; give startTime"),
        (SOUND, {"startTime": "2.5"}, "outside the source: it has 0 s to 2 s"),
        (SOUND, {"startTime": "1", "endTime": "1"}, "end before it begins"),
    ],
)
def test_refuses_what_the_source_has_not(info: MediaInfo, data: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        cut.find({key: [value] for key, value in data.items()}, info)
    assert len(str(refused.value)) < 1000


def test_a_key_has_one_value() -> None:
    with pytest.raises(Invalid, match=re.escape("2 values of smpteTimeCode")):
        cut.find({"smpteTimeCode": ["10:00:01:00"] * 2}, PAL)
