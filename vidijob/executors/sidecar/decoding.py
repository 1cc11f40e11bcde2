"""Makes text of the bytes of a file, whatever program wrote it.

A byte order mark decides; else UTF-16 where every other byte is NUL; else UTF-8; else, with a slip, Windows-1252 or, where it
has bytes that Windows-1252 does not know, ISO-8859-1.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from vidijob.executors.sidecar.cues import Problems, Unreadable

_MARKS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16LE"), (codecs.BOM_UTF16_BE, "UTF-16BE"))
#: No file has more lines.
MOST_LINES = 500_000
_LOOKED_AT = 1000


def decode(content: bytes, problems: Problems) -> tuple[str, str]:
    """Return the text, without a byte order mark, and the name of its encoding."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise Unreadable(1, "the file is UTF-32, which is not read; save it as UTF-8.")
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", _guess(content)))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start + len(mark)) + 1
        if mark or encoding != "UTF-8":
            raise Unreadable(line, f"the file is not the {encoding} that it begins as.") from None
        text, encoding = _of_bytes(content)
        problems.slip(line, f"the file is not UTF-8; it is read as {encoding}.")
    if "\0" in text:
        raise Unreadable(text.count("\n", 0, text.index("\0")) + 1, "the file holds a NUL; it is no text.")
    return text, encoding


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers from 1, whether they end with CR, LF or both."""
    # newline=None makes LF of them all.
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if number > MOST_LINES:
            raise Unreadable(number, f"there are more than {MOST_LINES} lines.")
        yield number, line.rstrip("\n")


def _guess(content: bytes) -> str:
    start = content[:_LOOKED_AT]
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if 4 * odd > len(start) and not even:
        return "UTF-16LE"
    if 4 * even > len(start) and not odd:
        return "UTF-16BE"
    return "UTF-8"


def _of_bytes(content: bytes) -> tuple[str, str]:
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "ISO-8859-1"
