"""What filters say of frames, and the report that is made of it."""

from __future__ import annotations

import pytest

from vidijob.errors import Invalid
from vidijob.executors.media.frames import Block, Blocks
from vidijob.executors.media.meters import Meter, checks, graph, outputs
from vidijob.executors.media.probing import MediaInfo, Stream


def media(*kinds: str, duration: float = 10) -> MediaInfo:
    return MediaInfo("mov", duration, 1, None, tuple(Stream(kind, "x", {"duration": duration}) for kind in kinds))


def test_lines_become_blocks() -> None:
    blocks: list[Block] = []
    reader = Blocks(blocks.append)
    lines = """
    lavfi.lost=1
    frame:0    pts:0       pts_time:0
    lavfi.a=1.00
    no sense
    vidijob=picture
    frame:1    pts:-5      pts_time:-0.5
    vidijob=0
    frame:2    pts:7       pts_time:NOPTS
    lavfi.b=2
    frame:9    pts:9       pts_time:9.25
    lavfi.c=cut short
    """
    for line in lines.splitlines():
        reader.take(line.strip())
    reader.finish()
    assert blocks == [Block(0, "picture", {"lavfi.a": "1.00"}), Block(-0.5, "0", {"lavfi.b": "2"})]


def test_what_is_open_at_the_end_lasts_until_the_end() -> None:
    meter = Meter(checks({"blackTime": ["0.5"]}), media("video"))
    said = {0.0: {"lavfi.black_start": "0"}, 0.4: {"lavfi.black_end": "0.4"}, 1.0: {"lavfi.black_start": "1"}}
    done = [meter.hear(Block(place / 5, "picture", dict(said.get(place / 5, {})))) for place in range(10)]
    assert done[-1] == pytest.approx(2.0)
    assert meter.report()["black"] == [{"start": 1.0, "end": 2.0}], "the first was too short"


def test_silence_is_where_all_tracks_are_silent() -> None:
    meter = Meter(checks({"silenceTime": ["0.1"]}), media("audio", "audio"))
    for start, end in ((0.0, 1.0), (2.0, 5.0), (7.0, 9.0)):
        meter.hear(Block(start, "0", {"lavfi.silence_start": str(start)}))
        meter.hear(Block(end, "0", {"lavfi.silence_end": str(end)}))
    for start, end in ((0.5, 3.0), (4.0, 8.0)):
        meter.hear(Block(start, "1", {"lavfi.silence_start": str(start)}))
        meter.hear(Block(end, "1", {"lavfi.silence_end": str(end)}))
    report = meter.report()
    assert [(one["start"], one["end"]) for one in report["silence"]] == [(0.5, 1), (2, 3), (4, 5), (7, 8)]
    assert [len(one["silence"]) for one in report["silenceOfTracks"]] == [3, 2]
    assert "black" not in report, "there was no picture"


def test_only_what_is_wanted_and_there_is_measured() -> None:
    everything = graph(checks({}), media("video", "audio", "audio"))
    assert everything is not None and everything.count("ebur128") == 2 and "idet" in everything
    wanted = checks({"checks": ["black, loudness", "crop"]})
    some = graph(wanted, media("video", "audio"))
    assert some is not None and "blackdetect" in some and "cropdetect" in some and "ebur128" in some
    assert not any(name in some for name in ("idet", "freezedetect", "silencedetect"))
    assert outputs(wanted, media("video", "audio"))[1::5] == ["[v]", "[a0]"]
    assert graph(checks({"checks": ["black"]}), media("audio")) is None
    assert graph(checks({"checks": ["silence"]}), media("video")) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("checks", "loudness,'; rm"),
        ("blackThreshold", "2"),
        ("blackTime", "nan"),
        ("freezeTime", "inf"),
        ("silenceThreshold", "-60dB:d=1,movie=/etc/passwd"),
        ("silenceTime", "0"),
        ("freezeThreshold", "9" * 1_000_000),
        ("blackPercentage", "\udcff %"),
    ],
)
def test_wrong_limits_are_refused(key: str, value: str) -> None:
    with pytest.raises(Invalid, match=f"{key} (is|has) "):
        checks({key: [value]})
