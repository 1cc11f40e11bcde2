"""The executor ``media``: what is done with picture and sound. Its methods are the steps of TRANSCODE.

Data in: ``sourceUri`` (one), ``destinationUri`` and ``tag`` (may repeat; see ``outputs.py``).
Data out: ``duration`` (seconds) and ``mediaInfo`` (JSON) of the source; ``fileUri``, ``fileSize``, ``outputDuration`` and
``outputMediaInfo``, one of each per tag in their order; ``transcodeProgress`` and ``transcodeWallTime`` (seconds).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.making import Making
from vidijob.executors.media import ffmpeg, running
from vidijob.executors.media.checking import check, require_streams, seconds
from vidijob.executors.media.outputs import Output, outputs, source
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.probing import probe
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread


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
            require_streams(info, output.preset)
        return Done({"duration": seconds(info), "mediaInfo": [info.text()]})

    async def _transcode(self, step: StepContext) -> Outcome:
        promised = jobdata.optional(step.data, "duration")

        def prepare(partials: Sequence[Partial]) -> list[running.Run]:
            path, program = source(step.data, self._storage), ffmpeg.find()
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
        return await running.make(step, self._storage, partials, prepare, lambda: source(step.data, self._storage))

    async def _check_result(self, step: StepContext) -> Done | Fail:
        promised = jobdata.optional(step.data, "duration")
        wanted, made = await in_thread(lambda stop: (self._outputs(step), self.made(step)))
        files = [(output.preset.tag, partial.path) for output, (partial, _) in zip(wanted, made, strict=True)]
        results = await check(step, files, None if promised is None else float(promised))
        if isinstance(results, Fail):
            return results
        return Done(
            {
                "outputDuration": [duration for info in results for duration in seconds(info) or ("",)],
                "outputMediaInfo": [info.text() for info in results],
            }
        )

    def _outputs(self, step: StepContext) -> list[Output]:
        return outputs(step, self._storage, self._presets)
