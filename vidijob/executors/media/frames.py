"""Runs ffmpeg with filters that say something of every frame, and hears it: a block of lines for each.

The filters of one graph run in one thread and each line is one write, so blocks never mix. What says nothing for too long
is ended: a damaged file can keep a reader busy for ever.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidijob.executors import process
from vidijob.executors.media import ffmpeg
from vidijob.executors.media.probing import FORMATS

#: Seconds.
_SILENCE = 120.0
#: Larger pictures than any camera or screen has are a trap for memory.
MOST_PIXELS = 1 << 27
_MARK = "vidijob"
_HEAD = re.compile(r"frame:\S+ +pts:\S+ +pts_time:(?P<time>-?[0-9.]+)")


@dataclass(slots=True)
class Block:
    """What was said of one frame."""

    #: When it is shown, in seconds from the start of the file.
    time: float
    #: Which ``marked`` filter it went through.
    track: str = ""
    values: dict[str, str] = field(default_factory=dict)


def opening(program: Path, threads: int) -> list[str]:
    """Return what every command begins with, up to the options of its input."""
    return [
        str(program),
        *("-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "level+error"),
        *("-filter_threads", str(threads), "-filter_complex_threads", str(threads)),
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS),
        *("-threads", str(threads), "-max_pixels", str(MOST_PIXELS)),
    ]


def marked(track: str, filters: Sequence[str], *, sound: bool = False) -> str:
    """Return a chain of filters whose frames are told of, as those of ``track``. It begins without what the file itself says."""
    name = "ametadata" if sound else "metadata"
    tell = (f"{name}=mode=add:key={_MARK}:value={track}", f"{name}=mode=print:file='pipe\\:1':direct=1")
    return ",".join((f"{name}=mode=delete", *filters, *tell))


async def run(arguments: Sequence[str], hear: Callable[[Block], None]) -> tuple[ffmpeg.Failure | None, str]:
    """Run ffmpeg to its end; return why it failed, if it did, and what it complained of."""
    loop = asyncio.get_running_loop()
    blocks = Blocks(hear)
    try:
        async with asyncio.timeout(_SILENCE) as deadline:
            looked = loop.time()

            def take(line: str) -> None:
                nonlocal looked
                if loop.time() - looked > 1:
                    looked = loop.time()
                    deadline.reschedule(looked + _SILENCE)
                blocks.take(line)

            ended = await process.run(arguments, on_line=take)
    except TimeoutError:
        return ffmpeg.Failure(f"ffmpeg got nowhere for {_SILENCE:.0f} s", False, ()), ""
    blocks.finish()
    return (None if ended.code == 0 else ffmpeg.explain(ended)), ended.complaints


class Blocks:
    """Makes blocks of lines."""

    def __init__(self, hear: Callable[[Block], None]) -> None:
        self._hear = hear
        self._open: Block | None = None

    def take(self, line: str) -> None:
        """Take the next line."""
        name, equals, value = line.partition("=")
        if equals and self._open is not None:
            if name == _MARK:
                self._open.track = value
            else:
                self._open.values[name] = value
        elif (head := _HEAD.match(line)) is not None:
            self.finish()
            self._open = Block(float(head["time"]))

    def finish(self) -> None:
        """Hand on the block that is open, unless it was cut short."""
        if self._open is not None and self._open.track:
            self._hear(self._open)
        self._open = None


def number(values: Mapping[str, str], name: str) -> float | None:
    """Return a number that was said, if it was."""
    try:
        return float(values[name])
    except (KeyError, ValueError):
        return None
