"""The executor ``task``: a whole transcode as one step, whose order stands in the step's metadata instead of the job's data, so
that several of them can be steps of one job, each with its source and its result.

Metadata: ``order``, job data of TRANSCODE as JSON. Data out: ``vidijob_fileUri-STEP`` and ``vidijob_fileSize-STEP``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from vidijob.executors.base import Done, Fail, Outcome, ProgressUnit, StepContext, SubTask, Wait
from vidijob.executors.media.executor import MediaExecutor
from vidijob.jobs.model import JobData, Priority

#: What a transcode consists of.
_PIECES = ("setUp", "checkSource", "transcode", "checkResult", "finish")
_TOLD = ("fileUri", "fileSize")


class WholeExecutor:
    """Carries out all steps of a transcode one after the other."""

    methods = frozenset({"run"})
    short: frozenset[str] = frozenset()
    problems = MediaExecutor.problems

    def __init__(self, media: MediaExecutor) -> None:
        self._media = media

    async def run(self, step: StepContext) -> Outcome:
        """Carry out one attempt: whatever becomes of it, nothing is left half done."""
        try:
            data: dict[str, Sequence[str]] = dict(json.loads(step.metadata.get("order", "")))
        except ValueError:
            return Fail("The step's metadata has no order that can be read; submit the job again.")
        outcome: Outcome = Done()
        try:
            for method in _PIECES:
                outcome = await self._media.run(_Piece(step, method, data))
                if not isinstance(outcome, Done):
                    return _without_data(outcome)
                data = {key: value for key, value in {**data, **outcome.data}.items() if value is not None}
        finally:
            await self._media.run(_Piece(step, "cleanUp", data))
        return Done({f"vidijob_{key}-{step.step}": data.get(key, ()) for key in _TOLD})

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether there is room again, or what was missing is there."""
        return await self._media.is_gone(type, data)


def _without_data(outcome: Outcome) -> Outcome:
    """Return an outcome that sets none of the job's data: what it would set belongs to this step alone."""
    match outcome:
        case Wait(type=type, data=data, reason=reason):
            return Wait(type, data, reason)
        case Done():
            return Done()
        case _:
            return outcome.__class__(outcome.reason)


class _Piece:
    """A step of the transcode, inside of the step that carries out all."""

    def __init__(self, whole: StepContext, method: str, data: JobData) -> None:
        self._whole = whole
        self.method = method
        self.data = data

    @property
    def job(self) -> str:
        return self._whole.job

    @property
    def step(self) -> int:
        return self._whole.step

    @property
    def lease(self) -> int:
        return self._whole.lease

    @property
    def user(self) -> str:
        return self._whole.user

    @property
    def priority(self) -> Priority:
        return self._whole.priority

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._whole.metadata

    @property
    def script(self) -> str | None:
        return None

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        self._whole.progress(value, total, unit)

    def tell(self, data: Mapping[str, Sequence[str]]) -> None:
        """Show nothing in the job's data: several of these may run beside each other."""

    def note(self, text: str) -> None:
        self._whole.note(text)

    def signal(self) -> None:
        self._whole.signal()

    def split(self, descriptions: Sequence[str]) -> Sequence[SubTask]:
        return self._whole.split(descriptions)
