"""What is put together from parts of sources: lanes of shots, each at its place on one grid of frames. Pure arithmetic.

All places come from the time since the program's start, never from the lengths before them: so nothing adds up to a drift,
whatever the rates of the sources are, and picture and sound stay together to the sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.media.cut import Cut
from vidijob.executors.media.probing import MediaInfo
from vidijob.executors.media.timecode import standard
from vidijob.executors.storage import shown

#: Samples in a second of the sound that is put together.
SAMPLE_RATE = 48000
#: How many parts of files one program may have: ffmpeg has all of them open at once, and each takes about 15 MB in HD.
MOST_SHOTS = 100
_LARGEST = 16384
_RATE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?|[0-9]{1,6}/[0-9]{1,5}")
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_WORD = re.compile(r"[a-z0-9_.()]{1,40}")
_PIXELS = "yuv420p"
_LAYOUTS: Mapping[object, str] = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}


@dataclass(frozen=True, slots=True)
class Shot:
    """A part of a source, or nothing: black and silence."""

    #: The file; ``None`` for nothing.
    path: Path | None
    #: What is in it, and which part is meant.
    info: MediaInfo | None
    cut: Cut | None
    #: How long it lasts, in seconds.
    seconds: Fraction


@dataclass(frozen=True, slots=True)
class Placed:
    """A shot at its place."""

    shot: Shot
    #: The first frame, and the one after the last.
    begin: int
    end: int
    #: The same in samples.
    first_sample: int
    last_sample: int

    @property
    def frames(self) -> int:
        """Return how many frames it fills."""
        return self.end - self.begin

    @property
    def samples(self) -> int:
        """Return how many samples it fills."""
        return self.last_sample - self.first_sample


@dataclass(frozen=True, slots=True)
class Format:
    """What all shots are brought to."""

    width: int
    height: int
    rate: Fraction
    #: ffmpeg's name of the form of a picture's points.
    pixels: str
    #: ffmpeg's name of the arrangement of channels.
    layout: str


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that is put together."""

    format: Format
    #: One after the other; none: there is only sound.
    pictures: tuple[Placed, ...]
    #: Each is one after the other; all are mixed.
    sounds: tuple[tuple[Placed, ...], ...]

    @property
    def frames(self) -> int:
        """Return how many frames it has."""
        return max((lane[-1].end for lane in (self.pictures, *self.sounds) if lane), default=0)

    @property
    def seconds(self) -> Fraction:
        """Return how long it lasts."""
        return self.frames / self.format.rate


def place(shots: Iterable[Shot], rate: Fraction) -> Iterator[Placed]:
    """Return shots that follow each other at their places on the grid; one that would fill no frame is left out."""
    time = Fraction(0)
    begin = 0
    for shot in shots:
        time += shot.seconds
        end = round(time * rate)
        if end > begin:
            yield Placed(shot, begin, end, _sample(begin, rate), _sample(end, rate))
        begin = end


def filled(lane: Sequence[Placed], end: int, rate: Fraction) -> tuple[Placed, ...]:
    """Return a lane with nothing after it up to a frame."""
    at = lane[-1].end if lane else 0
    if at >= end:
        return tuple(lane)
    nothing = Shot(None, None, None, (end - at) / rate)
    return (*lane, Placed(nothing, at, end, _sample(at, rate), _sample(end, rate)))


def format_of(shots: Sequence[Shot], rate: str | None, size: str | None, given: Fraction | None = None) -> Format:
    """Return what is asked for, and for the rest what the first shot has; ``given`` is the rate where nobody asks."""
    infos = [shot.info for shot in shots if shot.info is not None]
    picture = next((stream.facts for info in infos for stream in info.of_kind("video")), None)
    sound = next((stream.facts for info in infos for stream in info.of_kind("audio")), {})
    own = picture.get("frameRate") if picture is not None else None
    frame_rate = read_rate(rate) if rate is not None else given or standard(Fraction(own or 25))
    if size is not None:
        width, height = _read_size(size)
    elif picture is None:
        width, height = 2, 2
    else:
        # As it is shown, not as it is stored.
        shape = Fraction(picture.get("pixelAspectRatio") or 1) or Fraction(1)
        width, height = round(picture["width"] * shape / 2) * 2 if shape != 1 else picture["width"], picture["height"]
    pixels, layout = str((picture or {}).get("pixelFormat")), _layout(sound)
    return Format(
        width,
        height,
        frame_rate,
        pixels if picture is not None and _WORD.fullmatch(pixels) and pixels != "none" else _PIXELS,
        layout,
    )


def _layout(facts: Mapping[str, object]) -> str:
    """Return the arrangement of channels of a sound; one that does not tell it has the usual one for their number."""
    if facts.get("layout") in _LAYOUTS.values():
        return str(facts["layout"])
    return _LAYOUTS.get(facts.get("channels"), _LAYOUTS[2])


def read_rate(text: str, key: str = "outputFrameRate") -> Fraction:
    """Return the frame rate that a text means: 25, 29.97, 30000/1001."""
    if not _RATE.fullmatch(text) or re.search(r"/0+$", text) or not 1 <= Fraction(text) <= 300:
        raise Invalid(key, f"{key} is {shown(text)}; give one like 25, 29.97 or 30000/1001.", value=text[:40])
    return standard(Fraction(text))


def _read_size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None or not all(2 <= int(part) <= _LARGEST and int(part) % 2 == 0 for part in found.groups()):
        raise Invalid(
            "outputResolution",
            f"outputResolution is {shown(text)}; give even numbers, such as 1920x1080.",
            value=text[:40],
        )
    return int(found[1]), int(found[2])


def _sample(frame: int, rate: Fraction) -> int:
    return round(frame * SAMPLE_RATE / rate)
