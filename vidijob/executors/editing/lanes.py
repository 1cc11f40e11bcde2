"""What a job wants to be put together, before its sources were looked at: parts of files, and gaps, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.editing.program import MOST_SHOTS, SAMPLE_RATE, Placed, Program, Shot, filled, format_of, place
from vidijob.executors.media.cut import Cut
from vidijob.executors.media.probing import MediaInfo
from vidijob.executors.storage import shown


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file, or a gap."""

    #: What people call it, in complaints and in the log.
    name: str
    #: The file; ``None``: a gap.
    path: Path | None
    #: Which part of the file, once it is known what is in it.
    cut: Callable[[MediaInfo], Cut]
    #: How long it lasts on the program, in seconds; ``None``: as long as what is cut out.
    seconds: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Lanes:
    """All that is wanted."""

    #: What is seen.
    pictures: Sequence[Part]
    #: What is heard at the same time; the very same lane as the pictures' where it is their own sound.
    sounds: Sequence[Sequence[Part]]
    #: The frame rate that the lanes were made for, where they say one.
    rate: Fraction | None = None

    @property
    def paths(self) -> list[Path]:
        """Return the files, each once, in the order in which they come."""
        parts = [part for lane in (self.pictures, *self.sounds) for part in lane]
        return list(dict.fromkeys(part.path for part in parts if part.path is not None))

    def require_few(self, key: str) -> None:
        """Refuse more parts than ffmpeg can have open at once; ``key`` is the data key to complain about."""
        own = self.sounds and self.sounds[0] is self.pictures
        count = sum(part.path is not None for lane in (self.pictures, *self.sounds[1 if own else 0 :]) for part in lane)
        if count > MOST_SHOTS:
            raise Invalid(
                key,
                f"There are {count} parts to be put together, and {MOST_SHOTS} can be; make several files and join them.",
            )
        if count == 0:
            raise Invalid(key, "There is nothing to be put together: no part of any file is named.")

    def program(self, infos: Mapping[Path, MediaInfo], rate: str | None, size: str | None) -> Program:
        """Return the program, with what was found out about the files; raise ``Invalid`` where a file has not what is wanted."""
        pictures = [_shot(part, infos) for part in self.pictures]
        sounds = [pictures if lane is self.pictures else [_shot(part, infos) for part in lane] for lane in self.sounds]
        shots = [*pictures, *(shot for lane in sounds for shot in lane)]
        made = format_of(shots, rate, size, self.rate)
        seen = any(shot.info is not None and shot.info.has_video for shot in pictures)
        heard = [lane for lane in sounds if any(shot.info is not None and shot.info.has_audio for shot in lane)]
        if not seen and rate is None:
            # Sound alone is cut at samples.
            made = type(made)(made.width, made.height, Fraction(SAMPLE_RATE), made.pixels, made.layout)
        placed: dict[int, list[Placed]] = {}
        for lane in (pictures, *heard):
            placed.setdefault(id(lane), list(place(lane, made.rate)))
        lanes = [placed[id(lane)] for lane in ([pictures] if seen else []) + heard]
        end = max((lane[-1].end for lane in lanes if lane), default=0)
        if end == 0:
            raise Invalid("sourceUri", "What is wanted of the sources is shorter than a frame.")
        whole = [filled(lane, end, made.rate) for lane in lanes]
        return Program(made, whole[0] if seen else (), tuple(whole[1 if seen else 0 :]))


def _shot(part: Part, infos: Mapping[Path, MediaInfo]) -> Shot:
    if part.path is None:
        assert part.seconds is not None
        return Shot(None, None, None, part.seconds)
    info = infos[part.path]
    try:
        cut = part.cut(info)
    except Invalid as error:
        raise Invalid(error.context, f"{shown(part.name)}: {error.explanation}", value=error.value) from None
    return Shot(part.path, info, cut, cut.seconds if part.seconds is None else part.seconds)
