"""Plots as SVG, made by the server: bars of counts on top of each other, and lines of times. Pure; colours come from the
style sheet, and what is bad has a pattern besides, so that nobody needs the colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

from markupsafe import Markup

#: In the units of the picture.
_WIDE, _HIGH = 560, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 24
_ROOM = _HIGH - _TOP - _BOTTOM
#: Lines across, in seconds, for plots of times.
_STEPS = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    3600,
    7200,
    14400,
    43200,
    86400,
)
_ACROSS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of what is shown."""

    name: str
    #: A class of the style sheet.
    tone: str
    #: ``None``: nothing is known of that time.
    values: Sequence[float | None]


def bars(times: Sequence[datetime], stretch: timedelta, series: Sequence[Series], label: str) -> Markup:
    """Return counts in stretches of time, the series on top of each other."""
    sums = [sum(one.values[place] or 0 for one in series) for place in range(len(times))]
    step = _nice(max(sums, default=0) / _ACROSS)
    top = max(step * math.ceil(max(sums, default=0) / step), step)
    body = [*_across(top, step, lambda value: f"{value:g}"), *_below(times, stretch)]
    wide = (_WIDE - _LEFT - _RIGHT) / max(len(times), 1)
    for place, at in enumerate(times):
        body += _bar(at, [(one, one.values[place] or 0) for one in series], _LEFT + wide * place, wide, top)
    return _picture(label, body)


def lines(times: Sequence[datetime], stretch: timedelta, series: Sequence[Series], label: str) -> Markup:
    """Return times, in seconds, as a line for each series; where nothing is known, the line has a gap."""
    most = max((value for one in series for value in one.values if value is not None), default=0)
    step = next((step for step in _STEPS if step * _ACROSS >= most), _nice(most / _ACROSS))
    top = max(step * math.ceil(most / step), step)
    body = [*_across(top, step, _seconds), *_below(times, stretch)]
    wide = (_WIDE - _LEFT - _RIGHT) / max(len(times), 1)
    for one in series:
        body += _line(one, times, wide, top)
    return _picture(label, body)


def _picture(label: str, body: Sequence[str]) -> Markup:
    return Markup(
        f'<svg class="plot" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(label)}">'
        '<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<path class="hatch" d="M0 0V5"/></pattern></defs>{"".join(body)}</svg>'
    )


def _bar(at: datetime, parts: Sequence[tuple[Series, float]], x: float, wide: float, top: float) -> Iterator[str]:
    words = ", ".join(f"{value:g} {one.name}" for one, value in parts if value) or "nothing"
    gap = min(wide * 0.25, 3)
    yield f'<g class="bar"><title>{_clock(at)}: {escape(words)}</title>'
    yield f'<rect class="hit" x="{x:.1f}" y="{_TOP}" width="{wide:.1f}" height="{_ROOM}"/>'
    y = float(_TOP + _ROOM)
    for one, value in parts:
        if not value:
            continue
        high = _ROOM * value / top
        y -= high
        place = f'x="{x + gap / 2:.1f}" y="{y:.1f}" width="{wide - gap:.1f}" height="{high:.1f}"'
        yield f'<rect class="{one.tone}" {place}/>'
        if one.tone == "bad":
            yield f'<rect fill="url(#hatch)" {place}/>'
    yield "</g>"


def _line(one: Series, times: Sequence[datetime], wide: float, top: float) -> Iterator[str]:
    path, pen = [], "M"
    for place, value in enumerate(one.values):
        if value is None:
            pen = "M"
            continue
        path.append(f"{pen}{_LEFT + wide * (place + 0.5):.1f} {_TOP + _ROOM * (1 - value / top):.1f}")
        pen = "L"
    yield f'<path class="line {one.tone}" d="{"".join(path)}"/>'
    for place, value in enumerate(one.values):
        if value is not None:
            x, y = _LEFT + wide * (place + 0.5), _TOP + _ROOM * (1 - value / top)
            yield (
                f'<circle class="{one.tone}" cx="{x:.1f}" cy="{y:.1f}" r="2.2">'
                f"<title>{_clock(times[place])}: {escape(one.name)} {_seconds(value)}</title></circle>"
            )


def _across(top: float, step: float, say: Callable[[float], str]) -> Iterator[str]:
    """Yield the lines across, and what they stand for."""
    for number in range(round(top / step) + 1):
        y = _TOP + _ROOM * (1 - number * step / top)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDE - _RIGHT}"/>'
        yield f'<text class="end" x="{_LEFT - 6}" y="{y + 3.5:.1f}">{escape(say(number * step))}</text>'


def _below(times: Sequence[datetime], stretch: timedelta) -> Iterator[str]:
    """Yield what time it was, at round times."""
    wide = (_WIDE - _LEFT - _RIGHT) / max(len(times), 1)
    every, form = _rhythm(stretch)
    for place, at in enumerate(times):
        if at.timestamp() % every == 0 and _LEFT + wide * place < _WIDE - 40:
            yield f'<text class="start" x="{_LEFT + wide * place:.1f}" y="{_HIGH - 7}">{at.astimezone(UTC):{form}}</text>'


def _rhythm(stretch: timedelta) -> tuple[float, str]:
    if stretch < timedelta(minutes=5):
        return 600, "%H:%M"
    return (10_800, "%H:%M") if stretch < timedelta(hours=1) else (86_400, "%d %b")


def _nice(rough: float) -> float:
    """Return the next round number: 1, 2 or 5, with noughts; at least 1."""
    if rough <= 1:
        return 1
    power = 10 ** math.floor(math.log10(rough))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough))


def _seconds(value: float) -> str:
    if value == 0:
        return "0"
    for size, unit in ((3600, "h"), (60, "min"), (1, "s")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1000:.3g} ms"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %H:%M} UTC"
