"""Which part of a source a job wants, from its data, and how ffmpeg is told to take exactly that.

A range is a number of whole frames, its last one among them (spec "Reserved keys"). It begins at ``smpteTimeCode``,
``firstFrame`` (counted from 0) or ``startTime`` (seconds), and ends with ``lastSmpteTimeCode`` or ``lastFrame``, or before
``endTime``; a side that is left out is the source's own. Time codes count from the one that the source itself begins with, or
from zero where it has none. Of sound alone, parts are named in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.media.probing import MediaInfo, Stream
from vidijob.executors.media.timecode import Clock, can_drop, in_words, is_drop, standard
from vidijob.executors.storage import shown
from vidijob.jobs.model import JobData

#: The keys that name where a part begins, and where it ends.
STARTS = ("smpteTimeCode", "firstFrame", "startTime")
ENDS = ("lastSmpteTimeCode", "lastFrame", "endTime")
#: What is read before a part, in seconds: a container without an index may lead a reader to a later place than it asked for.
_RUN_UP = 10
#: Likewise of those that have one, as ffmpeg names them: for the sound, whose first packets after a leap are not whole.
_RUN_UP_INDEXED = 1
_INDEXED = frozenset({"mov", "mp4", "matroska", "webm", "mxf"})
_LONGEST = 30


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a source, on the clock of its file."""

    #: When its first frame is shown, in seconds.
    start: Fraction
    #: When the frame after its last one would be shown, in seconds.
    end: Fraction
    #: Frames in a second; ``None`` for sound alone.
    rate: Fraction | None
    #: When each track of sound begins, in seconds.
    sounds: tuple[Fraction, ...]
    #: What it is, for people: ``frames 25 to 49 of 75``.
    words: str
    #: How much is read before it, in seconds.
    run_up: int

    @property
    def seconds(self) -> Fraction:
        """Return how long it lasts."""
        return self.end - self.start

    @property
    def frames(self) -> int | None:
        """Return how many frames it has."""
        return None if self.rate is None else round(self.seconds * self.rate)

    def seek(self) -> list[str]:
        """Return the options before ``-i`` that spare ffmpeg what comes long before the part."""
        if self.start <= 2 * self.run_up:
            return []
        return ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", _seconds(self.start - self.run_up)]

    def picture(self) -> str:
        """Return the filters that let only the part's frames pass, its first at zero."""
        assert self.rate is not None
        # Half a frame early on both sides: times are rounded, in the file and here.
        half = 1 / self.rate / 2
        return (
            f"trim=start={_seconds(self.start - half)}:end={_seconds(self.end - half)},{_shift('setpts', self.start)}"
        )

    def sound(self, track: int) -> str:
        """Return the filters that let only the part's samples pass, the first in time with the picture."""
        trim = f"atrim=start={_seconds(self.start)}:end={_seconds(self.end)}"
        late = self.sounds[track] - self.start
        if late <= 0:
            return f"{trim},{_shift('asetpts', self.start)}"
        return f"{trim},asetpts=PTS-STARTPTS,adelay=delays={_seconds(late * 1000)}:all=1"

    def every_sound(self) -> list[str]:
        """Return the filters for each track of sound."""
        return [self.sound(track) for track in range(len(self.sounds))]


def find(data: JobData, info: MediaInfo) -> Cut | None:
    """Return the part that a job's data wants of a source, ``None`` for all of it; raise ``Invalid`` for one it has not."""
    start, end = _one(data, STARTS), _one(data, ENDS)
    if start is None and end is None:
        return None
    return of(info, *(start or ("", "")), *(end or ("", "")))


def of(info: MediaInfo, start_key: str, start: str, end_key: str, end: str) -> Cut:
    """Return the part of a source between two places, each named by one of the keys, or by none."""
    return (_Picture(info) if info.has_video else _Sound(info)).part(start_key, start, end_key, end)


