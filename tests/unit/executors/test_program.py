"""Shots at their places: nothing is lost between them, nothing drifts, picture and sound end together."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.errors import Invalid
from vidijob.executors.editing import graph
from vidijob.executors.editing.program import SAMPLE_RATE, Program, Shot, filled, format_of, place, read_rate
from vidijob.executors.media import cut
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.probing import MediaInfo, Stream

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60000, 1001), Fraction(50)]
PICTURE = {"width": 1440, "height": 1080, "pixelAspectRatio": "4/3", "frameRate": "25", "pixelFormat": "yuv422p10le"}
INFO = MediaInfo("mov", 4.0, 1, None, (Stream("video", "h264", PICTURE), Stream("audio", "aac", {"channels": 1})))


def nothing(seconds: Fraction) -> Shot:
    return Shot(None, None, None, seconds)


@given(
    st.sampled_from(RATES), st.lists(st.tuples(st.sampled_from(RATES), st.integers(1, 300)), min_size=1, max_size=60)
)
def test_nothing_is_lost_and_nothing_drifts(rate: Fraction, parts: list[tuple[Fraction, int]]) -> None:
    shots = [nothing(count / source) for source, count in parts]
    placed = list(place(shots, rate))
    assert [one.begin for one in placed[1:]] == [one.end for one in placed[:-1]]
    assert [one.first_sample for one in placed[1:]] == [one.last_sample for one in placed[:-1]]
    for one in placed:
        assert abs(one.last_sample - one.end * SAMPLE_RATE / rate) <= Fraction(1, 2)
        assert one.frames > 0 and abs(one.frames - one.shot.seconds * rate) <= 1
    whole = sum(shot.seconds for shot in shots)
    assert not placed or abs(placed[-1].end - whole * rate) <= Fraction(1, 2), (
        "half a frame, however many shots there are"
    )


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60), st.sampled_from(RATES))
def test_parts_at_the_rate_of_the_whole_keep_all_their_frames(counts: list[int], rate: Fraction) -> None:
    placed = list(place([nothing(count / rate) for count in counts], rate))
    assert [one.frames for one in placed] == counts


def test_a_shorter_lane_is_filled_up() -> None:
    lane = list(place([nothing(Fraction(2, 5))], Fraction(25)))
    assert [(one.begin, one.end) for one in filled(lane, 25, Fraction(25))] == [(0, 10), (10, 25)]
    assert filled(lane, 10, Fraction(25)) == tuple(lane)


def test_the_form_is_that_of_the_first_source_as_it_is_shown() -> None:
    shots = [nothing(Fraction(1)), Shot(Path("/a"), INFO, cut.of(INFO, "", "", "", ""), Fraction(4))]
    made = format_of(shots, None, None)
    assert (made.width, made.height, made.rate, made.pixels, made.layout) == (
        1920,
        1080,
        Fraction(25),
        "yuv422p10le",
        "mono",
    )
    given_form = format_of(shots, "59.94", "640x360")
    assert (given_form.width, given_form.height, given_form.rate) == (640, 360, Fraction(60000, 1001))


@pytest.mark.parametrize("text", ["", "0", "1/0", "25,movie=x", "301", "-25", "nan", "1e2", "25 ", "9" * 1_000_000])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"outputFrameRate is .*; give one like 25"):
        read_rate(text)


def test_picture_and_sound_of_a_shot_share_an_input_that_can_only_be_this_file() -> None:
    shot = Shot(Path("/s/-i a|b.mov"), INFO, cut.of(INFO, "firstFrame", "25", "", ""), Fraction(3))
    made = format_of([shot], None, None)
    placed = tuple(place([shot, nothing(Fraction(1))], made.rate))
    program = Program(made, placed, (placed, placed))
    arguments = graph.command(Path("ffmpeg"), program, Path("/s/out.mp4"), Presets.load().get("mp4"), 3)
    assert arguments.count("-i") == 1 and arguments[arguments.index("-i") + 1] == "file:/s/-i a|b.mov"
    assert arguments[arguments.index("-protocol_whitelist") + 1] == "file" and arguments[-1] == "file:/s/out.mp4"
    (filters,) = (arguments[place + 1] for place, word in enumerate(arguments) if word == "-filter_complex")
    assert filters.count("[0:V:0]trim") == 1 and filters.count("[0:a:0]atrim") == 2
    assert "/s/" not in filters and "amix=inputs=2:normalize=0" in filters
