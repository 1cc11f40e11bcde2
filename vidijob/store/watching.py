"""Each statement as those see it who watch: counted, traced, and a line in the log where it is slow."""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager
from types import TracebackType

from vidijob.errors import Unavailable
from vidijob.observability import metrics, tracing

_log = logging.getLogger(__name__)


class Watched(AbstractContextManager[None]):
    """Watches a statement; one that takes ``slow`` seconds is logged."""

    __slots__ = ("_began", "_name", "_slow", "_span")

    def __init__(self, name: str, slow: float | None) -> None:
        self._name = name
        self._slow = slow
        self._span = tracing.child(name, "client", db__system__name="postgresql") if tracing.is_on() else None

    def __enter__(self) -> None:
        if self._span is not None:
            self._span.__enter__()
        self._began = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.monotonic() - self._began
        if self._span is not None:
            self._span.__exit__(kind, error, trace)
        if isinstance(error, Unavailable):
            metrics.DATABASE_FAULTS.add()
        metrics.STATEMENTS.add(self._name)
        metrics.STATEMENT_SECONDS.add(self._name, by=seconds)
        if self._slow is not None and seconds >= self._slow:
            metrics.SLOW_STATEMENTS.add()
            # Its name and nothing else: what it was asked with may be anybody's secret.
            _log.warning("slow: the statement %s took %.0f ms", self._name, seconds * 1000)
