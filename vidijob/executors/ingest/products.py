"""What an import makes of its essence: a transcode for each tag, and posters. Picture and sound may lie in files of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.base import Fail, StepContext
from vidijob.executors.ingest.places import Product
from vidijob.executors.ingest.posters import Poster, command, moment
from vidijob.executors.media import ffmpeg
from vidijob.executors.media.checking import check, require_streams
from vidijob.executors.media.presets import Preset
from vidijob.executors.media.probing import MediaInfo
from vidijob.executors.media.running import Run
from vidijob.executors.storage import shown
from vidijob.executors.threads import Stop, in_thread


@dataclass(frozen=True, slots=True)
class Components:
    """Which of the essence's files have the picture and the sound, by their places."""

    picture: int | None
    sound: int | None
    #: In seconds, where they are known.
    picture_lasts: float | None
    sound_lasts: float | None
    #: Pictures in a second, as a fraction, where that is known.
    rate: str | None

    @classmethod
    def of(cls, found: Sequence[MediaInfo]) -> Components:
        """Choose the first that has a picture, and the first that has sound, if possible the same."""
        picture = next((place for place, info in enumerate(found) if info.has_video), None)
        with_sound = [place for place, info in enumerate(found) if info.has_audio]
        sound = picture if picture in with_sound else next(iter(with_sound), None)
        lasts = [info.duration for info in found]
        rates = [] if picture is None else [stream.facts.get("frameRate") for stream in found[picture].streams]
        return cls(
            picture,
            sound,
            None if picture is None else lasts[picture],
            None if sound is None else lasts[sound],
            next((rate for rate in rates if rate), None),
        )

    def text(self) -> str:
        """Return it as a value for job data."""
        return json.dumps(astuple(self))

    @classmethod
    def parse(cls, text: str) -> Components:
        """Read what ``text`` wrote."""
        return cls(*json.loads(text))

    def promise(self, made_by: Preset | Poster) -> float | None:
        """Return how long what is made will last, in seconds; ``None`` where that is not known."""
        if isinstance(made_by, Poster):
            return None
        lasting = [self.picture_lasts if made_by.video else None, self.sound_lasts if made_by.audio else None]
        return max((one for one in lasting if one is not None), default=None)


def require_possible(found: Sequence[MediaInfo], products: Sequence[Product]) -> None:
    """Raise ``Invalid`` where the essence has nothing that one of the products could be made of."""
    whole = replace(found[0], streams=tuple(stream for info in found for stream in info.streams))
    for product in products:
        if isinstance(product.made_by, Preset):
            require_streams(whole, product.made_by)
        elif not whole.has_video:
            raise Invalid("createPosters", "The source has no picture, so no poster can be made of it.")


def run_for(product: Product, target: Path, files: Sequence[Path], parts: Components, threads: int) -> Run:
    """Return the run of ffmpeg that makes one product of the essence's files. It blocks for a moment."""
    program, made_by = ffmpeg.find(), product.made_by
    picture, sound = files[_first(parts.picture, parts.sound)], files[_first(parts.sound, parts.picture)]
    if isinstance(made_by, Poster):
        at = moment(made_by, parts.picture_lasts, parts.rate)
        arguments = command(program, picture, target, made_by, at, threads)
    else:
        arguments = ffmpeg.command(
            program, picture, target, made_by, threads, sound=None if sound == picture else sound
        )
    about = f"the imported file, for {shown(product.destination.name)}"
    return Run(product.name, about, arguments, parts.promise(made_by), product.destination)


async def check_products(
    step: StepContext, products: Sequence[Product], files: Sequence[Path], parts: Components
) -> list[MediaInfo] | Fail:
    """Return what is in the transcodes; posters are only looked at from outside."""
    results: list[MediaInfo] = []
    for product, file in zip(products, files, strict=True):
        made_by = product.made_by
        if isinstance(made_by, Preset):
            found = await check(step, [(made_by.tag, file)], parts.promise(made_by))
            if isinstance(found, Fail):
                return found
            results += found
        elif not await in_thread(partial(_is_still, made_by, file)):
            return Fail(f"The file made for the {product.name} is no picture; the source is probably damaged.")
    return results


def _is_still(poster: Poster, file: Path, stop: Stop) -> bool:
    return poster.is_one(file)


def _first(*places: int | None) -> int:
    return next((place for place in places if place is not None), 0)
