"""Finds out what is in many media files, by child processes that look into several each."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vidijob.errors import SetupError
from vidijob.executors import process
from vidijob.executors.media import inspection
from vidijob.executors.media.probing import FORMATS

_SURVEY = str(Path(__file__).with_name("survey.py"))
#: Seconds that a file may keep its reader busy.
_LONGEST = 60.0
_LONGEST_LINE = 1024 * 1024


async def survey(files: Sequence[Path], tell: Callable[[], None]) -> list[dict[str, Any]]:
    """Return what is in each file, in their order: ``container``, ``duration``, ``bitRate``, ``streams``, or ``error``.

    ``tell`` is called after each file. Raise ``SetupError`` where the library that reads them is not installed.
    """
    answers: list[dict[str, Any]] = []
    while len(answers) < len(files):
        before = len(answers)
        reason = await _some(files[before:], answers, tell)
        if len(answers) < len(files):
            # It ended while it looked into the next one.
            answers.append({"error": reason})
            tell()
    return answers


async def _some(files: Sequence[Path], answers: list[dict[str, Any]], tell: Callable[[], None]) -> str:
    """Look into files until all are done or one ends the reader; returns how it ended."""
    loop = asyncio.get_running_loop()
    given = b"\0".join(os.fsencode(file) for file in files)
    try:
        async with asyncio.timeout(_LONGEST) as limit:

            def take(line: str) -> None:
                answer = json.loads(line)
                if "missing" in answer:
                    raise SetupError(f"Media files cannot be read here ({answer['missing']}); install vidijob[media].")
                answers.append(answer)
                limit.reschedule(loop.time() + _LONGEST)
                tell()

            command = [sys.executable, "-I", _SURVEY, inspection.__file__, FORMATS]
            ended = await process.run(command, on_line=take, longest_line=_LONGEST_LINE, given=given)
    except TimeoutError:
        return "It kept the reader busy for too long."
    return (
        f"It ends its reader (signal {-ended.code})."
        if ended.code < 0
        else f"It ends its reader (exit status {ended.code})."
    )
