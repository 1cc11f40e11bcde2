"""Reads and writes WebVTT (W3C): the cues, and the language where the header says it; styles, regions and notes are left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from vidijob.executors.sidecar.cues import LONGEST_CUE, Cue, Cues, Unreadable, clock
from vidijob.executors.storage import shown
from vidijob.executors.threads import Stop

_TIME = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})([,.])(\d{1,3})")
_STRICT = re.compile(r"(?:\d{2,4}:)?\d\d:\d\d\.\d\d\d")
_HEADER = re.compile(r"WEBVTT(?:[ \t].*)?")
_LANGUAGE = re.compile(r"Language:\s*([A-Za-z0-9-]{2,35})\s*", re.IGNORECASE)
_ARROW = "-->"
_ASIDE = ("NOTE", "STYLE", "REGION")
_TAG = re.compile(r"</?([A-Za-z]+)[^<>]{0,200}>|\{\\[^{}]{0,200}\}")


def read(numbered: Iterable[tuple[int, str]], cues: Cues, stop: Stop) -> str | None:
    """Read the cues of a file, whose lines have numbers, and return its language if it says it."""
    blocks = _blocks(numbered, cues, stop)
    header = next(blocks, None)
    if header is None or header[0] != 1 or not _HEADER.fullmatch(header[1][0]):
        raise Unreadable(1, "a WebVTT file begins with WEBVTT.")
    # Many writers leave out the empty line after the header.
    first = next((place for place, text in enumerate(header[1]) if _ARROW in text), None)
    if first is not None:
        cues.problems.slip(header[0] + first, "there is no empty line before the first cue.")
        _take(header[0] + first, header[1][first:], cues)
    for line, block in blocks:
        _take(line, block, cues)
    said = next((found for text in header[1][1:] if (found := _LANGUAGE.fullmatch(text))), None)
    return said[1] if said else None


def _blocks(numbered: Iterable[tuple[int, str]], cues: Cues, stop: Stop) -> Iterator[tuple[int, list[str]]]:
    """Yield what stands between empty lines, with the number of its first line; never more of it than is needed."""
    begin, block, length = 0, list[str](), 0
    for line, text in numbered:
        if line % 1000 == 0:
            stop.check()
        if not text.strip():
            if block:
                yield begin, block
            begin, block, length = 0, [], 0
            continue
        if not block:
            begin = line
        if length <= 2 * LONGEST_CUE and len(block) <= LONGEST_CUE:
            block.append(text[: LONGEST_CUE + 1])
            length += len(block[-1]) + 1
    if block:
        yield begin, block


def _take(line: int, block: Sequence[str], cues: Cues) -> None:
    """Read the cue, or the cues, of a block."""
    at = [place for place, text in enumerate(block) if _ARROW in text]
    if block[0].split(maxsplit=1)[0] in _ASIDE and (not at or at[0] > 0):
        return
    if not at:
        cues.problems.error(line, f"{shown(block[0])!r} begins neither a cue nor a note.")
        return
    if at[0] > 1:
        cues.problems.error(line, f"{at[0]} lines stand before the times of the cue; one is its name.")
        return
    for place, end in zip(at, [*at[1:], len(block)], strict=True):
        if place != at[0]:
            cues.problems.slip(line + place, "there is no empty line before the cue.")
        first, _, second = block[place].partition(_ARROW)
        start, stop = (_time(line + place, said, cues) for said in (first.strip(), (second.split() or [""])[0]))
        if start is not None and stop is not None:
            cues.add(Cue(start, stop, "\n".join(block[place + 1 : end]), line + place))


def _time(line: int, said: str, cues: Cues) -> int | None:
    found = _TIME.fullmatch(said)
    if found is None or int(found[2]) > 59 or int(found[3]) > 59:
        cues.problems.error(line, f"{shown(said)!r} is no time; write 00:01:02.500.")
        return None
    if not _STRICT.fullmatch(said):
        cues.problems.slip(line, f"the time {said} should be written like 00:01:02.500.")
    seconds = (int(found[1] or 0) * 60 + int(found[2])) * 60 + int(found[3])
    return seconds * 1000 + int(found[5].ljust(3, "0"))


def write(cues: Sequence[Cue], form: str) -> str:
    """Return a file of these cues, in order of time, whose texts are as ``form``, the form of their file, has them.

    The tags ``i``, ``b`` and ``u`` of SubRip stay, its others are left out; text that is WebVTT stays as it is.
    """
    parts = ["WEBVTT\n"]
    for cue in sorted(cues, key=lambda cue: (cue.start, cue.end)):
        match form:
            case "webvtt":
                text = cue.text
            case "srt":
                text = _with_tags(cue.text)
            case _:
                text = html.escape(cue.text, quote=False)
        # An empty line would end the cue.
        said = "\n".join(line for line in text.split("\n") if line.strip())
        parts.append(f"\n{clock(cue.start)} {_ARROW} {clock(cue.end)}\n{said}\n")
    return "".join(parts)


def _with_tags(text: str) -> str:
    parts, before = [], 0
    for found in _TAG.finditer(text):
        parts.append(html.escape(text[before : found.start()], quote=False))
        name = (found[1] or "").lower()
        if name in ("i", "b", "u"):
            parts.append(f"</{name}>" if found[0].startswith("</") else f"<{name}>")
        before = found.end()
    return "".join([*parts, html.escape(text[before:], quote=False)])
