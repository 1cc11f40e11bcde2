"""The executor ``media``: what is done with picture and sound. Its methods are the steps of TRANSCODE.

Data in: ``sourceUri`` (one), ``destinationUri`` and ``tag`` (may repeat; see ``outputs.py``).
Data out: ``duration`` (seconds) and ``mediaInfo`` (JSON) of the source; ``fileUri``, ``fileSize``, ``outputDuration`` and
``outputMediaInfo``, one of each per tag in their order; ``transcodeProgress`` and ``transcodeWallTime`` (seconds).
"""

from __future__ import annotations

import time
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.making import Making, all_or_none, receipts, remove
from vidijob.executors.media import ffmpeg, running
from vidijob.executors.media.outputs import Output, outputs, source
from vidijob.executors.media.presets import Preset, Presets
from vidijob.executors.media.probing import MediaInfo, probe
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

#: A result that lasts less than this part of what its source promised is taken for broken.
_SHORTEST = 0.9
#: Seconds by which they may differ without a word.
_ALIKE = 0.1


class MediaExecutor(Making):
    """Transcodes files of the storage roots with ffmpeg; several tags are several sub-tasks of the transcode."""

    def __init__(self, storage: Storage, presets: Presets, threads: int | None = None) -> None:
        """``threads`` is for one ffmpeg; without it, as many as there are processors, at most eight."""
        super().__init__(
            "media",
            storage,
            short={"setUp": self._set_up},
            long={
                "checkSource": self._check_source,
                "transcode": self._transcode,
                "checkResult": self._check_result,
            },
        )
        self._presets = presets
        self._threads = threads or ffmpeg.default_threads()

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the outputs are to be, one for each tag."""
        return [output.destination for output in self._outputs(step)]

    async def _set_up(self, step: StepContext) -> Done:
        def look(stop: Stop) -> None:
            ffmpeg.find()
            # What is wrong with the rest is said before a source is fetched from elsewhere.
            self.make_room(step)
            source(step.data, self._storage)

        await in_thread(look)
        return Done()

    async def _check_source(self, step: StepContext) -> Done:
        path, wanted = await in_thread(lambda stop: (source(step.data, self._storage), self._outputs(step)))
        info = await probe(path)
        for output in wanted:
            _require_streams(info, output.preset)
        return Done({"duration": _seconds(info), "mediaInfo": [info.text()]})

    async def _transcode(self, step: StepContext) -> Outcome:
        started = time.monotonic()
        promised = jobdata.optional(step.data, "duration")

        def prepare(stop: Stop) -> list[running.Run]:
            path, program = source(step.data, self._storage), ffmpeg.find()
            for partial in partials:
                partial.create_empty()
            return [
                running.Run(
                    output.preset.tag,
                    f"{shown(path)} with the preset {output.preset.tag}",
                    ffmpeg.command(program, path, partial.path, output.preset, self._threads),
                    float(promised) if promised is not None else None,
                    output.destination,
                )
                for output, partial in zip(self._outputs(step), partials, strict=True)
            ]

        partials = await in_thread(lambda stop: self.begin(step))
        with all_or_none(partials):
            runs = await in_thread(prepare)
            outcome = await running.run(step, self._storage, runs, lambda: source(step.data, self._storage))
            if not isinstance(outcome, Done):
                await in_thread(lambda stop: remove(partials))
                return outcome
            made = await in_thread(lambda stop: receipts(partials))
        return Done(
            {**made, "transcodeProgress": ["100.0"], "transcodeWallTime": [f"{time.monotonic() - started:.3f}"]}
        )

    async def _check_result(self, step: StepContext) -> Done | Fail:
        promised = jobdata.optional(step.data, "duration")
        results = []
        wanted, made = await in_thread(lambda stop: (self._outputs(step), self.made(step)))
        for output, (partial, _) in zip(wanted, made, strict=True):
            info = await probe(partial.path, "destinationUri", f"The file made with the preset {output.preset.tag}")
            results.append(info)
            if promised is None or info.duration is None:
                continue
            difference = info.duration - float(promised)
            if info.duration < _SHORTEST * float(promised):
                return Fail(
                    f"The file made with the preset {output.preset.tag} lasts {info.duration:.3f} s and the source "
                    f"promises {float(promised):.3f} s; the source is probably damaged."
                )
            if abs(difference) > _ALIKE:
                step.note(f"The file made with the preset {output.preset.tag} is {difference:+.3f} s longer.")
        return Done(
            {
                "outputDuration": [seconds for info in results for seconds in _seconds(info) or ("",)],
                "outputMediaInfo": [info.text() for info in results],
            }
        )

    def _outputs(self, step: StepContext) -> list[Output]:
        return outputs(step, self._storage, self._presets)


def _require_streams(info: MediaInfo, preset: Preset) -> None:
    if (info.has_video and preset.video) or (info.has_audio and preset.audio):
        return
    has, makes = ("picture", "sound") if info.has_video else ("sound", "picture")
    raise Invalid(
        "tag", f"The source has only {has} and the preset {preset.tag} makes only {makes}; choose another tag."
    )


def _seconds(info: MediaInfo) -> list[str] | None:
    return None if info.duration is None else [f"{info.duration:.6f}".rstrip("0").rstrip(".")]
