"""The executor ``media``: what is done with picture and sound. Its methods are the steps of TRANSCODE, TRANSCODE_RANGE and
RAW_TRANSCODE.

Data in: ``sourceUri`` (one), ``destinationUri`` and ``tag`` (may repeat; see ``outputs.py``) or ``transcodeJob`` (see
``order.py``); the keys of a part of the source (see ``cut.py``).
Data out: ``duration`` (seconds) and ``mediaInfo`` (JSON) of the source; ``fileUri``, ``fileSize``, ``outputDuration`` and
``outputMediaInfo``, one of each per tag in their order; ``transcodeProgress`` and its like (see ``running.py``).
Metadata of the first step: ``requires`` = ``range`` or ``transcodeJob``: what the job type cannot do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.making import Making
from vidijob.executors.media import cut, ffmpeg, order, running
from vidijob.executors.media.checking import check, require_streams, results, seconds
from vidijob.executors.media.cut import Cut
from vidijob.executors.media.encoders import Encoders
from vidijob.executors.media.outputs import Output, outputs, source
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.probing import MediaInfo, probe
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread


class MediaExecutor(Making):
    """Transcodes files of the storage roots with ffmpeg; several tags are several sub-tasks of the transcode."""

    def __init__(self, storage: Storage, presets: Presets, threads: int | None = None) -> None:
        """``threads`` is for one ffmpeg whose step does not say how many processors it needs (``resources`` = ``cpu=2``);
        without it, as many as there are processors, at most eight.
        """
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
        self._encoders = Encoders()
        self._threads = threads or ffmpeg.default_threads()

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the outputs are to be, one for each tag."""
        return [output.destination for output in self._outputs(step)]

    async def _set_up(self, step: StepContext) -> Done:
        def look(stop: Stop) -> None:
            _require(step)
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
        part = cut.find(step.data, info)
        if part is not None:
            step.note(f"Of the source: {part.words}.")
        return Done({"duration": seconds(info), "mediaInfo": [info.text()]})

    async def _transcode(self, step: StepContext) -> Outcome:
        part, promised, threads = _part(step), _promised(step), ffmpeg.processors(step.metadata) or self._threads
        wanted = await in_thread(lambda stop: self._outputs(step))
        chosen = [await self._encoders.choose(output.preset, step.note) for output in wanted]

        def prepare(partials: Sequence[Partial]) -> list[running.Run]:
            path, program = source(step.data, self._storage), ffmpeg.find()
            return [
                running.Run(
                    output.preset.tag,
                    f"{shown(path)} with the preset {output.preset.tag}",
                    ffmpeg.command(program, path, partial.path, preset, threads, cut=part),
                    promised,
                    output.destination,
                )
                for output, preset, partial in zip(wanted, chosen, partials, strict=True)
            ]

        partials = await in_thread(lambda stop: self.begin(step))
        return await running.make(step, self._storage, partials, prepare, lambda: source(step.data, self._storage))

    async def _check_result(self, step: StepContext) -> Done | Fail:
        wanted, made = await in_thread(lambda stop: (self._outputs(step), self.made(step)))
        files = [(output.preset.tag, partial.path) for output, (partial, _) in zip(wanted, made, strict=True)]
        found = await check(step, files, _promised(step))
        return found if isinstance(found, Fail) else Done(results(found))

    def _outputs(self, step: StepContext) -> list[Output]:
        return outputs(step, self._storage, self._presets)


def _require(step: StepContext) -> None:
    required = step.metadata.get("requires")
    if required == "range" and not any(jobdata.values(step.data, key) for key in (*cut.STARTS, *cut.ENDS)):
        raise Invalid(
            "smpteTimeCode",
            "The job has no smpteTimeCode and no lastSmpteTimeCode; give the first or the last frame of the part, or both.",
        )
    if required == order.KEY:
        jobdata.single(step.data, order.KEY, "the order as JSON")


def _part(step: StepContext) -> Cut | None:
    """Return which part of the source is wanted; known once the source was looked at."""
    info = jobdata.optional(step.data, "mediaInfo")
    return cut.find(step.data, MediaInfo.parse(info)) if info is not None else None


def _promised(step: StepContext) -> float | None:
    """Return how many seconds an output is going to last, where that is known."""
    part, duration = _part(step), jobdata.optional(step.data, "duration")
    if part is not None:
        return float(part.seconds)
    return None if duration is None else float(duration)
