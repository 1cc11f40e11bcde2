"""The kinds of metrics. Each is made when it is first used, so that a process that was forked may share its values with its
siblings: in files of one folder, one for each process, which whoever is asked adds up.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import prometheus_client
from prometheus_client import CollectorRegistry, multiprocess, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

#: What this process counts.
_OWN = CollectorRegistry()
_ENVIRONMENT = "PROMETHEUS_MULTIPROC_DIR"
_FOLDER = "vidijob-metrics-"

#: What takes a number in.
Take = Callable[[float], None]


class Metric:
    """One metric: its name, what it tells, the names of its labels."""

    #: Every metric there is, in the order in which they are declared.
    ALL: ClassVar[list[Metric]] = []
    #: ``counter``, ``gauge`` or ``histogram``.
    kind: str = "counter"

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.about = about
        self.labels = tuple(labels)
        self.ALL.append(self)

    def make(self) -> None:
        """See to it that it is shown although nothing has happened yet."""


class Counted(Metric, ABC):
    """What each process counts itself."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, about, labels)
        #: What takes a number in, by the values of the labels, so that these are looked up once.
        self._takers: dict[tuple[str, ...], Take] = {}

    def take(self, *labels: str) -> Take:
        """Return what takes a number in for some values of the labels, to be kept by who has many of them."""
        taker = self._takers.get(labels)
        if taker is None:
            taker = self._takers[labels] = self._taker(self._made.labels(*labels) if labels else self._made)
        return taker

    def make(self) -> None:
        """See to it that it is shown although nothing has happened yet."""
        assert self._made is not None

    @property
    @abstractmethod
    def _made(self) -> Any:
        """Return what Prometheus' client knows it as."""

    def _taker(self, child: Any) -> Take:
        taker: Take = child.inc
        return taker


class Counter(Counted):
    """Something that only grows, counted by each process."""

    @cached_property
    def _made(self) -> prometheus_client.Counter:
        return prometheus_client.Counter(self.name, self.about, self.labels, registry=_OWN)

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Count one, or several."""
        self.take(*labels)(by)


class Level(Counted):
    """Something that goes up and down in each process; the sum of those that live is shown."""

    kind = "gauge"

    @cached_property
    def _made(self) -> prometheus_client.Gauge:
        return prometheus_client.Gauge(self.name, self.about, self.labels, registry=_OWN, multiprocess_mode="livesum")

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Let it go up, or down."""
        self.take(*labels)(by)


class Times(Counted):
    """How long something takes, in seconds, as a histogram of each process."""

    kind = "histogram"

    def __init__(self, name: str, about: str, labels: Sequence[str] = (), *, buckets: Sequence[float]) -> None:
        super().__init__(name, about, labels)
        self.buckets = tuple(buckets)

    @cached_property
    def _made(self) -> prometheus_client.Histogram:
        return prometheus_client.Histogram(self.name, self.about, self.labels, buckets=self.buckets, registry=_OWN)

    def _taker(self, child: Any) -> Take:
        taker: Take = child.observe
        return taker

    def add(self, *labels: str, seconds: float) -> None:
        """Take one in."""
        self.take(*labels)(max(seconds, 0.0))


class Reading(Metric):
    """Something that is read when somebody asks, and the same from whichever process."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = (), *, grows: bool = False) -> None:
        super().__init__(name, about, labels)
        self.kind = "counter" if grows else "gauge"

    def of(self, read: Iterable[tuple[Sequence[str], float]]) -> Family:
        """Return it with the values that were read, each with its labels."""
        made = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = made(self.name, self.about, labels=self.labels)
        for labels, value in read:
            family.add_metric(list(labels), value)
        return family


class _Read(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> list[Family]:
        return self._families


def share() -> Path:
    """Have this process, and those that it forks, keep what they count in a new folder, before anything was counted.

    Returns the folder, which is the caller's to take away; what one that was killed has left is taken away here.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*-*"):
        owner = left.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdecimal() and not _lives(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
    os.environ[_ENVIRONMENT] = str(folder)
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    return folder


def expose(read: Iterable[Family]) -> bytes:
    """Return all metrics as Prometheus reads them: what this process and its siblings counted, and what was read."""
    for metric in Metric.ALL:
        if not metric.labels:
            metric.make()
    folder = os.environ.get(_ENVIRONMENT)
    registry = CollectorRegistry()
    if folder is None:
        registry.register(_Read(_OWN.collect()))
    else:
        _bury(Path(folder))
        multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    registry.register(_Read(read))
    return prometheus_client.generate_latest(registry)


def siblings() -> list[int]:
    """Return the processes that share what they count: this one alone, if it shares with nobody."""
    folder = os.environ.get(_ENVIRONMENT)
    if folder is None:
        return [os.getpid()]
    return [pid for pid in _pids(Path(folder)) if _lives(pid)]


def _bury(folder: Path) -> None:
    """Take out the levels of processes that were killed; what they counted stays."""
    for pid in _pids(folder):
        if not _lives(pid):
            with suppress(FileNotFoundError):
                multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def _pids(folder: Path) -> list[int]:
    found = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
    return sorted(int(text) for text in found if text.isdecimal())


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
