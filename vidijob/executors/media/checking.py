"""Media checks: whether a source has what a preset makes, and whether what was made of it is as long as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.base import Fail, StepContext
from vidijob.executors.media.presets import Preset
from vidijob.executors.media.probing import MediaInfo, probe

#: A result that lasts less than this part of what its source promised is taken for broken.
_SHORTEST = 0.9
#: Seconds by which they may differ without a word.
_ALIKE = 0.1


def require_streams(info: MediaInfo, preset: Preset) -> None:
    """Raise ``Invalid`` for a source of which a preset would take nothing."""
    if (info.has_video and preset.video) or (info.has_audio and preset.audio):
        return
    has, makes = ("picture", "sound") if info.has_video else ("sound", "picture")
    raise Invalid(
        "tag", f"The source has only {has} and the preset {preset.tag} makes only {makes}; choose another tag."
    )


async def check(step: StepContext, files: Sequence[tuple[str, Path]], promised: float | None) -> list[MediaInfo] | Fail:
    """Return what is in files, each with the preset it was made with, which should last for so many seconds."""
    results = []
    for tag, file in files:
        info = await probe(file, "destinationUri", f"The file made with the preset {tag}")
        results.append(info)
        if promised is None or info.duration is None:
            continue
        difference = info.duration - promised
        if info.duration < _SHORTEST * promised - _ALIKE / 2:
            return Fail(
                f"The file made with the preset {tag} lasts {info.duration:.3f} s and the source "
                f"promises {promised:.3f} s; the source is probably damaged."
            )
        if abs(difference) > _ALIKE:
            step.note(f"The file made with the preset {tag} is {difference:+.3f} s longer.")
    return results


def seconds(info: MediaInfo) -> list[str] | None:
    """Return how long a file lasts as a value for job data, where that is known."""
    return None if info.duration is None else [f"{info.duration:.6f}".rstrip("0").rstrip(".")]


def results(infos: Sequence[MediaInfo]) -> dict[str, list[str]]:
    """Return what is in the files that were made as job data."""
    return {
        "outputDuration": [duration for info in infos for duration in seconds(info) or ("",)],
        "outputMediaInfo": [info.text() for info in infos],
    }
