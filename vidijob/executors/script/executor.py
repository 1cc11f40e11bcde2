"""Script tasks: JavaScript of a task definition, run in a child process with the objects ``job``, ``logger`` and ``api``.

What a script may do, and what its words mean, is the real server's (contract 1.4): ``job.fail`` is tried again,
``job.fatalFail`` is not, ``job.wait`` lets the job wait, and the script is asked again each minute with ``checkProblem``
true until it does not call ``wait`` any more; then it runs once more as usual. What it sets stays set, however it ends. An
error that it does not catch, too much time or memory: a failed attempt.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vidijob.executors import process
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, Wait
from vidijob.jobs import policy
from vidijob.jobs.model import JobData

_log = logging.getLogger(__name__)

#: The problem that ``job.wait`` makes: one for each job and step.
SCRIPT_WAIT = "SCRIPT_WAIT"
_CHILD = str(Path(__file__).with_name("child.py"))
#: Seconds for a script whose definition has no ``timeout``.
_SECONDS = 300
_MEMORY = 128 * 1024 * 1024
#: All that a script sets comes in one line.
_LONGEST_LINE = 64 * 1024 * 1024
_LEVELS = {"warn": logging.WARNING, "error": logging.ERROR, "debug": logging.DEBUG, "trace": logging.DEBUG}


@dataclass(frozen=True, slots=True)
class Task:
    """A script, and the step that it is run for."""

    source: str
    #: The job's id as users know it.
    job: str
    step: int
    #: Whose job it is.
    user: str
    data: JobData
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Access:
    """How a script reaches this server's API as the user of its job."""

    #: ``http://127.0.0.1:8080/API``
    url: str
    token: str = field(repr=False)


#: The script of a step that waits, and its job as it is now; ``None`` when it waits no longer.
Recall = Callable[[str, int], Awaitable[Task | None]]
#: The way to the API for a user; ``None`` where this worker knows none.
Grant = Callable[[str], Awaitable[Access | None]]


@dataclass(frozen=True, slots=True)
class _Verdict:
    word: str
    reason: str
    changes: Mapping[str, Sequence[str] | None]


def is_possible() -> bool:
    """Tell whether the engine is installed."""
    return find_spec("quickjs") is not None


class ScriptExecutor:
    """Runs scripts."""

    methods = frozenset({"run"})
    short: frozenset[str] = frozenset()
    problems = frozenset({SCRIPT_WAIT})

    def __init__(self, recall: Recall, grant: Grant) -> None:
        self._recall = recall
        self._grant = grant

    async def run(self, step: StepContext) -> Outcome:
        """Run a script as its step."""
        if step.script is None:
            return Fail("The step has no script any more; define it anew and run the job again.")
        task = Task(step.script, step.job, step.step, step.user, step.data, step.metadata)
        try:
            said = await self._evaluate(task, check=False, note=step.note)
        except OSError as error:
            return Retry(f"The script could not be started: {error}.")
        match said.word:
            case "done":
                return Done(said.changes)
            case "wait":
                problem = {"job": step.job, "step": str(step.step)}
                return Wait(SCRIPT_WAIT, problem, said.reason or "The script waits.", said.changes)
            case "fatalFail":
                return Fail(said.reason or "The script called job.fatalFail.", said.changes)
            case _:
                return Retry(said.reason or "The script called job.fail.", said.changes)

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Ask the script again, with ``checkProblem`` true; what it sets meanwhile does not count."""
        task = await self._recall(data["job"], int(data["step"]))
        if task is None:
            return True
        try:
            said = await self._evaluate(task, check=True, note=lambda _: None)
        except OSError:
            return False
        # Before there was job.wait, scripts called job.fail to go on waiting; both still do.
        return said.word in ("done", "fatalFail")

    async def _evaluate(self, task: Task, *, check: bool, note: Callable[[str], None]) -> _Verdict:
        timeout = policy.retry_policy(task.metadata).timeout
        limit = timeout.total_seconds() if timeout is not None else _SECONDS
        # A login is a write: only for a script that may use it.
        access = await self._grant(task.user) if "api" in task.source else None
        order = {
            "source": task.source,
            "job": task.job,
            "step": task.step,
            "user": task.user,
            "data": {key: list(values) for key, values in task.data.items()},
            "check": check,
            "seconds": int(limit) + 1,
            "memory": _MEMORY,
            "api": None if access is None else {"url": access.url, "token": access.token},
        }
        ear = _Ear(task, note)
        try:
            async with asyncio.timeout(limit):
                ended = await process.run(
                    [sys.executable, "-I", _CHILD],
                    given=json.dumps(order).encode(),
                    on_line=ear.hear,
                    longest_line=_LONGEST_LINE,
                )
        except TimeoutError:
            return _Verdict("fail", f"The script was ended: it ran for longer than {limit:g} s.", {})
        if ear.verdict is None:
            _log.warning("step %d of job %s: %s", task.step, task.job, ended.complaints.strip())
            return _Verdict("fail", "The script was ended: it took more time or memory than a script may.", {})
        return ear.verdict


class _Ear:
    """Hears what the child tells."""

    def __init__(self, task: Task, note: Callable[[str], None]) -> None:
        self._task = task
        self._note = note
        self.verdict: _Verdict | None = None

    def hear(self, line: str) -> None:
        """Take a line; one that was cut off when the child was killed says nothing."""
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            return
        match told:
            case {"log": text}:
                self._note(text)
            case {"logger": [level, text]}:
                place = self._task.step, self._task.job
                _log.log(_LEVELS.get(level, logging.INFO), "step %d of job %s: %s", *place, text)
            case {"outcome": {"verdict": word, "reason": reason, "data": changes}}:
                self.verdict = _Verdict(word, reason, changes)
            case _:
                pass  # nothing that our child says
