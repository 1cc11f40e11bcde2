"""SMPTE time codes and frames, exactly: what ``01:00:10;02`` means at a frame rate, and back. Pure arithmetic.

A time code counts frames. Where the rate is no whole number (29.97), a count at the next whole number (30) runs behind the
clock; drop-frame, written with ``;`` or ``.`` before the frames, leaves out the *names* of two frames (four at 59.94) at the
start of every minute that is no tenth. An hour at 29.97 is 107892 frames. No frame is left out, only names are.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

_FORM = re.compile(r"(?P<h>[0-9]{1,2}):(?P<m>[0-9]{1,2}):(?P<s>[0-9]{1,2})(?P<sign>[:;.,])(?P<f>[0-9]{1,3})")
#: Rates that there are; one that was measured and is as good as one of these, is it.
_STANDARD = tuple(
    rate / Fraction(part) for rate in (24, 25, 30, 48, 50, 60, 96, 100, 120) for part in (1, Fraction(1001, 1000))
)
_AS_GOOD_AS = Fraction(1, 2500)
_LONGEST = 30


@dataclass(frozen=True, slots=True)
class Clock:
    """How time codes are counted: by which rate, and whether names are dropped."""

    #: Frames in a second.
    rate: Fraction
    drop: bool = False

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError("a frame rate is more than nothing")
        if self.drop and not can_drop(self.rate):
            raise ValueError(f"there is no drop-frame at {in_words(self.rate)} frames in a second")

    @property
    def nominal(self) -> int:
        """Return how many frames a second of time code has."""
        return math.ceil(self.rate)

    @property
    def day(self) -> int:
        """Return after how many frames the count begins anew."""
        return self._hour * 24

    def parse(self, text: str) -> int:
        """Return the number of the frame that a time code names; raise ``ValueError`` for one that names none."""
        found = _FORM.fullmatch(text.strip()[:_LONGEST])
        if found is None:
            raise ValueError("a time code is hours:minutes:seconds:frames, or with ; before the frames for drop-frame")
        if (found["sign"] != ":") != self.drop:
            raise ValueError(
                "it is counted with drop-frame" if found["sign"] != ":" else "it is counted without drop-frame"
            )
        hours, minutes, seconds, frames = (int(found[part]) for part in "hmsf")
        if hours > 23 or minutes > 59 or seconds > 59:
            raise ValueError("a day has 24 hours, an hour 60 minutes, a minute 60 seconds")
        if frames >= self.nominal:
            raise ValueError(
                f"at {in_words(self.rate)} frames in a second they are counted from 0 to {self.nominal - 1}"
            )
        if self.drop and minutes % 10 and seconds == 0 and frames < self._dropped:
            raise ValueError("drop-frame leaves that name out")
        whole = hours * 60 + minutes
        return (whole * 60 + seconds) * self.nominal + frames - self._dropped * (whole - whole // 10)

    def format(self, frame: int) -> str:
        """Return the time code of a frame; after a day the count begins anew."""
        frame %= self.day
        if self._dropped:
            tens, rest = divmod(frame, self._ten_minutes)
            # Of ten minutes the first is whole; each of the others is shorter by the names left out.
            minute = 60 * self.nominal
            minutes = 0 if rest < minute else 1 + (rest - minute) // (minute - self._dropped)
            frame += self._dropped * (9 * tens + minutes)
        seconds, frames = divmod(frame, self.nominal)
        width = max(2, len(str(self.nominal - 1)))
        sign = ";" if self.drop else ":"
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{sign}{frames:0{width}}"

    @property
    def _dropped(self) -> int:
        return 2 * self.nominal // 30 if self.drop else 0

    @property
    def _ten_minutes(self) -> int:
        return 600 * self.nominal - 9 * self._dropped

    @property
    def _hour(self) -> int:
        return 6 * self._ten_minutes


def is_drop(text: str) -> bool:
    """Tell whether a time code is written as drop-frame."""
    found = _FORM.fullmatch(text.strip()[:_LONGEST])
    return found is not None and found["sign"] != ":"


def can_drop(rate: Fraction) -> bool:
    """Tell whether there is drop-frame at a rate: 29.97 and its multiples."""
    return (rate / Fraction(30000, 1001)).denominator == 1


def standard(rate: Fraction) -> Fraction:
    """Return the rate that is meant by one that was measured or rounded: 30000/1001 for 29.97."""
    nearest = min(_STANDARD, key=lambda one: abs(one - rate))
    return nearest if abs(nearest - rate) <= _AS_GOOD_AS * nearest else rate


def in_words(rate: Fraction) -> str:
    """Return a rate as people write it: 25, 29.97."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