class _Picture:
    """A source with picture: what its frames are called."""

    def __init__(self, info: MediaInfo) -> None:
        stream = info.of_kind("video")[0]
        rate = stream.facts.get("frameRate")
        if rate is None or Fraction(rate) <= 0:
            raise Invalid("sourceUri", "The source does not tell how many frames a second has, so it cannot be cut.")
        self.rate = standard(Fraction(rate))
        seconds = stream.facts.get("duration") or info.duration or 0
        shown, counted = round(Fraction(seconds) * self.rate), int(stream.facts.get("frames") or 0)
        # An edit list may leave out some of those that are there.
        self.frames = counted if counted and abs(shown - counted) <= 1 else shown
        self._begin = _exact(stream)
        self._sounds = tuple(_exact(sound) for sound in info.of_kind("audio"))
        self._first = info.time_code
        self._run_up = _run_up(info)

    def part(self, start_key: str, start: str, end_key: str, end: str) -> Cut:
        """Return the part between two places."""
        first = self._frame(start_key, start) if start_key else 0
        last = self._frame(end_key, end) if end_key else self.frames - 1
        for key, frame, text in ((start_key, first, start), (end_key, last, end)):
            if not 0 <= frame < self.frames:
                raise Invalid(
                    key, f"{key} is {shown(text)}, which lies outside the source: it has {self._all()}.", value=text
                )
        if last < first:
            raise Invalid(end_key or start_key, f"The part would end before it begins; the source has {self._all()}.")
        start_time = self._begin + first / self.rate
        return Cut(
            start_time,
            start_time + (last + 1 - first) / self.rate,
            self.rate,
            self._sounds,
            f"frames {first} to {last} of {self.frames}",
            self._run_up,
        )

    def _frame(self, key: str, text: str) -> int:
        if key in ("firstFrame", "lastFrame"):
            return _number(key, text)
        if key in ("startTime", "endTime"):
            # The frames that begin in the part: its start is in it, its end is not.
            place = math.ceil(time(key, text) * self.rate)
            return place - 1 if key == "endTime" else place
        return self._named(key, text)

    def _named(self, key: str, text: str) -> int:
        """Return the number of the frame that a time code names, counted from the source's first."""
        drop = is_drop(text)
        if drop and not can_drop(self.rate):
            raise Invalid(
                key,
                f"{key} is {shown(text)}, drop-frame, which there is none of at the source's "
                f"{in_words(self.rate)} frames in a second; write : before the frames.",
                value=text,
            )
        clock = Clock(self.rate, drop)
        try:
            frame = clock.parse(text)
        except ValueError as error:
            raise Invalid(key, f"{key} is {shown(text)}, which is no time code here: {error}.", value=text) from None
        first = self._own(clock)
        if first is None:
            return frame
        # What comes after midnight is earlier in name only.
        return (frame - first) % clock.day if frame - first < self.frames - clock.day else frame - first

    def _own(self, clock: Clock) -> int | None:
        """Return the number of the source's own first time code; refuse to count in another way than it does."""
        if self._first is None or not (found := _clock(self._first, self.rate)):
            return None
        own, first = found
        if own.drop != clock.drop:
            counts, write = ("with", ";") if own.drop else ("without", ":")
            raise Invalid(
                "smpteTimeCode",
                f"The source counts its time codes {counts} drop-frame, from {shown(self._first)} on; "
                f"write {write} before the frames.",
            )
        return first

    def _all(self) -> str:
        found = _clock(self._first, self.rate) if self._first is not None else None
        clock, first = found or (Clock(self.rate, can_drop(self.rate)), 0)
        return (
            f"{clock.format(first)} to {clock.format(first + self.frames - 1)}, "
            f"frames 0 to {self.frames - 1}, at {in_words(self.rate)} frames in a second"
        )


class _Sound:
    """A source that is sound alone."""

    def __init__(self, info: MediaInfo) -> None:
        self._sounds = tuple(_exact(sound) for sound in info.of_kind("audio"))
        if info.duration is None:
            raise Invalid("sourceUri", "The source does not tell how long it lasts, so it cannot be cut.")
        self._seconds = Fraction(info.duration)
        self._run_up = _run_up(info)

    def part(self, start_key: str, start: str, end_key: str, end: str) -> Cut:
        """Return the part between two places."""
        first = self._time(start_key, start) if start_key else Fraction(0)
        last = self._time(end_key, end) if end_key else self._seconds
        for key, time, text in ((start_key, first, start), (end_key, last, end)):
            if not 0 <= time <= self._seconds + Fraction(1, 1000):
                raise Invalid(
                    key, f"{key} is {shown(text)}, which lies outside the source: it has {self._all()}.", value=text
                )
        if last <= first:
            raise Invalid(end_key or start_key, f"The part would end before it begins; the source has {self._all()}.")
        begin = self._sounds[0]
        words = f"{_seconds(first)} s to {_seconds(last)} s"
        return Cut(begin + first, begin + last, None, self._sounds, words, self._run_up)

    def _time(self, key: str, text: str) -> Fraction:
        if key not in ("startTime", "endTime"):
            raise Invalid(key, f"The source has no picture, whose frames {key} could name; give startTime and endTime.")
        return time(key, text)

    def _all(self) -> str:
        return f"0 s to {_seconds(self._seconds)} s"


def _run_up(info: MediaInfo) -> int:
    return _RUN_UP_INDEXED if _INDEXED & set(info.container.split(",")) else _RUN_UP


def _clock(text: str, rate: Fraction) -> tuple[Clock, int] | None:
    """Return how a source counts, and its first frame's number; nothing for a time code that is nonsense at its rate."""
    try:
        clock = Clock(rate, is_drop(text))
        return clock, clock.parse(text)
    except ValueError:
        return None


def _one(data: JobData, keys: Sequence[str]) -> tuple[str, str] | None:
    given = [(key, value) for key in keys if (value := jobdata.optional(data, key)) is not None]
    if len(given) > 1:
        raise Invalid(given[1][0], f"The job has {given[0][0]} and {given[1][0]}, which both say the same; give one.")
    return given[0] if given else None


def _number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise Invalid(
            key, f"{key} is {shown(text)}; give the number of a frame, counted from 0.", value=text[:_LONGEST]
        )
    return int(text)


def time(key: str, text: str) -> Fraction:
    """Return the seconds that the value of a key names; raise ``Invalid`` for one that names none."""
    whole, _, part = text.partition(".")
    if not (text.isascii() and whole.isdecimal() and (part or "0").isdecimal() and len(text) <= _LONGEST):
        raise Invalid(key, f"{key} is {shown(text)}; give seconds, such as 1.5.", value=text[:_LONGEST])
    return Fraction(text.rstrip("."))


def _exact(stream: Stream) -> Fraction:
    """Return when a stream begins; what is in the facts was rounded to a number that a machine has."""
    return Fraction(stream.facts.get("startTime", 0)).limit_denominator(1_000_000_000)


def _seconds(time: Fraction) -> str:
    return f"{round(time * 1_000_000) / 1_000_000:.6f}".rstrip("0").rstrip(".")


def _shift(filter: str, start: Fraction) -> str:
    # Rounded, since the filter would cut off what comes after the point.
    return f"{filter}=round(PTS-({_seconds(start)}/TB))"
