"""Posters: stills of an essence, as JPEG or PNG, at times that a job names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.media import ffmpeg
from vidijob.executors.storage import shown
from vidijob.jobs.model import JobData

KEY = "createPosters"
#: Without a time, it is at this part of the whole.
_SHARE = 0.1
_MOST = 100
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")
_FRAMES = re.compile(r"(?P<count>\d{1,12})@(?P<rate>PAL|NTSC|NTSC30|[1-9]\d{0,8}(:[1-9]\d{0,8})?)")
_RATES = {"PAL": Fraction(25), "NTSC": Fraction(30000, 1001), "NTSC30": Fraction(30)}
_FORMATS = {
    "jpg": ("mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
    "png": ("png", "-pix_fmt", "rgb24"),
}
_SIGNATURES = {"jpg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}


@dataclass(frozen=True, slots=True)
class Poster:
    """One still."""

    #: ``poster``, and from the second on a number.
    name: str
    #: In seconds; ``None``: wherever it is likely to show something.
    at: float | None
    #: ``jpg`` or ``png``, which is also the ending.
    extension: str

    def is_one(self, file: Path) -> bool:
        """Tell whether a file begins like a still. It blocks."""
        signature = _SIGNATURES[self.extension]
        with file.open("rb") as reading:
            return reading.read(len(signature)) == signature


def posters(data: JobData) -> list[Poster]:
    """Return the posters that a job asks for.

    A time is in seconds, or a number of frames and their rate, ``250@25``, ``250@PAL`` or ``250@30000:1001``; ``true`` is
    one at a time of our choice.
    """
    asked = [part.strip() for value in jobdata.values(data, KEY) for part in value.split(",") if part.strip()]
    wanted = [part for part in asked if part.lower() != "false"]
    extension = (jobdata.optional(data, "posterFormat") or "jpg").lower().replace("jpeg", "jpg")
    if extension not in _FORMATS:
        raise Invalid("posterFormat", f"posterFormat is {shown(extension)}; give jpg or png, or nothing.")
    if len(wanted) > _MOST:
        raise Invalid(KEY, f"At most {_MOST} posters can be made.")
    return [
        Poster("poster" if number == 1 else f"poster{number}", _time(text), extension)
        for number, text in enumerate(wanted, 1)
    ]


def command(program: Path, source: Path, target: Path, poster: Poster, at: float, threads: int) -> list[str]:
    """Return the arguments that make a poster of the picture at a time, in seconds."""
    encoder, *options = _FORMATS[poster.extension]
    return [
        *ffmpeg.start(program, threads),
        *("-ss", f"{at:.6f}"),
        *ffmpeg.reading(source, threads),
        *("-map", "0:V:0", "-frames:v", "1", "-an", "-sn", "-dn", "-threads", str(threads)),
        # Pixels that are not square are stretched, since stills do not say that theirs are not.
        *("-filter:v", "scale=w=trunc(iw*sar/2)*2:h=trunc(ih/2)*2,setsar=1"),
        *("-c:v", encoder, *options, "-f", "image2pipe", f"file:{target}"),
    ]


def moment(poster: Poster, lasts: float | None, rate: str | None) -> float:
    """Return the time of a poster, in seconds; one beyond the end is that of one of the last pictures."""
    if lasts is None:
        return poster.at or 0.0
    if poster.at is None:
        return lasts * _SHARE
    last = lasts - float(2 / Fraction(rate)) if rate else lasts * (1 - _SHARE)
    return max(0.0, min(poster.at, last))


def _time(text: str) -> float | None:
    if text.lower() == "true":
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    frames = _FRAMES.fullmatch(text)
    if frames is None:
        raise Invalid(
            KEY,
            f"{KEY} is {shown(text)}; give seconds, as 2.5, or frames with their rate, as 50@25 or 50@PAL, "
            "true for one at any time, or false for none.",
        )
    rate = _RATES.get(frames["rate"]) or Fraction(frames["rate"].replace(":", "/"))
    return float(int(frames["count"]) / rate)
