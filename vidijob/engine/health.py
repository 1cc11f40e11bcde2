"""What the server finds when it looks at itself: does the database answer, does somebody schedule, does somebody work,
can files be written, is ffmpeg there. It knows no HTTP.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vidijob.errors import SetupError, Unavailable
from vidijob.store import workers
from vidijob.store.database import Database

#: Anybody may ask; so often at most is looked.
_REMEMBERED = 2.0


class Verdict(Enum):
    """How a test ended; the worst of several counts."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one test found."""

    name: str
    description: str
    verdict: Verdict
    #: Why, where it is not well. It names no path and no address: anybody may read it.
    message: str | None
    seconds: float


Look = Callable[[], Awaitable[tuple[Verdict, str | None]]]


class Health:
    """The tests, for one process: ``storage_roots`` are those that it writes to, ``find_ffmpeg`` raises ``SetupError``."""

    def __init__(
        self,
        database: Database,
        *,
        storage_roots: Sequence[Path] = (),
        find_ffmpeg: Callable[[], object] | None = None,
    ) -> None:
        self._database = database
        self._storage_roots = storage_roots
        self._find_ffmpeg = find_ffmpeg
        self._known: tuple[float, list[Finding]] | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> list[Finding]:
        """Run every test; what was found a moment ago is not looked for again."""
        async with self._looking:
            if self._known is None or self._known[0] < time.monotonic():
                found = [await _time(*test) for test in self._tests()]
                self._known = (time.monotonic() + _REMEMBERED, found)
            return self._known[1]

    def _tests(self) -> list[tuple[str, str, Look]]:
        tests: list[tuple[str, str, Look]] = [
            ("database", "The database answers.", self._database_answers),
            ("scheduler", "A scheduler admits jobs.", self._somebody_leads),
            ("workers", "A worker carries out steps.", self._somebody_works),
        ]
        if self._storage_roots:
            tests.append(("storage", "Files can be written.", self._storage_is_writable))
        if self._find_ffmpeg is not None:
            tests.append(("ffmpeg", "ffmpeg is installed.", self._ffmpeg_is_there))
        return tests

    async def _database_answers(self) -> tuple[Verdict, str | None]:
        await workers.alive(self._database)
        return Verdict.OK, None

    async def _somebody_leads(self) -> tuple[Verdict, str | None]:
        if await workers.is_led(self._database, "scheduler"):
            return Verdict.OK, None
        return Verdict.WARNING, "No scheduler leads; jobs wait until one does."

    async def _somebody_works(self) -> tuple[Verdict, str | None]:
        if await workers.listing(self._database):
            return Verdict.OK, None
        return Verdict.WARNING, "No worker is entered; steps wait until one is."

    async def _storage_is_writable(self) -> tuple[Verdict, str | None]:
        wrong = await asyncio.to_thread(_count_unwritable, self._storage_roots)
        if wrong:
            return Verdict.FAILED, f"{wrong} of {len(self._storage_roots)} storage roots cannot be written to."
        return Verdict.OK, None

    async def _ffmpeg_is_there(self) -> tuple[Verdict, str | None]:
        try:
            await asyncio.to_thread(self._find_ffmpeg or _nothing)
        except SetupError:
            return Verdict.FAILED, "ffmpeg was not found; jobs that transcode will fail."
        return Verdict.OK, None


def worst(findings: Sequence[Finding]) -> Verdict:
    """Return the verdict on all."""
    verdicts = {finding.verdict for finding in findings}
    return next((one for one in (Verdict.FAILED, Verdict.WARNING) if one in verdicts), Verdict.OK)


async def _time(name: str, description: str, look: Look) -> Finding:
    began = time.perf_counter()
    try:
        verdict, message = await look()
    except Unavailable as error:
        verdict, message = Verdict.FAILED, f"{error.what} is not available."
    return Finding(name, description, verdict, message, time.perf_counter() - began)


def _nothing() -> None: ...


def _count_unwritable(roots: Sequence[Path]) -> int:
    wrong = 0
    for root in roots:
        try:
            with tempfile.TemporaryFile(dir=root) as file:
                file.write(b"x")
                file.flush()
        except OSError:
            wrong += 1
    return wrong
