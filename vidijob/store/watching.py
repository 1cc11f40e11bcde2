"""Each statement as those see it who watch: counted, traced, and a line in the log where it is slow."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vidijob.errors import Unavailable
from vidijob.observability import metrics, tracing

_log = logging.getLogger(__name__)


@contextmanager
def watched(name: str, slow: float | None) -> Iterator[None]:
    """Watch a statement; one that takes ``slow`` seconds is logged."""
    began = time.monotonic()
    try:
        with tracing.child(name, "client", db__system__name="postgresql"):
            yield
    except Unavailable:
        metrics.DATABASE_FAULTS.add()
        raise
    finally:
        seconds = time.monotonic() - began
        metrics.STATEMENTS.add(name)
        metrics.STATEMENT_SECONDS.add(name, by=seconds)
        if slow is not None and seconds >= slow:
            metrics.SLOW_STATEMENTS.add()
            # Its name and nothing else: what it was asked with may be anybody's secret.
            _log.warning("slow: the statement %s took %.0f ms", name, seconds * 1000)
