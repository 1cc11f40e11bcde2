"""Runs ffmpeg: where it is, the argument list for a preset, its progress, and what its complaints mean.

Which file becomes which is not decided here.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidijob.errors import SetupError
from vidijob.executors import process
from vidijob.executors.media.presets import Encoding, Preset
from vidijob.executors.media.probing import FORMATS

_LINE = re.compile(r"^(?:\[[^\]]*\] )*\[(?P<level>fatal|error|panic)\] (?P<text>.*)$")
#: What ffmpeg says in addition when something went wrong, and never why.
_EMPTY_WORDS = re.compile(
    r"Task finished with error|Terminating thread|Nothing was written into|Conversion failed|Error opening (in|out)put file"
    r"|Error sending frames to|Error selecting an encoder|Could not open encoder before|Error while opening encoder"
    r"|Error reinitializing|Error muxing a packet|Error closing file|Error writing trailer|Error submitting"
)
_FULL = ("No space left on device", "Disk quota exceeded")
_SHORT_OF = (*_FULL, "Cannot allocate memory", "Input/output error")
_COMPLAINT = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """Why ffmpeg did not do its work."""

    #: The line that matters.
    reason: str
    #: Whether it may work later.
    passing: bool
    #: The last lines of all that it said.
    lines: tuple[str, ...]
    #: Whether there was no room for what it wrote.
    full: bool = False


@functools.cache
def find() -> Path:
    """Return where ffmpeg is: on ``PATH``, else in the ``imageio-ffmpeg`` wheel. It blocks for a moment."""
    found = shutil.which("ffmpeg")
    if found is not None:
        return Path(found)
    try:
        import imageio_ffmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise SetupError("There is no ffmpeg; install it, or install vidijob[media], which brings one.") from None


def command(
    ffmpeg: Path, source: Path, target: Path, preset: Preset, threads: int, *, sound: Path | None = None
) -> list[str]:
    """Return the argument list that makes ``target``, which may be overwritten, of ``source``.

    ``sound`` is another file that the sound is taken from.
    """
    sources = [source] if sound is None else [source, sound]
    return [
        *start(ffmpeg, threads),
        *(part for one in sources for part in reading(one, threads)),
        # V is video that is no cover picture; a question mark takes what is there.
        *_kind("v", "0:V", preset.video, threads),
        *_kind("a", f"{len(sources) - 1}:a", preset.audio, threads),
        *("-sn", "-dn", "-threads", str(threads)),
        *(part for name, value in preset.muxing.items() for part in (f"-{name}", value)),
        *("-f", preset.format, f"file:{target}"),
    ]


def start(ffmpeg: Path, threads: int) -> list[str]:
    """Return how every call begins."""
    return [
        str(ffmpeg),
        *("-hide_banner", "-nostdin", "-nostats", "-y"),
        *("-loglevel", "level+error", "-progress", "pipe:1"),
        *("-filter_threads", str(threads)),
    ]


def reading(source: Path, threads: int) -> list[str]:
    """Return the arguments that read a source: it alone, whatever it says."""
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-threads", str(threads)),
        *("-i", f"file:{source}"),
    ]


def _kind(letter: str, selector: str, encoding: Encoding | None, threads: int) -> list[str]:
    if encoding is None:
        return [f"-{letter}n"]
    streams = selector if encoding.streams == "all" else f"{selector}:0"
    arguments = ["-map", f"{streams}?", f"-c:{letter}", encoding.codec]
    for name, value in encoding.options.items():
        arguments += [f"-{name}:{letter}", value.replace("{threads}", str(threads))]
    if encoding.filter:
        arguments += [f"-filter:{letter}", encoding.filter]
    return arguments


async def transcode(arguments: Sequence[str], tell: Callable[[float], None]) -> Failure | None:
    """Run ffmpeg; ``tell`` hears how many seconds of the output are done, never less than before."""
    clock = _Clock(tell)
    ended = await process.run(arguments, on_line=clock.take)
    return None if ended.code == 0 else explain(ended)


class _Clock:
    """Reads the lines of ``-progress``."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._seconds = 0.0

    def take(self, line: str) -> None:
        # "ms" is a misnomer of older versions: both are microseconds.
        name, _, value = line.partition("=")
        if name in ("out_time_us", "out_time_ms") and value.isdecimal():
            seconds = int(value) / 1_000_000
            if seconds > self._seconds:
                self._seconds = seconds
                self._tell(seconds)


def explain(ended: process.Ended) -> Failure:
    """Pick the line that matters from what ffmpeg said."""
    lines = tuple(line.strip() for line in ended.complaints.splitlines() if line.strip())
    said = [(found["level"], found["text"]) for line in lines if (found := _LINE.match(line))]
    for shortage in _SHORT_OF:
        if any(shortage in text for _, text in said):
            return Failure(f"ffmpeg stopped: {shortage[0].lower()}{shortage[1:]}", True, lines[-20:], shortage in _FULL)
    telling = [(level, text) for level, text in said if not _EMPTY_WORDS.search(text)]
    reasons = [text for level, text in telling if level != "error"] or [text for _, text in telling]
    if reasons:
        return Failure(f"ffmpeg stopped: {reasons[0].rstrip('.')[:_COMPLAINT]}", False, lines[-20:])
    if ended.code < 0:
        # Nobody asked it to: the kernel does so when memory is short.
        return Failure(f"ffmpeg was ended by signal {-ended.code}", True, lines[-20:])
    last = said[-1][1] if said else lines[-1] if lines else f"exit status {ended.code}, without a word"
    return Failure(f"ffmpeg stopped: {last.rstrip('.')[:_COMPLAINT]}", False, lines[-20:])


def default_threads() -> int:
    """Return how many threads one transcode uses when nobody says: as many as there are processors, at most eight."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(8, usable or 1))
