"""Runs ffmpeg: where it is, the argument list for a preset, its progress, and what its complaints mean.

Which file becomes which is not decided here.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidijob.errors import SetupError
from vidijob.executors import process
from vidijob.executors.media.cut import Cut
from vidijob.executors.media.presets import Encoding, Preset
from vidijob.executors.media.probing import FORMATS
from vidijob.jobs import resources

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
    #: All that it said, or the end of it where it was very much.
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
    ffmpeg: Path,
    source: Path,
    target: Path,
    preset: Preset,
    threads: int,
    *,
    cut: Cut | None = None,
    sound: Path | None = None,
) -> list[str]:
    """Return the argument list that makes ``target``, which may be overwritten, of ``source``, or of a part of it.

    ``sound`` is another file that the sound is taken from.
    """
    return [
        *start(ffmpeg, threads),
        # The filters of a part go by the times that are in the file.
        *(("-copyts", *cut.seek()) if cut is not None else ()),
        *reading(source, threads),
        *(reading(sound, threads) if sound is not None else ()),
        # V is video that is no cover picture; a question mark takes what is there.
        *_kind("v", "0:V", preset.video, threads, [cut.picture()] if cut is not None and cut.rate is not None else []),
        *_kind(
            "a", "0:a" if sound is None else "1:a", preset.audio, threads, cut.every_sound() if cut is not None else []
        ),
        *writing(target, preset, threads),
    ]


def trial(ffmpeg: Path, picture: str, sound: str, target: Path, preset: Preset) -> list[str]:
    """Return the argument list that tries a preset on what the two sources of ``lavfi`` make up."""
    return [
        *start(ffmpeg, 1),
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound),
        *_kind("v", "0:V", preset.video, 1),
        *_kind("a", "1:a", preset.audio, 1),
        *writing(target, preset, 1),
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
    """Return the arguments by which a file is read, and only that file."""
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-threads", str(threads)),
        *("-i", f"file:{source}"),
    ]


def writing(target: Path, preset: Preset, threads: int) -> list[str]:
    """Return how an argument list ends: the container and the file, which may be overwritten."""
    return [
        *("-sn", "-dn", "-threads", str(threads)),
        *(part for name, value in preset.muxing.items() for part in (f"-{name}", value)),
        *("-f", preset.format, f"file:{target}"),
    ]


def encoding(letter: str, wanted: Encoding, threads: int) -> list[str]:
    """Return the arguments by which picture (``v``) or sound (``a``) is encoded."""
    arguments = [f"-c:{letter}", wanted.codec]
    for name, value in wanted.options.items():
        arguments += [f"-{name}:{letter}", value.replace("{threads}", str(threads))]
    return arguments


def _kind(letter: str, selector: str, wanted: Encoding | None, threads: int, cuts: Sequence[str] = ()) -> list[str]:
    """Return the arguments for one kind of streams; ``cuts`` are the filters that each of them passes through first."""
    if wanted is None:
        return [f"-{letter}n"]
    streams = selector if wanted.streams == "all" else f"{selector}:0"
    arguments = ["-map", f"{streams}?", *encoding(letter, wanted, threads)]
    if not cuts and wanted.filter:
        arguments += [f"-filter:{letter}", wanted.filter]
    for track, cut in enumerate(cuts if wanted.streams == "all" else cuts[:1]):
        arguments += [f"-filter:{letter}:{track}", ",".join(filter(None, (cut, wanted.filter)))]
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
            return Failure(f"ffmpeg stopped: {shortage[0].lower()}{shortage[1:]}", True, lines, shortage in _FULL)
    telling = [(level, text) for level, text in said if not _EMPTY_WORDS.search(text)]
    reasons = [text for level, text in telling if level != "error"] or [text for _, text in telling]
    if reasons:
        return Failure(f"ffmpeg stopped: {reasons[0].rstrip('.')[:_COMPLAINT]}", False, lines)
    if ended.code < 0:
        # Nobody asked it to: the kernel does so when memory is short.
        return Failure(f"ffmpeg was ended by signal {-ended.code}", True, lines)
    last = said[-1][1] if said else lines[-1] if lines else f"exit status {ended.code}, without a word"
    return Failure(f"ffmpeg stopped: {last.rstrip('.')[:_COMPLAINT]}", False, lines)


def default_threads() -> int:
    """Return how many threads one transcode uses when nobody says: as many as there are processors, at most eight."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(8, usable or 1))


def processors(metadata: Mapping[str, str]) -> int | None:
    """Return how many threads a step may use by the processors that it needs, ``resources`` = ``cpu=2``, if it says so."""
    needed = resources.needs(metadata).get("cpu")
    return None if needed is None else max(1, min(int(needed), 64))
