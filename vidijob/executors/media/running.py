"""Runs ffmpeg for the outputs of one step, one after the other, tells how far they are, and turns a failure into an outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
    started = time.monotonic()

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
    return Done({**made, "transcodeProgress": ["100.0"], "transcodeWallTime": [f"{time.monotonic() - started:.3f}"]})


async def run(step: StepContext, storage: Storage, runs: Sequence[Run], look_again: Callable[[], object]) -> Outcome:
    """Carry out all runs; several are sub-tasks of the step. ``Done`` has no data, and the files are not yet on the disk.

    ``look_again`` is called, in a thread, after a failure: it raises ``Absent`` where a source is gone, which is waited for.
    """
    step.progress(0, 100, "percent")
    parts = step.split([run.name for run in runs]) if len(runs) > 1 else ()
    for place, one in enumerate(runs):
        part = parts[place] if parts else None

        def tell(share: float, place: int = place) -> None:
            step.progress(round((place + share) / len(runs) * 100, 3), 100, "percent")
            if parts:
                parts[place].progress(round(share * 100, 3), 100, "percent")

        def tell_seconds(
            seconds: float, whole: float | None = one.seconds, tell: Callable[[float], None] = tell
        ) -> None:
            if whole:
                tell(min(seconds / whole, _NEARLY))

        if part is not None:
            part.start()
        failure = await ffmpeg.transcode(one.arguments, tell_seconds)
        if failure is not None:
            for line in failure.lines:
                step.note(line)
            sentence = f"{failure.reason} ({one.about})."
            await in_thread(lambda stop: look_again())
            if part is not None:
                part.fail(sentence)
            if failure.full:
                return out_of_storage(storage, one.destination, sentence)
            return Retry(sentence) if failure.passing else Fail(sentence)
        tell(1)
        if part is not None:
            part.finish()
    step.progress(100, 100, "percent")
    return Done()
