"""Runs a program that the administrator allows, for steps that are somebody else's: ``bean`` is ``shell``, ``method`` is
``run``.

The definition's metadata says which: ``program``, one of the allowed ones, by its whole path or its name, and
``arguments``, a JSON list of texts. There is no shell and nothing is put into the arguments: the program finds the job in
its environment (``JOB_ID``, ``JOB_STEP``, ``JOB_USER``, ``JOB_DATA_key`` for each key that can be a variable's name) and
whole, as JSON, on its standard input: ``{"job": …, "step": …, "user": …, "data": {key: [value, …]}}``.

What it prints are lines for the job's log, but for::

    ::progress 40 100 percent       how far it is; the unit is percent or bytes
    ::data key=value                sets job data; may be repeated for one key
    ::data key                      takes a key away

It ends with 0: done; with 75, the ``EX_TEMPFAIL`` of ``sysexits.h``: tried again; with anything else: failed. The last line
of its standard error is the reason.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from vidijob.errors import Invalid, SetupError
from vidijob.executors import process
from vidijob.executors.base import Done, Fail, Outcome, ProgressUnit, Retry, StepContext

_AGAIN = 75
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROGRESS = re.compile(r"::progress (?P<value>\d+(?:\.\d+)?) (?P<total>\d+(?:\.\d+)?) (?P<unit>percent|bytes)")
_DATA = re.compile(r"::data (?P<key>[^=]+)(?:=(?P<value>.*))?")
#: The kernel takes no longer variable, nor many of them; all of it is on standard input too.
_LONGEST = 10_000
_MOST = 200
_REASON = 500


class ShellExecutor:
    """Runs the programs of a list and no others."""

    methods = frozenset({"run"})
    short: frozenset[str] = frozenset()
    problems: frozenset[str] = frozenset()

    def __init__(self, programs: Sequence[Path]) -> None:
        self._programs = tuple(programs)

    async def run(self, step: StepContext) -> Outcome:
        """Run the program of a step."""
        ear = _Ear(step)
        try:
            command = [str(self._program(step.metadata)), *_arguments(step.metadata)]
            ended = await process.run(command, given=_as_json(step), environment=_environment(step), on_line=ear.hear)
        except (Invalid, SetupError) as error:
            return Fail(str(error))
        except OSError as error:
            return Retry(f"The program could not be started: {error}.")
        if ended.code == 0:
            return Done(ear.changes)
        words = [line for line in ended.complaints.splitlines() if line.strip()]
        reason = words[-1].strip()[:_REASON] if words else f"The program ended with {_shown(ended.code)}."
        return Retry(reason, ear.changes) if ended.code == _AGAIN else Fail(reason, ear.changes)

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """It makes no problems."""
        return False

    def _program(self, metadata: Mapping[str, str]) -> Path:
        wanted = metadata.get("program")
        if not wanted:
            raise Invalid("program", "The task definition's metadata has no program: the one that is to be run.")
        for program in self._programs:
            if wanted in (str(program), program.name):
                return program
        raise Invalid(
            "program",
            f"The program {wanted} is not allowed on this worker; whoever runs it can allow it (--allow-program).",
            value=wanted,
        )


def _arguments(metadata: Mapping[str, str]) -> list[str]:
    text = metadata.get("arguments", "[]")
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, list) or not all(isinstance(part, str) and "\0" not in part for part in given):
        raise Invalid("arguments", 'The arguments are a JSON list of texts: ["-v", "--mode=fast"].', value=text[:100])
    return given


def _as_json(step: StepContext) -> bytes:
    data = {key: list(values) for key, values in step.data.items()}
    return json.dumps({"job": step.job, "step": step.step, "user": step.user, "data": data}).encode()


def _environment(step: StepContext) -> dict[str, str]:
    known = {"JOB_ID": step.job, "JOB_STEP": str(step.step), "JOB_USER": step.user}
    for key, values in list(step.data.items())[:_MOST]:
        text = ",".join(values)
        if _NAME.fullmatch(key) and len(os.fsencode(text)) <= _LONGEST:
            known[f"JOB_DATA_{key}"] = text
    return {**process.clean_environment(), **known}


def _shown(code: int) -> str:
    return f"the signal {-code}" if code < 0 else f"the exit status {code}"


class _Ear:
    """Takes what the program prints."""

    def __init__(self, step: StepContext) -> None:
        self._step = step
        self.changes: dict[str, list[str] | None] = {}

    def hear(self, line: str) -> None:
        """Take a line: of the protocol, or for the log."""
        if progress := _PROGRESS.fullmatch(line):
            self._step.progress(
                float(progress["value"]), float(progress["total"]), cast("ProgressUnit", progress["unit"])
            )
        elif data := _DATA.fullmatch(line):
            key, value = data["key"].strip(), data["value"]
            if value is None:
                self.changes[key] = None
            else:
                self.changes[key] = [*(self.changes.get(key) or ()), value]
        elif line:
            self._step.note(line)
