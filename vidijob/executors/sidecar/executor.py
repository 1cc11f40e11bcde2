"""The executor ``sidecar``: what is done with small files that come beside media. Its methods are the steps of SIDECAR_IMPORT.

Data in: ``sourceUri`` (SubRip, WebVTT, TTML or other XML), ``itemId`` (the item it belongs to; it stays in the job's data),
``destinationUri`` (optional: the file to be made beside the essence, or a folder that ends in ``/``), ``targetFormat``
(``webvtt``; without it the file is copied as it is), ``sourceFormat`` (where its content does not tell), ``language``,
``skipErrors`` (``true``: what cannot be read is left out instead of failing the job).
Data out: ``sidecarFormat``, ``sidecarEncoding``, ``sidecarLanguage``, ``cueCount``, ``cueStart`` and ``cueEnd`` (seconds: the first
begin and the last end), ``cues`` (JSON, at most 256 KiB), ``sidecarProblem`` (``Line 12: …``, at most 200); of other XML a key
``sidecar-…`` for each element (see ``metadata.py``); with ``destinationUri`` also ``fileUri`` and ``fileSize``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata, reading
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.making import Making, all_or_none, destinations, receipts
from vidijob.executors.sidecar import sidecars, webvtt
from vidijob.executors.sidecar.cues import Problems, Unreadable, data
from vidijob.executors.sidecar.sidecars import FORMATS, Sidecar
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

#: No sidecar has more bytes.
MOST_BYTES = 16 * 1024 * 1024
_TARGETS = ("webvtt",)


class SidecarExecutor(Making):
    """Reads sidecar files below the storage roots, and copies or converts them."""

    def __init__(self, storage: Storage) -> None:
        super().__init__("sidecar", storage, short={"setUp": self._set_up}, long={"transfer": self._transfer})

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the sidecar is to be, if anywhere."""
        if not jobdata.values(step.data, "destinationUri"):
            return []
        name = self._storage.name(self._uri(step))
        name = f"{Path(name).stem}.vtt" if _target(step) else name
        return destinations(step, self._storage, [name], "values of sourceUri")

    async def _set_up(self, step: StepContext) -> Done:
        if _target(step) and not jobdata.values(step.data, "destinationUri"):
            raise Invalid("targetFormat", "The job has a targetFormat and no destinationUri; give the file to be made.")
        _choice(step, "sourceFormat", FORMATS)
        jobdata.flag(step.data, "skipErrors")

        def look(stop: Stop) -> None:
            os.close(self._storage.open_source(self._storage.source(self._uri(step))))
            self.make_room(step)

        await in_thread(look)
        return Done()

    async def _transfer(self, step: StepContext) -> Outcome:
        skip, target = jobdata.flag(step.data, "skipErrors"), _target(step)

        def transfer(stop: Stop) -> tuple[Outcome, int]:
            source = self._storage.source(self._uri(step))
            problems = Problems()
            try:
                content = reading.whole(self._storage, source, MOST_BYTES, stop)
                wanted = _choice(step, "sourceFormat", FORMATS)
                sidecar = sidecars.read(content, source.name, wanted, problems, stop)
            except (Unreadable, reading.TooLarge) as error:
                return _refusal(source, str(error), problems), 0
            if problems.errors and not skip:
                return _refusal(source, problems.texts[0], problems), 0
            if target:
                content = _converted(sidecar)
            partials = self.begin(step)
            with all_or_none(partials):
                for partial in partials:
                    with os.fdopen(partial.create(), "wb") as file:
                        file.write(content)
                made = receipts(partials)
            return Done({**made, **_data(sidecar, problems, jobdata.optional(step.data, "language"))}), len(content)

        outcome, size = await in_thread(transfer)
        if isinstance(outcome, Done) and size:
            step.progress(size, size, "bytes")
        return outcome

    def _uri(self, step: StepContext) -> str:
        return jobdata.single(step.data, "sourceUri", "the sidecar file")


def _refusal(source: Path, reason: str, problems: Problems) -> Fail:
    more = problems.errors - 1 if problems.errors else 0
    further = (
        f" There are {more} further errors, in sidecarProblem; skipErrors=true leaves out what is wrong."
        if more
        else ""
    )
    return Fail(
        f"{shown(source)} cannot be imported. {reason}{further}", {"sidecarProblem": problems.texts or [reason]}
    )


def _converted(sidecar: Sidecar) -> bytes:
    if sidecar.format == "xml":
        raise Invalid(
            "targetFormat", "The source is XML without cues, which cannot be made WebVTT; leave out targetFormat."
        )
    return webvtt.write(sidecar.cues, sidecar.format).encode("utf-8", "replace")


def _data(sidecar: Sidecar, problems: Problems, language: str | None) -> dict[str, Sequence[str] | None]:
    found: dict[str, Sequence[str] | None] = {
        "sidecarFormat": [sidecar.format],
        "sidecarEncoding": [sidecar.encoding],
        "sidecarProblem": problems.texts or None,
    }
    if sidecar.format == "xml":
        return {**found, **{f"sidecar-{key}": values for key, values in sidecar.values.items()}}
    said = language or sidecar.language
    cues = sidecar.cues
    return {
        **found,
        "sidecarLanguage": [said] if said else None,
        "cueCount": [str(len(cues))],
        "cueStart": [f"{min(cue.start for cue in cues) / 1000:.3f}"] if cues else None,
        "cueEnd": [f"{max(cue.end for cue in cues) / 1000:.3f}"] if cues else None,
        "cues": [data(cues)],
    }


def _target(step: StepContext) -> str | None:
    return _choice(step, "targetFormat", _TARGETS)


def _choice(step: StepContext, key: str, choices: Sequence[str]) -> str | None:
    """Return the value of a key that may be left out, one of a few words."""
    said = jobdata.optional(step.data, key)
    if said is not None and said.lower() not in choices:
        raise Invalid(key, f"{key} is {shown(said)}; give {' or '.join(choices)}, or nothing.")
    return said.lower() if said is not None else None
