"""The executor ``analysis``: measures picture and sound. Its methods are the steps of ANALYZE.

Data in: ``sourceUri`` (one), ``checks`` (of loudness, silence, black, freeze, crop, interlace; all without it), limits such as
``blackTime`` (see ``meters.py``), ``destinationUri`` (a JSON file to be made, or a folder).
Data out: ``loudnessIntegrated``, ``loudnessRange`` and ``truePeak``, one per sound track; ``black``, ``freeze`` and ``silence``,
each interval as ``start-end``; ``crop``, ``interlace``; all of it as JSON in ``analysis``; ``duration`` and ``mediaInfo``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.executors.media import ffmpeg, frames, meters
from vidijob.executors.media.probing import MediaInfo, probe
from vidijob.executors.media.reporting import Reporting
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

#: How many intervals of a kind are told of in the job's data; the report on disk has all.
_INTERVALS = 500
_NOTES = 20


class AnalysisExecutor(Reporting):
    """Measures a file in one run of ffmpeg."""

    ending = "_analysis.json"

    def __init__(self, storage: Storage, threads: int | None = None) -> None:
        """``threads`` is for one ffmpeg; without it, as many as there are processors, at most eight."""
        super().__init__(
            "analysis",
            storage,
            short={"setUp": self._set_up},
            long={"checkSource": self._check_source, "analyze": self._analyze},
        )
        self._threads = threads or ffmpeg.default_threads()

    def sources(self, step: StepContext) -> list[Path]:
        """Return the file to be measured. It blocks."""
        return [self._storage.source(uri) for uri in self.source_uris(step)]

    def source_uris(self, step: StepContext) -> Sequence[str]:
        """Return how the job's data names it."""
        return [jobdata.single(step.data, "sourceUri", "the file to be analyzed")]

    async def _set_up(self, step: StepContext) -> Done:
        meters.checks(step.data)

        def look(stop: Stop) -> None:
            ffmpeg.find()
            self.sources(step)
            self.make_room(step)

        await in_thread(look)
        return Done()

    async def _check_source(self, step: StepContext) -> Done:
        (source,) = await in_thread(lambda stop: self.sources(step))
        wanted, info = meters.checks(step.data), await probe(source)
        if meters.graph(wanted, info) is None:
            has = "picture" if info.has_video else "sound"
            raise Invalid("checks", f"The source has only {has}, of which nothing in checks can be measured.")
        return Done({"duration": [_plain(info.duration)] if info.duration else None, "mediaInfo": [info.text()]})

    async def _analyze(self, step: StepContext) -> Outcome:
        (source,) = await in_thread(lambda stop: self.sources(step))
        wanted, info = meters.checks(step.data), MediaInfo.parse(step.data["mediaInfo"][0])
        graph = meters.graph(wanted, info)
        assert graph is not None
        program = await in_thread(lambda stop: ffmpeg.find())
        meter = meters.Meter(wanted, info)

        def hear(block: frames.Block) -> None:
            done = meter.hear(block)
            if info.duration and done > 0:
                step.progress(round(min(done / info.duration, 1) * 100, 3), 100, "percent")

        step.progress(0, 100, "percent")
        failure, complaints = await frames.run(
            [
                *frames.opening(program, ffmpeg.processors(step.metadata) or self._threads),
                *("-i", f"file:{source}", "-filter_complex", graph, *meters.outputs(wanted, info)),
            ],
            hear,
        )
        for line in complaints.splitlines()[-_NOTES:]:
            step.note(line)
        if failure is not None:
            await in_thread(lambda stop: self.sources(step))
            sentence = f"{failure.reason} ({shown(source)})."
            return Retry(sentence) if failure.passing else Fail(sentence)
        if not meter.heard:
            return Fail(f"Nothing of {shown(source)} can be decoded; the file is probably damaged.")
        report = meter.report()
        made = await self.report(step, {"sourceUri": self.source_uris(step)[0], "duration": info.duration, **report})
        step.progress(100, 100, "percent")
        return Done({**_results(report), **made})


def _results(report: Mapping[str, Any]) -> dict[str, list[str] | None]:
    """Return a report as job data."""
    short = {key: value[:_INTERVALS] if isinstance(value, list) else value for key, value in report.items()}
    for one in short.get("silenceOfTracks", []):
        one["silence"] = one["silence"][:_INTERVALS]
    loudness, crop = report.get("loudness", []), report.get("crop")
    found: dict[str, list[str]] = {
        "loudnessIntegrated": [_plain(one["integrated"]) for one in loudness],
        "loudnessRange": [_plain(one["range"]) for one in loudness],
        "truePeak": [_plain(one["truePeak"]) for one in loudness],
        **{name: _intervals(short.get(name, [])) for name in ("black", "freeze", "silence")},
        "crop": [f"{crop['width']}:{crop['height']}:{crop['x']}:{crop['y']}"] if crop else [],
        "interlace": [report["interlace"]["type"]] if "interlace" in report else [],
        "analysis": [json.dumps(short, separators=(",", ":"))],
    }
    return {key: values or None for key, values in found.items()}


def _intervals(spans: Sequence[Mapping[str, float]]) -> list[str]:
    return [f"{_plain(span['start'])}-{_plain(span['end'])}" for span in spans]


def _plain(number: float | None) -> str:
    """Return a number as text; what is too quiet to be measured is ``-inf``."""
    return "-inf" if number is None else f"{number:.6f}".rstrip("0").rstrip(".")
