"""Tells whether somebody still writes to a file: its size and its time of change are looked at twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Wait
from vidijob.executors.storage import Absent, Storage, shown
from vidijob.executors.threads import in_thread
from vidijob.jobs.model import JobData

#: The problem that a source is which grows; its datum is the URI, as the job has it.
SOURCE_GROWING = "SOURCE_GROWING"
KEY = "stableTime"
#: Seconds that a source must not have changed for, unless a job says otherwise, and the most that one may say.
_STABLE = 5.0
_LONGEST = 3600.0
#: Seconds between the two looks of whoever asks whether a job can go on; the job itself looks again, and longer.
_GLANCE = 1.0


def stable_time(data: JobData) -> float:
    """Return for how many seconds a source must not change before it is taken."""
    text = jobdata.optional(data, KEY)
    if text is None:
        return _STABLE
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _LONGEST:
        raise Invalid(KEY, f"{KEY} is {shown(text)}; give seconds, from 0 to {_LONGEST:.0f}.")
    return seconds


async def growing(storage: Storage, uris: Sequence[str], seconds: float) -> str | None:
    """Return the first of some sources that changes within so many seconds; raise ``Absent`` where one is not there."""

    def look() -> list[tuple[int, int, int]]:
        found = [os.stat(storage.source(uri)) for uri in uris]
        return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in found]

    before = await in_thread(lambda stop: look())
    await asyncio.sleep(seconds)
    after = await in_thread(lambda stop: look())
    return next((uri for uri, was, now in zip(uris, before, after, strict=True) if was != now), None)


async def is_quiet(storage: Storage, data: Mapping[str, str]) -> bool:
    """Tell whether the source that a job waits for has come to rest, or is none any more, which the job finds out."""
    try:
        return await growing(storage, [data.get("source", "")], _GLANCE) is None
    except Invalid as error:
        return not isinstance(error, Absent)


def wait_for(uri: str) -> Wait:
    """Wait until nobody writes to a source any more."""
    return Wait(
        SOURCE_GROWING, {"source": uri}, f"{shown(uri)} is still written to; the job goes on when it is complete."
    )
