"""Runs ffmpeg for the outputs of one step, one after the other, tells how far they are, and turns a failure into an outcome.

While it runs, and when it is done, job data says so by the keys of the real server: ``transcodeProgress`` in percent,
``transcodeEstimatedTimeLeft`` and ``transcodeWallTime`` in seconds, and for each output ``transcodeDurations`` and
``transcodeMediaTimes``, how much of it there will be and how much there is, as time codes of a microsecond
(``3000000@1000000``); and by one of ours, ``transcodeSpeed``, in seconds of media a second.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext
from vidijob.executors.making import RECEIPT, all_or_none, receipts, remove
from vidijob.executors.media import ffmpeg
from vidijob.executors.outcomes import out_of_storage
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage
from vidijob.executors.threads import in_thread

#: An output is all done only when its file is whole: ffmpeg may still have to move the index to its front.
_NEARLY = 0.999
#: Complaints that are kept of one run.
_MOST_LINES = 400


@dataclass(frozen=True, slots=True)
class Run:
    """One run of ffmpeg, which makes one output."""

    #: What people call the output in the job's log: the preset's tag.
    name: str
    #: What is said of it in a complaint: ``clip.mov with the preset mp4``.
    about: str
    #: The program and its arguments.
    arguments: Sequence[str]
    #: How many seconds the output will last; ``None`` where nobody knows, and then nothing is told meanwhile.
    seconds: float | None
    #: Where it is going to be; the storage it lies in is complained about where there is no room.
    destination: Path


async def make(
    step: StepContext,
    storage: Storage,
    partials: Sequence[Partial],
    prepare: Callable[[Sequence[Partial]], Sequence[Run]],
    look_again: Callable[[], object],
    key: str = RECEIPT,
) -> Outcome:
    """Make files, all or none; ``Done`` has their receipts, under ``key``, and how the transcode went.

    ``prepare`` says, in a thread, by which run each of them is made; the files are there by then, empty. ``look_again`` as in
    ``run``.
    """

    def begin() -> Sequence[Run]:
        for partial in partials:
            partial.create_empty()
        return prepare(partials)

    with all_or_none(partials):
        runs = await in_thread(lambda stop: begin())
        outcome = await run(step, storage, runs, look_again)
        if not isinstance(outcome, Done):
            await in_thread(lambda stop: remove(partials))
            return outcome
        made = await in_thread(lambda stop: receipts(partials, key))
    return Done({**made, **outcome.data})


async def run(step: StepContext, storage: Storage, runs: Sequence[Run], look_again: Callable[[], object]) -> Outcome:
    """Carry out all runs; several are sub-tasks of the step. The data of ``Done`` says how it went; the files are not yet
    safe on the disk.

    ``look_again`` is called, in a thread, after a failure: it raises ``Absent`` where a source is gone, which is waited for.
    """
    step.progress(0, 100, "percent")
    parts = step.split([run.name for run in runs]) if len(runs) > 1 else ()
    meter = _Meter(runs)
    for place, one in enumerate(runs):
        part = parts[place] if parts else None

        def tell(share: float, place: int = place) -> None:
            step.progress(round((place + share) / len(runs) * 100, 3), 100, "percent")
            if parts:
                parts[place].progress(round(share * 100, 3), 100, "percent")

        def tell_seconds(seconds: float, place: int = place, tell: Callable[[float], None] = tell) -> None:
            meter.reach(place, seconds)
            step.tell(meter.data())
            if (share := meter.share(place)) is not None:
                tell(share)

        if part is not None:
            part.start()
        failure = await ffmpeg.transcode(one.arguments, tell_seconds)
        if failure is not None:
            step.note(shlex.join(one.arguments))
            for line in failure.lines[-_MOST_LINES:]:
                step.note(line)
            sentence = f"{failure.reason} ({one.about})."
            await in_thread(lambda stop: look_again())
            if part is not None:
                part.fail(sentence)
            if failure.full:
                return out_of_storage(storage, one.destination, sentence)
            return Retry(sentence) if failure.passing else Fail(sentence)
        meter.finish(place)
        tell(1)
        if part is not None:
            part.finish()
    step.progress(100, 100, "percent")
    return Done(meter.data())


class _Meter:
    """How far the outputs are, and how fast."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._started = time.monotonic()
        self._wholes = [run.seconds for run in runs]
        self._reached = [0.0] * len(runs)
        self._done = [False] * len(runs)

    def reach(self, place: int, seconds: float) -> None:
        """Enter how much there is of an output."""
        self._reached[place] = seconds

    def finish(self, place: int) -> None:
        """Enter that an output is done."""
        self._done[place] = True

    def share(self, place: int) -> float | None:
        """Return which part of an output there is; ``None`` where nobody knows how much it will be."""
        whole = self._wholes[place]
        if self._done[place]:
            return 1.0
        return min(self._reached[place] / whole, _NEARLY) if whole else None

    def data(self) -> Mapping[str, Sequence[str]]:
        """Return what it says as job data."""
        shares = [self.share(place) or 0.0 for place in range(len(self._wholes))]
        done, wall = sum(shares) / len(shares), time.monotonic() - self._started
        data = {
            "transcodeProgress": [str(round(done * 100.0, 3))],
            "transcodeWallTime": [f"{wall:.4f}"],
            "transcodeMediaTimes": [_time_code(seconds) for seconds in self._reached],
        }
        if done:
            data["transcodeEstimatedTimeLeft"] = [f"{wall / done * (1 - done):.1f}"]
        if wall:
            data["transcodeSpeed"] = [f"{sum(self._reached) / wall:.3f}"]
        if all(self._wholes):
            data["transcodeDurations"] = [_time_code(seconds or 0) for seconds in self._wholes]
        return data


def _time_code(seconds: float) -> str:
    return f"{round(seconds * 1_000_000)}@1000000"
