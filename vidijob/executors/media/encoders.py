"""Finds out which of a preset's encoders can be used on this machine, by trying them: that an encoder is built into ffmpeg
says nothing about the hardware, its driver, or its free sessions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from vidijob.executors import process
from vidijob.executors.media import ffmpeg
from vidijob.executors.media.presets import Encoding, Preset
from vidijob.executors.threads import in_thread

#: Seconds that a trial may take.
_LONGEST = 20.0
#: Seconds for which an encoder that could not be used is not tried again: a busy one may be free later.
_SULKING = 300.0
_PICTURE = "color=color=gray:size=320x180:rate=25:duration=0.2"
_SOUND = "anullsrc=sample_rate=48000:channel_layout=stereo:duration=0.2"


@dataclass(frozen=True, slots=True)
class _Verdict:
    #: Why it cannot be used; ``None``: it can.
    reason: str | None
    #: When it was found out, on the clock of this process.
    at: float


class Encoders:
    """What was found out about the encoders of this machine."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Verdict] = {}

    async def choose(self, preset: Preset, tell: Callable[[str], None]) -> Preset:
        """Return a preset with one encoder for each kind, the best that can be used; ``tell`` hears of those passed over."""
        return replace(
            preset,
            video=await self._best("video", preset.video, tell),
            audio=await self._best("audio", preset.audio, tell),
        )

    async def _best(self, kind: str, encoding: Encoding | None, tell: Callable[[str], None]) -> Encoding | None:
        # The last one is taken without a trial: a transcode tells better what is wrong with it.
        while encoding is not None and encoding.others:
            reason = await self._why_not(kind, encoding)
            if reason is None:
                return replace(encoding, others=())
            following, *rest = encoding.others
            tell(f"The encoder {encoding.codec} cannot be used here, {following.codec} is next: {reason}.")
            encoding = replace(following, others=tuple(rest))
        return encoding

    async def _why_not(self, kind: str, encoding: Encoding) -> str | None:
        key = (kind, encoding.codec, tuple(encoding.options.items()))
        known = self._verdicts.get(key)
        if known is None or (known.reason is not None and time.monotonic() - known.at > _SULKING):
            alone = Encoding(encoding.codec, encoding.options)
            bare = Preset("trial", "a trial", "nut", "nut", {}, *((alone, None) if kind == "video" else (None, alone)))
            known = _Verdict(await why_not(bare), time.monotonic())
            self._verdicts[key] = known
        return known.reason


async def why_not(preset: Preset) -> str | None:
    """Make a fifth of a second of picture and sound with a preset; return why that cannot be done, ``None`` if it can."""
    program = await in_thread(lambda stop: ffmpeg.find())
    with TemporaryDirectory(prefix="vidijob-trial-") as folder:
        target = Path(folder) / f"trial.{preset.extension}"
        try:
            async with asyncio.timeout(_LONGEST):
                ended = await process.run(ffmpeg.trial(program, _PICTURE, _SOUND, target, preset))
        except TimeoutError:
            return f"it took longer than {_LONGEST:.0f} s"
    return None if ended.code == 0 else ffmpeg.explain(ended).reason
