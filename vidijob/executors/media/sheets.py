"""How ffmpeg is told to make one picture of a frame, or a sheet of many, and the WebVTT track that finds them in a sheet.

What is shown at a time is the last frame that begins no later. A source that ends early shows its last picture.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote_from_bytes

from vidijob.executors.media import frames
from vidijob.executors.media.pictures import LONGEST_SIDE, Box, Grid, Moment
from vidijob.executors.media.probing import MediaInfo

#: Containers that lead a reader to the very place that it asks for; in others it reads what comes long before.
_EXACT = ("mov", "matroska", "mxf")
_RUN_UP = 10
#: Of so many frames the one is taken that is most like all of them.
_CHOICE = 25
_ENCODERS = {
    "jpg": ("-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
    "png": ("-c:v", "png", "-pix_fmt", "rgb24"),
    "webp": ("-c:v", "libwebp", "-quality", "80", "-pix_fmt", "yuv420p"),
}
#: A time that was rounded up still belongs to its frame.
_ROUNDING = Fraction(1, 2000)
_LAST_STAYS = "tpad=stop=-1:stop_mode=clone"
#: Times are compared in milliseconds, rounded up: exact for what begins on a frame, whatever the frame rate.
_NEXT_TO_ZERO = "fps=fps=1000:start_time=0:round=up"


@dataclass(frozen=True, slots=True)
class Command:
    """Commands for one source and one format of pictures."""

    program: Path
    threads: int
    source: Path
    format: str

    def still(self, info: MediaInfo, moment: Moment, box: Box, target: Path) -> list[str]:
        """Return the command that makes a picture of one frame."""
        choose = (
            [f"select='gte(t,{_decimal(moment.time)})'", _scale(box), f"thumbnail=n={_CHOICE}"]
            if moment.about
            else [_LAST_STAYS, _from(moment.time), _NEXT_TO_ZERO, _scale(box)]
        )
        return [
            *frames.opening(self.program, self.threads),
            *("-copyts", *_seek(info, moment.time), "-i", f"file:{self.source}"),
            *("-map", "0:V:0", "-vf", ",".join([frames.marked("picture", []), *choose, "setsar=1"])),
            *self._written(target),
        ]

    def sheet(self, grid: Grid, box: Box, target: Path) -> list[str]:
        """Return the command that makes a sheet."""
        rate = (1 / grid.period).limit_denominator(100_000)
        filters = [
            frames.marked("picture", []),
            _LAST_STAYS,
            _from(grid.offset),
            f"fps=fps={rate.numerator}/{rate.denominator}:start_time=0:round=up",
            _scale(box),
            "setsar=1",
            f"tile=layout={grid.columns}x{grid.rows}:nb_frames={grid.count}",
        ]
        return [
            *frames.opening(self.program, self.threads),
            *("-i", f"file:{self.source}", "-map", "0:V:0", "-vf", ",".join(filters)),
            *self._written(target),
        ]

    def _written(self, target: Path) -> Sequence[str]:
        # The pipe's muxer, since the other one takes % in a name for a number.
        return ("-frames:v", "1", *_ENCODERS[self.format], "-f", "image2pipe", f"file:{target}")


def track(grid: Grid, seconds: Fraction, size: tuple[int, int], sprite: Path, place: Path) -> str:
    """Return the WebVTT whose cues say where in a sprite of so many dots the picture of each time is.

    ``place`` is where the track is going to be; it names the sprite as seen from there.
    """
    name = quote_from_bytes(os.fsencode(os.path.relpath(sprite, place.parent)))
    width, height = size[0] // grid.columns, size[1] // grid.rows
    lines = ["WEBVTT", ""]
    for cell in range(grid.count):
        start, end = cell * grid.period, min((cell + 1) * grid.period, max(seconds, cell * grid.period))
        row, column = divmod(cell, grid.columns)
        lines += [
            f"{_clock(start)} --> {_clock(max(end, start + Fraction(1, 1000)))}",
            f"{name}#xywh={column * width},{row * height},{width},{height}",
            "",
        ]
    return "\n".join(lines)


def _from(time: Fraction) -> str:
    """Return the filters that make a time zero; some containers count in steps as long as a frame."""
    return f"settb=AVTB,setpts=PTS-{round((time + _ROUNDING) * 1_000_000)}"


def _seek(info: MediaInfo, time: Fraction) -> Sequence[str]:
    if info.container.split(",")[0] in _EXACT:
        start = time
    elif time > 2 * _RUN_UP:
        start = time - _RUN_UP
    else:
        return ()
    return ("-seek_timestamp", "1", "-noaccurate_seek", "-ss", _decimal(start))


def _scale(box: Box) -> str:
    """Return the filters that bring a picture to its size, with square dots, and bars where it has another shape."""
    # The dots of the source need not be square.
    across = "iw*sar"
    if box.width and box.height:
        return (
            f"scale=w='max(1,min({box.width},round({box.height}*{across}/ih)))'"
            f":h='max(1,min({box.height},round({box.width}*ih/({across}))))',pad={box.width}:{box.height}:-1:-1"
        )
    if box.width:
        return f"scale=w={box.width}:h='clip(round({box.width}*ih/({across})),1,{LONGEST_SIDE})'"
    if box.height:
        return f"scale=w='clip(round({box.height}*{across}/ih),1,{LONGEST_SIDE})':h={box.height}"
    return f"scale=w='max(1,round({across}))':h=ih"


def _decimal(time: Fraction) -> str:
    return f"{float(time):.6f}"


def _clock(time: Fraction) -> str:
    thousandths = round(time * 1000)
    minutes, thousandths = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{thousandths // 1000:02}.{thousandths % 1000:03}"
