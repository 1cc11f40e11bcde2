"""Time codes against known facts of drop-frame, a naive count, and themselves."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.executors.media.timecode import Clock, can_drop, in_words, is_drop, standard

NTSC = Fraction(30000, 1001)
RATES = [Fraction(24000, 1001), *map(Fraction, (24, 25, 30, 50, 60)), NTSC, NTSC * 2]
CLOCKS = [Clock(rate) for rate in RATES] + [Clock(NTSC, True), Clock(NTSC * 2, True), Clock(NTSC * 4, True)]


@pytest.mark.parametrize(
    ("clock", "text", "frame"),
    [
        (Clock(Fraction(25)), "00:00:00:00", 0),
        (Clock(Fraction(25)), "10:00:00:00", 900_000),
        (Clock(Fraction(24000, 1001)), "01:00:00:00", 86_400),
        (Clock(NTSC), "01:00:00:00", 108_000),
        (Clock(NTSC, True), "00:00:59;29", 1799),
        (Clock(NTSC, True), "00:01:00;02", 1800),
        (Clock(NTSC, True), "00:09:59;29", 17_981),
        (Clock(NTSC, True), "00:10:00;00", 17_982),
        (Clock(NTSC, True), "01:00:00;00", 107_892),
        (Clock(NTSC, True), "23:59:59;29", 2_589_407),
        (Clock(NTSC * 2, True), "00:00:59;59", 3599),
        (Clock(NTSC * 2, True), "00:01:00;04", 3600),
        (Clock(NTSC * 2, True), "01:00:00;00", 215_784),
    ],
)
def test_known_facts(clock: Clock, text: str, frame: int) -> None:
    assert clock.parse(text) == frame
    assert clock.format(frame) == text


def counted_by_hand(minutes: int, nominal: int, dropped: int) -> Iterator[str]:
    """The names of all frames, as somebody writes them down who knows only the rule."""
    for minute in range(minutes):
        for second in range(60):
            for frame in range(nominal):
                if not (second == 0 and frame < dropped and minute % 10):
                    yield f"{minute // 60:02}:{minute % 60:02}:{second:02};{frame:02}"


@pytest.mark.parametrize(("rate", "nominal", "dropped"), [(NTSC, 30, 2), (NTSC * 2, 60, 4)])
def test_every_frame_of_21_minutes(rate: Fraction, nominal: int, dropped: int) -> None:
    clock = Clock(rate, True)
    for frame, name in enumerate(counted_by_hand(21, nominal, dropped)):
        assert clock.format(frame) == name
        assert clock.parse(name) == frame


def test_drop_frame_keeps_to_the_clock() -> None:
    for rate in (NTSC, NTSC * 2):
        for hours in range(24):
            late = Clock(rate, True).parse(f"{hours:02}:00:00;00") / rate - hours * 3600
            assert abs(late) < 0.09


@given(st.sampled_from(CLOCKS), st.integers(0, 10_368_000))
def test_there_and_back(clock: Clock, frame: int) -> None:
    text = clock.format(frame)
    assert clock.parse(text) == frame % clock.day
    assert is_drop(text) == clock.drop
    assert clock.format(frame + clock.day) == text


@given(st.sampled_from(CLOCKS), st.integers(0, 100_000))
def test_the_next_frame_has_a_later_name(clock: Clock, frame: int) -> None:
    assert clock.format(frame) < clock.format(frame + 1)


@pytest.mark.parametrize(
    ("clock", "text", "words"),
    [
        (Clock(NTSC, True), "00:01:00;00", "leaves that name out"),
        (Clock(NTSC, True), "00:01:00.01", "leaves that name out"),
        (Clock(NTSC * 2, True), "00:09:00;03", "leaves that name out"),
        (Clock(NTSC, True), "00:01:00:02", "without drop-frame"),
        (Clock(NTSC), "00:01:00;02", "with drop-frame"),
        (Clock(Fraction(25)), "00:00:00:25", "from 0 to 24"),
        (Clock(Fraction(25)), "24:00:00:00", "24 hours"),
        (Clock(Fraction(25)), "00:60:00:00", "24 hours"),
        (Clock(Fraction(25)), "-00:00:01:00", "hours:minutes:seconds:frames"),
        (Clock(Fraction(25)), "00:00:01", "hours:minutes:seconds:frames"),
        (Clock(Fraction(25)), "", "hours:minutes:seconds:frames"),
        (Clock(Fraction(25)), "00:00:00:00" * 100_000, "hours:minutes:seconds:frames"),
        (Clock(Fraction(25)), "\u0660\u0660:00:00:00", "hours:minutes:seconds:frames"),
    ],
)
def test_refuses_what_names_no_frame(clock: Clock, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        clock.parse(text)


def test_reads_what_people_write() -> None:
    assert Clock(NTSC, True).parse(" 0:01:00.02 ") == Clock(NTSC, True).parse("00:01:00;02") == 1800
    assert Clock(Fraction(120)).parse("00:00:00:119") == 119


def test_only_rates_of_ntsc_drop() -> None:
    assert [rate for rate in RATES if can_drop(rate)] == [NTSC, NTSC * 2]
    with pytest.raises(ValueError, match="no drop-frame at 25 frames"):
        Clock(Fraction(25), True)
    with pytest.raises(ValueError, match="more than nothing"):
        Clock(Fraction(0))


@pytest.mark.parametrize("rate", RATES)
def test_finds_the_rate_that_is_meant(rate: Fraction) -> None:
    for near in (float(rate), round(float(rate), 2), round(float(rate), 3)):
        assert standard(Fraction(near)) == rate
    assert standard(Fraction(31, 2)) == Fraction(31, 2)


def test_rates_in_words() -> None:
    assert [in_words(rate) for rate in (Fraction(25), NTSC, Fraction(24000, 1001))] == ["25", "29.97", "23.976"]
