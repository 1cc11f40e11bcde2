"""Makes what an executor says into what a database can hold."""

from __future__ import annotations

import math

from vidijob.executors.base import ProgressUnit
from vidijob.jobs.model import Progress


def text(said: str) -> str:
    """Return a text without what a database cannot hold: NUL, and halves of surrogate pairs."""
    return str(said).replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def progress(value: float, total: float, unit: ProgressUnit) -> Progress | None:
    """Return progress, or nothing where a number is not finite."""
    value, total = float(value), float(total)
    return Progress(value, total, unit) if math.isfinite(value) and math.isfinite(total) else None
