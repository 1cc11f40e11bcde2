"""What a step tells on a node, on its way to the dispatcher, which has the attempt itself tell it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from vidijob.executors.base import ProgressUnit, StepContext, SubTask
from vidijob.executors.dask.words import Order
from vidijob.jobs.model import JobData, Priority

#: Lines and turns of sub-tasks that are passed on at once; the rest follows.
_MOST = 500


class Relay:
    """The ``StepContext`` of an attempt on a node: it keeps what is told until it is flushed."""

    def __init__(self, order: Order, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._order = order
        self._send = send
        self._news: dict[str, Any] = {}
        self._lines: list[str] = []
        self._turns: list[list[Any]] = []
        #: The last progress of each sub-task that is not passed on yet.
        self._progress: dict[int, list[Any]] = {}

    @property
    def job(self) -> str:
        """The job's id as users know it."""
        return self._order.job

    @property
    def step(self) -> int:
        """The step's number in its job type."""
        return self._order.step

    @property
    def lease(self) -> int:
        """A number that no other attempt has or had."""
        return self._order.lease

    @property
    def method(self) -> str:
        """What to do."""
        return self._order.method

    @property
    def data(self) -> JobData:
        """The job's data at the start of this attempt."""
        return self._order.data

    @property
    def user(self) -> str:
        """Whose job it is."""
        return self._order.user

    @property
    def priority(self) -> Priority:
        """How urgent its job was when this attempt began."""
        return self._order.urgency

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the task definition says besides: its settings."""
        return self._order.metadata

    @property
    def script(self) -> str | None:
        """No script is placed."""
        return None

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        """Remember how far the step is."""
        self._news["progress"] = [value, total, unit]

    def tell(self, data: Mapping[str, Sequence[str]]) -> None:
        """Remember job data to be shown while the step runs."""
        self._news["said"] = {**self._news.get("said", {}), **{key: list(values) for key, values in data.items()}}

    def note(self, text: str) -> None:
        """Remember a line for the log."""
        self._lines.append(text)

    def signal(self) -> None:
        """Let the steps start that are parallel to this one; passed on at once."""
        self._news["signal"] = True
        self.flush()

    def split(self, descriptions: Sequence[str]) -> Sequence[SubTask]:
        """Divide the step into sub-tasks; passed on at once."""
        if not descriptions:
            raise ValueError("a step is split into at least one sub-task")
        self._news["split"] = list(descriptions)
        self.flush()
        return [_Part(self, place) for place in range(len(descriptions))]

    def turn(self, place: int, word: str, *about: object) -> None:
        """Remember what became of a sub-task."""
        self._turns.append([place, word, *about])

    def part_progress(self, place: int, told: list[Any]) -> None:
        """Remember how far a sub-task is."""
        self._progress[place] = told

    def flush(self) -> None:
        """Pass on what was told since the last time."""
        while self._news or self._lines or self._turns or self._progress:
            news, self._news = self._news, {}
            if self._lines:
                news["lines"], self._lines = self._lines[:_MOST], self._lines[_MOST:]
            if self._turns:
                news["turns"], self._turns = self._turns[:_MOST], self._turns[_MOST:]
            if self._progress and not self._turns:
                news["parts"], self._progress = list(self._progress.items()), {}
            self._send(news)


class _Part:
    """A sub-task, on a node."""

    def __init__(self, relay: Relay, place: int) -> None:
        self._relay = relay
        self._place = place

    def start(self) -> None:
        """Tell that it has begun."""
        self._relay.turn(self._place, "start")

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        """Tell how far it is."""
        self._relay.part_progress(self._place, [value, total, unit])

    def finish(self) -> None:
        """Tell that it is done."""
        self._relay.turn(self._place, "finish")

    def fail(self, reason: str) -> None:
        """Tell that it failed, and why."""
        self._relay.turn(self._place, "fail", reason)


class Replay:
    """Has an attempt tell again what was passed on, on the dispatcher."""

    def __init__(self, step: StepContext) -> None:
        self._step = step
        self._parts: Sequence[SubTask] = ()

    def hear(self, news: Mapping[str, Any]) -> None:
        """Take what was passed on at once."""
        if "split" in news and not self._parts:
            self._parts = self._step.split(news["split"])
        for place, word, *about in news.get("turns", ()):
            part = self._parts[place]
            if word == "start":
                part.start()
            elif word == "finish":
                part.finish()
            else:
                part.fail(*about)
        for place, (value, total, unit) in news.get("parts", ()):
            self._parts[place].progress(value, total, cast("ProgressUnit", unit))
        if "progress" in news:
            value, total, unit = news["progress"]
            self._step.progress(value, total, cast("ProgressUnit", unit))
        if "said" in news:
            self._step.tell(news["said"])
        for line in news.get("lines", ()):
            self._step.note(line)
        if news.get("signal"):
            self._step.signal()
