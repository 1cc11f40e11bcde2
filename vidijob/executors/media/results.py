"""Looks at files that were made: whether they can be read, and last as long as was promised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidijob.executors.base import Done, Fail, StepContext
from vidijob.executors.media.probing import MediaInfo, probe

#: A result that lasts less than this part of what its source promised is taken for broken.
_SHORTEST = 0.9
#: Seconds by which they may differ without a word.
_ALIKE = 0.1


async def check(step: StepContext, made: Sequence[tuple[str, Path]], promised: float | None) -> Done | Fail:
    """Read the files that were made, each with the name of its preset; ``promised`` is how many seconds each should last.

    The data of ``Done`` are ``outputDuration`` and ``outputMediaInfo``.
    """
    results = []
    for tag, path in made:
        info = await probe(path, "destinationUri", f"The file made with the preset {tag}")
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
    return Done(
        {
            "outputDuration": [seconds for info in results for seconds in in_seconds(info) or ("",)],
            "outputMediaInfo": [info.text() for info in results],
        }
    )


def in_seconds(info: MediaInfo) -> list[str] | None:
    """Return how long a file lasts as job data; ``None`` where nothing tells."""
    return None if info.duration is None else [f"{info.duration:.6f}".rstrip("0").rstrip(".")]
