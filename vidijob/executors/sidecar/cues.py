"""Cues, and what was wrong with the file that they are read from. The forms of files are not known here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

#: No file has more of them.
MOST_CUES = 100_000
#: No cue has more characters.
LONGEST_CUE = 5000
#: What a job's data holds of the cues as JSON, in bytes.
MOST_DATA = 256 * 1024
_KEPT = 100


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown."""

    #: In milliseconds.
    start: int
    end: int
    text: str
    #: Where it begins in its file, from 1.
    line: int


class Unreadable(Exception):
    """A file that is refused whatever is asked for: too much, or not what it should be."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"Line {line}: {reason}")


class Problems:
    """What is wrong with a file, by line: slips, behind which the meaning is plain, and errors."""

    def __init__(self) -> None:
        self._slips: list[tuple[int, str]] = []
        self._errors: list[tuple[int, str]] = []
        #: How many there are, kept or not.
        self.slips = 0
        self.errors = 0

    def slip(self, line: int, text: str) -> None:
        """Note what can be read all the same."""
        self.slips += 1
        if len(self._slips) < _KEPT:
            self._slips.append((line, text))

    def error(self, line: int, text: str) -> None:
        """Note what cannot be read."""
        self.errors += 1
        if len(self._errors) < _KEPT:
            self._errors.append((line, text))

    @property
    def texts(self) -> list[str]:
        """Return a sentence for each, errors first: ``Line 3: …``."""
        return [f"Line {line}: {text}" for kept in (self._errors, self._slips) for line, text in sorted(kept)]


class Cues:
    """Takes the cues of a file as they are read, and sees to it that they make sense."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.found: list[Cue] = []
        self._latest = 0

    def add(self, cue: Cue) -> None:
        """Take a cue, or note why it is none."""
        if cue.end < cue.start:
            self.problems.error(cue.line, f"the cue ends at {clock(cue.end)}, before it begins at {clock(cue.start)}.")
            return
        if len(cue.text) > LONGEST_CUE:
            self.problems.error(cue.line, f"the text of the cue is longer than {LONGEST_CUE} characters.")
            return
        if len(self.found) >= MOST_CUES:
            raise Unreadable(cue.line, f"there are more than {MOST_CUES} cues.")
        if not cue.text.strip():
            self.problems.slip(cue.line, "the cue has no text.")
        if cue.start < self._latest:
            self.problems.slip(cue.line, "the cue begins before one that stands above it.")
        self._latest = max(self._latest, cue.start)
        self.found.append(cue)


def clock(milliseconds: int) -> str:
    """Return a time as WebVTT has it: ``00:01:02.500``."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def data(cues: Sequence[Cue]) -> str:
    """Return the cues as a JSON array for job data: as many of the first ones as there is room for."""
    parts, size = [], 2
    for cue in cues:
        part = json.dumps(
            {"start": cue.start / 1000, "end": cue.end / 1000, "text": cue.text},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        size += len(part.encode("utf-8", "replace")) + 1
        if size > MOST_DATA:
            break
        parts.append(part)
    return f"[{','.join(parts)}]"
