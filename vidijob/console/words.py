"""How the console says states, times and numbers. Pure but for the clock that "ago" is counted from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vidijob.jobs.states import JobState, StepState

#: The password of a URI, wherever in a text.
_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):[^\s/]*@")


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown: never by its colour alone."""

    #: A class of ``parts.css``.
    tone: str
    #: A shape of ``parts/marks.html``.
    icon: str
    #: What people call it.
    words: str


_JOBS = {
    JobState.READY: Look("queued", "ring", "Queued"),
    JobState.HOLD: Look("held", "pause", "On hold"),
    JobState.STARTED: Look("running", "play", "Running"),
    JobState.VIDINET_JOB: Look("running", "away", "Running elsewhere"),
    JobState.WAITING: Look("waiting", "hourglass", "Waiting"),
    JobState.ABORTED_PENDING: Look("ending", "stop", "Aborting"),
    JobState.FINISHED: Look("good", "check", "Finished"),
    JobState.FINISHED_WARNING: Look("warning", "triangle", "With warnings"),
    JobState.FAILED_TOTAL: Look("bad", "cross", "Failed"),
    JobState.ABORTED: Look("ended", "slash", "Aborted"),
}
_STEPS = {
    StepState.NONE: Look("later", "dot", "Not yet"),
    StepState.READY: Look("queued", "ring", "Queued"),
    StepState.STARTED: Look("running", "play", "Running"),
    StepState.STARTED_ASYNCHRONOUS: Look("running", "play", "Running"),
    StepState.STARTED_PARALLEL: Look("running", "play", "Running, others may"),
    StepState.STARTED_PARALLEL_ASYNCHRONOUS: Look("running", "play", "Running, others may"),
    StepState.STARTED_SUBTASKS: Look("running", "play", "Running in parts"),
    StepState.FINISHED: Look("good", "check", "Finished"),
    StepState.FAILED_RETRY: Look("warning", "again", "Failed, tried again"),
    StepState.FAILED_FATAL: Look("bad", "cross", "Failed"),
    StepState.WAITING: Look("waiting", "hourglass", "Waiting"),
    StepState.DISAPPEARED: Look("warning", "lost", "Worker lost"),
}


def look(state: JobState | StepState) -> Look:
    """Return how a state is shown."""
    return _JOBS[state] if isinstance(state, JobState) else _STEPS[state]


def now() -> datetime:
    """Return the time, for what is counted from it on a page; it decides nothing."""
    return datetime.now(UTC)


def ago(at: datetime) -> str:
    """Return how long ago a time was, roughly: ``3 min ago``; the browser goes on counting."""
    seconds = (now() - at).total_seconds()
    words = _roughly(abs(seconds))
    if words == "":
        return "just now"
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _roughly(seconds: float) -> str:
    if seconds < 5:
        return ""
    for size, unit, below in ((1, "s", 60), (60, "min", 3600), (3600, "h", 172_800)):
        if seconds < below:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 86_400)} days"


def moment(at: datetime) -> str:
    """Return a time in full, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: datetime) -> str:
    """Return a time as a browser reads it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def lasting(time: timedelta) -> str:
    """Return how long something takes: ``850 ms``, ``3.2 s``, ``4 min 10 s``, ``2 h 5 min``."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def grouped(number: int) -> str:
    """Return a number in groups of three digits."""
    return f"{number:,}"


def brief(seconds: float) -> str:
    """Return a length of time as a mark on an axis: ``0``, ``0.5 s``, ``30 s``, ``2 min``, ``1 h``."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s" if seconds else "0"


def sized(size: int) -> str:
    """Return a number of bytes: ``63.8 kB``, ``1.4 GB``."""
    number, units = float(size), ["B", "kB", "MB", "GB", "TB", "PB"]
    while number >= 999.5 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.3g} {units[0]}" if units[0] != "B" else f"{size} B"


def hidden(text: str) -> str:
    """Return a text without the passwords of the URIs in it: ``ftp://user:***@host/clip.mov``."""
    return _PASSWORD.sub(r"\1:***@", text)
