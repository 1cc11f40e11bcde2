"""Plots: what stands for what, whatever the values."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from lxml import etree

from vidijob.console import plots
from vidijob.console.plots import Series

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COUNTS = some.lists(some.integers(0, 10**7), min_size=1, max_size=90)


def times(number: int, stretch: timedelta = MINUTE) -> list[datetime]:
    return [START + place * stretch for place in range(number)]


def boxes(picture: str, tone: str) -> list[dict[str, float]]:
    """Return the boxes of a tone."""
    found = etree.fromstring(picture).iter("rect")
    wanted = [one.attrib for one in found if one.get("class") == tone]
    return [{name: float(one[name]) for name in ("x", "y", "width", "height")} for one in wanted]


@given(COUNTS)
def test_bars_are_as_high_as_what_they_count_and_stay_inside(values: list[int]) -> None:
    picture = plots.bars(times(len(values)), MINUTE, [Series("finished", "good", values)], "label")
    shown = boxes(picture, "good")
    assert len(shown) == sum(value > 0 for value in values)
    assert all(one["y"] >= 9.9 and one["y"] + one["height"] <= 156.1 for one in shown)
    unit = shown and max(one["height"] for one in shown) / max(values)
    for one, value in zip(shown, [value for value in values if value], strict=True):
        assert abs(one["height"] - value * (unit or 0)) <= 0.11


def test_what_stands_on_top_of_each_other_does_not_overlap_and_bad_is_hatched() -> None:
    series = [Series("finished", "good", [3]), Series("failed", "bad", [1])]
    picture = plots.bars(times(1), MINUTE, series, 'a <"label">')
    (good,), (bad,) = boxes(picture, "good"), boxes(picture, "bad")
    assert bad["y"] + bad["height"] == pytest.approx(good["y"], abs=0.11)
    assert good["height"] == pytest.approx(3 * bad["height"], abs=0.3)
    assert picture.count('fill="url(#hatch)"') == 1
    assert "31 Jan 12:00 UTC: 3 finished, 1 failed" in picture
    assert etree.fromstring(picture).get("aria-label") == 'a <"label">'


@given(some.lists(some.none() | some.floats(0, 10**6), min_size=1, max_size=90))
def test_a_line_has_a_point_for_each_value_and_gaps_for_what_is_not_known(values: list[float | None]) -> None:
    picture = plots.lines(times(len(values)), MINUTE, [Series("half", "running", values)], "label")
    tree = etree.fromstring(picture)
    points = list(tree.iter("circle"))
    assert len(points) == sum(value is not None for value in values)
    assert all(9.9 <= float(point.get("cy") or 0) <= 156.1 for point in points)
    (line,) = [one for one in tree.iter("path") if "line" in (one.get("class") or "")]
    pieces = "".join("x" if value is not None else " " for value in values).split()
    assert (line.get("d") or "").count("M") == len(pieces)


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.25, "250 ms"), (1.5, "1.5 s"), (90, "1.5 min"), (7200, "2 h"), (0.004, "4 ms")]
)
def test_times_are_said_in_the_unit_that_fits(value: float, words: str) -> None:
    picture = plots.lines(times(1), MINUTE, [Series("half", "running", [value])], "label")
    assert f"half {words}<" in picture


@pytest.mark.parametrize(
    ("stretch", "number", "labels"),
    [
        (MINUTE, 60, ["12:00", "12:10", "12:20", "12:30", "12:40", "12:50"]),
        (timedelta(minutes=15), 96, ["12:00", "15:00", "18:00", "21:00", "00:00", "03:00", "06:00", "09:00"]),
        (timedelta(hours=2), 84, ["01 Feb", "02 Feb", "03 Feb", "04 Feb", "05 Feb", "06 Feb", "07 Feb"]),
    ],
)
def test_below_stands_what_time_it_was(stretch: timedelta, number: int, labels: list[str]) -> None:
    picture = plots.bars(times(number, stretch), stretch, [Series("finished", "good", [1] * number)], "label")
    assert re.findall(r'class="start"[^>]*>([^<]*)<', picture) == labels


def test_without_anything_there_is_an_empty_picture() -> None:
    assert etree.fromstring(plots.bars([], MINUTE, [], "nothing")).tag == "svg"
    assert etree.fromstring(plots.lines([], MINUTE, [Series("half", "running", [])], "nothing")).tag == "svg"
