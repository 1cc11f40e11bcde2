"""The executor ``media``: what is done with picture and sound. Its methods are the steps of TRANSCODE.

Data in: ``sourceUri`` (one), ``destinationUri`` and ``tag`` (may repeat; see ``outputs.py``).
Data out: ``duration`` (seconds) and ``mediaInfo`` (JSON) of the source; ``fileUri``, ``fileSize``, ``outputDuration`` and
``outputMediaInfo``, one of each per tag in their order; ``transcodeProgress`` and ``transcodeWallTime`` (seconds).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, SubTask
from vidijob.executors.media import ffmpeg
from vidijob.executors.media.outputs import Output, outputs, source
from vidijob.executors.media.presets import Preset, Presets
from vidijob.executors.media.probing import MediaInfo, probe
from vidijob.executors.outcomes import out_of_storage
from vidijob.executors.partials import Partial, Receipt, publish_all, sweep
from vidijob.executors.stepwise import Stepwise
from vidijob.executors.storage import Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread

_RECEIPT = "vidijob_receipt"
#: A result that lasts less than this part of what its source promised is taken for broken.
_SHORTEST = 0.9
#: Seconds by which they may differ without a word.
_ALIKE = 0.1


class MediaExecutor(Stepwise):
    """Transcodes files of the storage roots with ffmpeg; several tags are several sub-tasks of the transcode."""

    def __init__(self, storage: Storage, presets: Presets, threads: int | None = None) -> None:
        """``threads`` is for one ffmpeg; without it, as many as there are processors, at most eight."""
        super().__init__(
            "media",
            storage,
            short={"setUp": self._set_up, "finish": self._finish, "cleanUp": self._clean_up},
            long={
                "checkSource": self._check_source,
                "transcode": self._transcode,
                "checkResult": self._check_result,
            },
        )
        self._presets = presets
        self._threads = threads or ffmpeg.default_threads()

    def _written(self, step: StepContext) -> Path:
        return self._outputs(step)[0].destination

    async def _set_up(self, step: StepContext) -> Done:
        def look(stop: Stop) -> None:
            ffmpeg.find()
            source(step.data, self._storage)
            for output in self._outputs(step):
                self._storage.require_vacant(output.destination)
                self._storage.prepare(output.destination.parent)

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
        step.progress(0, 100, "percent")
        made: list[tuple[Output, Partial]] = []
        try:
            path = await in_thread(lambda stop: self._prepare(step, made))
            parts = step.split([output.preset.tag for output, _ in made]) if len(made) > 1 else ()
            for place, (output, partial) in enumerate(made):
                part = parts[place] if parts else None
                failure = await self._make(step, part, path, output, partial, place, len(made))
                if failure is not None:
                    await in_thread(lambda stop: _remove(made))
                    for line in failure.lines:
                        step.note(line)
                    sentence = f"{failure.reason} ({shown(path)} with the preset {output.preset.tag})."
                    # Whether it is still there: a source that went away is waited for.
                    await in_thread(lambda stop: source(step.data, self._storage))
                    if part is not None:
                        part.fail(sentence)
                    if failure.full:
                        return out_of_storage(self._storage, output.destination, sentence)
                    return Retry(sentence) if failure.passing else Fail(sentence)
            receipts = await in_thread(lambda stop: [partial.receipt() for _, partial in made])
        except BaseException:
            _remove(made)
            raise
        step.progress(100, 100, "percent")
        return Done(
            {
                _RECEIPT: [receipt.text() for receipt in receipts],
                "transcodeProgress": ["100.0"],
                "transcodeWallTime": [f"{time.monotonic() - started:.3f}"],
            }
        )

    def _prepare(self, step: StepContext, made: list[tuple[Output, Partial]]) -> Path:
        """Clear away what older attempts left, make the files that ffmpeg will write to, and return the source."""
        ffmpeg.find()
        wanted = self._outputs(step)
        sweep(self._storage, [output.destination for output in wanted], step.job, before=step.lease)
        for output in wanted:
            partial = Partial(self._storage, output.destination, step.job, step.lease)
            partial.create_empty()
            made.append((output, partial))
        return source(step.data, self._storage)

    async def _make(
        self,
        step: StepContext,
        part: SubTask | None,
        path: Path,
        output: Output,
        partial: Partial,
        place: int,
        total: int,
    ) -> ffmpeg.Failure | None:
        duration = jobdata.optional(step.data, "duration")

        def tell(share: float) -> None:
            step.progress(round((place + share) / total * 100, 3), 100, "percent")
            if part is not None:
                part.progress(round(share * 100, 3), 100, "percent")

        def tell_seconds(seconds: float) -> None:
            # It is 100 only when the file is whole: ffmpeg may still have to move the index to its front.
            if duration is not None and (whole := float(duration)) > 0:
                tell(min(seconds / whole, 0.999))

        if part is not None:
            part.start()
        arguments = ffmpeg.command(ffmpeg.find(), path, partial.path, output.preset, self._threads)
        failure = await ffmpeg.transcode(arguments, tell_seconds)
        if failure is None:
            tell(1)
            if part is not None:
                part.finish()
        return failure

    async def _check_result(self, step: StepContext) -> Done | Fail:
        promised = jobdata.optional(step.data, "duration")
        results = []
        for output, partial, _ in await in_thread(lambda stop: self._made(step)):
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

    async def _finish(self, step: StepContext) -> Done:
        def finish(stop: Stop) -> list[tuple[Partial, Receipt]]:
            made = [(partial, receipt) for _, partial, receipt in self._made(step)]
            publish_all(made)
            return made

        made = await in_thread(finish)
        return Done(
            {
                "fileUri": [uri_of(partial.destination) for partial, _ in made],
                "fileSize": [str(receipt.size) for _, receipt in made],
            }
        )

    async def _clean_up(self, step: StepContext) -> Done:
        def clean_up(stop: Stop) -> None:
            # Where the data is wrong, setting up has refused it, and nothing was made.
            with contextlib.suppress(Invalid):
                sweep(self._storage, [output.destination for output in self._outputs(step)], step.job)

        await in_thread(clean_up)
        return Done({_RECEIPT: None})

    def _outputs(self, step: StepContext) -> list[Output]:
        return outputs(step.data, self._storage, self._presets)

    def _made(self, step: StepContext) -> list[tuple[Output, Partial, Receipt]]:
        receipts = map(Receipt.parse, step.data.get(_RECEIPT, ()))
        return [
            (output, Partial(self._storage, output.destination, step.job, receipt.lease), receipt)
            for output, receipt in zip(self._outputs(step), receipts, strict=True)
        ]


def _require_streams(info: MediaInfo, preset: Preset) -> None:
    if (info.has_video and preset.video) or (info.has_audio and preset.audio):
        return
    has, makes = ("picture", "sound") if info.has_video else ("sound", "picture")
    raise Invalid(
        "tag", f"The source has only {has} and the preset {preset.tag} makes only {makes}; choose another tag."
    )


def _remove(made: Sequence[tuple[Output, Partial]]) -> None:
    for _, partial in made:
        partial.remove()


def _seconds(info: MediaInfo) -> list[str] | None:
    return None if info.duration is None else [f"{info.duration:.6f}".rstrip("0").rstrip(".")]
