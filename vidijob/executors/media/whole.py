"""The executor ``task``: whole transcodes as one step, whose orders stand in the step's metadata instead of the job's data, so
that several such steps can be in one job, each with its sources and its results. An order with several sources puts them together,
one after the other.

Metadata: ``order``, job data of TRANSCODE or of CONFORM as JSON, or a list of such, which are carried out one after the other. Data
out: ``vidijob_fileUri-STEP`` and ``vidijob_fileSize-STEP``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from vidijob.executors.base import Done, Executor, Fail, Outcome, ProgressUnit, StepContext, SubTask, Wait
from vidijob.executors.media.executor import MediaExecutor
from vidijob.jobs.model import JobData, Priority

#: What a transcode consists of.
_TRANSCODE = ("setUp", "checkSource", "transcode", "checkResult", "finish")
#: What putting files together consists of.
_CONFORM = ("setUp", "checkSources", "transcode", "checkResult", "finish")
_TOLD = ("fileUri", "fileSize")


class WholeExecutor:
    """Carries out all steps of a transcode one after the other."""

    methods = frozenset({"run"})
    short: frozenset[str] = frozenset()
    problems = MediaExecutor.problems

    def __init__(self, media: MediaExecutor, conform: Executor) -> None:
        self._media = media
        self._conform = conform

    async def run(self, step: StepContext) -> Outcome:
        """Carry out one attempt: whatever becomes of it, nothing is left half done."""
        try:
            given = json.loads(step.metadata.get("order", ""))
            orders = [dict(order) for order in (given if isinstance(given, list) else [given])]
        except (ValueError, TypeError):
            return Fail("The step's metadata has no order that can be read; submit the job again.")
        told: dict[str, list[str]] = {key: [] for key in _TOLD}
        for turn, order in enumerate(orders):
            outcome, data = await self._one(step, order, turn / len(orders), 1 / len(orders))
            if not isinstance(outcome, Done):
                return _without_data(outcome)
            for key, values in told.items():
                values += data.get(key, ())
        return Done({f"vidijob_{key}-{step.step}": values for key, values in told.items()})

    async def _one(self, step: StepContext, data: JobData, before: float, part: float) -> tuple[Outcome, JobData]:
        several = len(data.get("sourceUri", ())) > 1
        executor: Executor = self._conform if several else self._media
        outcome: Outcome = Done()
        try:
            for method in _CONFORM if several else _TRANSCODE:
                outcome = await executor.run(_Piece(step, method, data, before, part))
                if not isinstance(outcome, Done):
                    break
                data = {key: value for key, value in {**data, **outcome.data}.items() if value is not None}
        finally:
            await executor.run(_Piece(step, "cleanUp", data, before, part))
        return outcome, data

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

    def __init__(self, whole: StepContext, method: str, data: JobData, before: float, part: float) -> None:
        """``part`` is how much of the whole this is, and ``before`` what of it is done already: of 1."""
        self._whole = whole
        self._before = before
        self._part = part
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
        if self._part == 1:
            self._whole.progress(value, total, unit)
        elif total:
            self._whole.progress(100 * (self._before + self._part * value / total), 100, "percent")

    def tell(self, data: Mapping[str, Sequence[str]]) -> None:
        """Show nothing in the job's data: several of these may run beside each other."""

    def note(self, text: str) -> None:
        self._whole.note(text)

    def signal(self) -> None:
        self._whole.signal()

    def split(self, descriptions: Sequence[str]) -> Sequence[SubTask]:
        return self._whole.split(descriptions)
