"""What the exit codes of the commands mean, in one table: README and ``--help`` show it, scripts rely on it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import click


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    WARNING = 3
    FAILED = 4
    ABORTED = 5
    NOT_FOUND = 6
    UNREACHABLE = 7
    DENIED = 8
    TOO_LATE = 9


#: In words; of several jobs the one further down counts.
MEANING: dict[Exit, str] = {
    Exit.DONE: "done; of `watch`: FINISHED",
    Exit.FAULT: "the server refused it, or could not do it",
    Exit.USAGE: "the command line cannot be read",
    Exit.WARNING: "the job is FINISHED_WARNING",
    Exit.FAILED: "the job is FAILED_TOTAL",
    Exit.ABORTED: "the job is ABORTED",
    Exit.NOT_FOUND: "there is no such job, problem, worker, user or type",
    Exit.UNREACHABLE: "the server does not answer",
    Exit.DENIED: "the login is wrong, or lacks the role",
    Exit.TOO_LATE: "it took longer than `--timeout`",
}
_OF_STATES = {
    "FINISHED": Exit.DONE,
    "FINISHED_WARNING": Exit.WARNING,
    "FAILED_TOTAL": Exit.FAILED,
    "ABORTED": Exit.ABORTED,
}


class Failure(click.ClickException):
    """Ends the command with a sentence and one of the codes."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.exit_code = int(code)  # type: ignore[misc]  # where click looks for it, also in an instance


def has_ended(state: str) -> bool:
    """Tell whether a job in this state never changes again."""
    return state in _OF_STATES


def of_states(states: Iterable[str]) -> Exit:
    """Return the code of jobs that have ended: the worst."""
    return max((_OF_STATES[state] for state in states), default=Exit.DONE)


def in_words() -> str:
    """Return the table for a help text."""
    return "\b\nExit codes:\n" + "\n".join(f"{code.value}  {words.replace('`', '')}" for code, words in MEANING.items())
