"""Reads SubRip (``.srt``), as strictly as its meaning allows: each deviation is a slip with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vidijob.executors.sidecar.cues import LONGEST_CUE, Cue, Cues, Unreadable
from vidijob.executors.storage import shown
from vidijob.executors.threads import Stop

_TIME = re.compile(r"(\d{1,3}):(\d{1,2}):(\d{1,2})(?:([,.])(\d{1,3}))?")
_STRICT = re.compile(r"\d\d:\d\d:\d\d,\d\d\d")
_NUMBER = re.compile(r"[0-9]{1,9}")
_ARROW = "-->"


def read(numbered: Iterable[tuple[int, str]], cues: Cues, stop: Stop) -> None:
    """Read the cues of a file, whose lines have numbers."""
    reader = _Reader(cues)
    for line, text, following in _with_next(numbered):
        if line % 1000 == 0:
            stop.check()
        reader.take(line, text.strip(), following)
    reader.close()


class _Reader:
    def __init__(self, cues: Cues) -> None:
        self._cues = cues
        self._problems = cues.problems
        #: The cue that is open: its line and its times, ``None`` where they are wrong.
        self._open: tuple[int, tuple[int, int] | None] | None = None
        self._text: list[str] = []
        self._length = 0
        self._blank = True
        self._numbered = False
        self._number = 0

    def take(self, line: int, text: str, following: str) -> None:
        if _is_timing(text):
            self._begin(line, text)
        elif _NUMBER.fullmatch(text) and _is_timing(following):
            self._take_number(line, int(text))
        elif not text:
            self._blank = True
        else:
            self._take_text(line, text)

    def close(self) -> None:
        """End the cue that is open."""
        if self._open is not None and self._open[1] is not None:
            line, (start, end) = self._open[0], self._open[1]
            self._cues.add(Cue(start, end, "\n".join(self._text), line))
        self._open, self._text, self._length = None, [], 0

    def _take_number(self, line: int, number: int) -> None:
        if not self._blank:
            self._problems.slip(line, "there is no empty line before the cue.")
        if number != self._number + 1:
            self._problems.slip(line, f"the cue has the number {number}, after {self._number}.")
        self._number, self._numbered, self._blank = number, True, True

    def _begin(self, line: int, text: str) -> None:
        self.close()
        if not self._numbered:
            self._number += 1
            self._problems.slip(line, "the cue has no number.")
        first, _, second = text.partition(_ARROW)
        # What may follow is a place on the screen.
        times = [self._time(line, said) for said in (first.strip(), (second.split(maxsplit=1) or [""])[0])]
        self._open = (line, (times[0], times[1]) if times[0] is not None and times[1] is not None else None)
        self._numbered = self._blank = False

    def _take_text(self, line: int, text: str) -> None:
        if self._open is None:
            raise Unreadable(line, f"{shown(text)!r} stands where the first cue should begin; this is no SubRip file.")
        if self._blank and self._text:
            self._problems.slip(line, "text follows an empty line; it is taken as a part of the cue above.")
        self._blank = False
        if self._length <= LONGEST_CUE:
            # So much more than is allowed is kept that it is found to be too long.
            self._text.append(text[: LONGEST_CUE + 1])
            self._length += len(self._text[-1]) + 1

    def _time(self, line: int, said: str) -> int | None:
        found = _TIME.fullmatch(said)
        if found is None or int(found[2]) > 59 or int(found[3]) > 59:
            self._problems.error(line, f"{shown(said)!r} is no time; write 00:01:02,500.")
            return None
        if not _STRICT.fullmatch(said):
            self._problems.slip(line, f"the time {said} should be written like 00:01:02,500.")
        seconds = (int(found[1]) * 60 + int(found[2])) * 60 + int(found[3])
        return seconds * 1000 + int((found[5] or "").ljust(3, "0"))


def _is_timing(text: str) -> bool:
    """Tell whether a line is meant to say when a cue begins and ends."""
    before, arrow, after = text.partition(_ARROW)
    return bool(arrow) and (before[:1].isdigit() or ":" in before or after.strip()[:1].isdigit())


def _with_next(numbered: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Yield each line with the text of the next one."""
    previous: tuple[int, str] | None = None
    for line, text in numbered:
        if previous is not None:
            yield *previous, text
        previous = (line, text)
    if previous is not None:
        yield *previous, ""
