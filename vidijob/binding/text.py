"""Plain text: lists for scripts, one entry per line, CRLF after each (contract: the text/plain forms)."""

from __future__ import annotations

from collections.abc import Iterable

_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\t": " "})


def lines(entries: Iterable[str | tuple[str, ...]]) -> str:
    """Return the entries, each on its line; an entry of several columns has a TAB between them.

    A line break or TAB inside an entry becomes a space, so that an entry stays one line.
    """
    return "".join(f"{_line(entry)}\r\n" for entry in entries)


def _line(entry: str | tuple[str, ...]) -> str:
    if isinstance(entry, str):
        return entry.translate(_BREAKS)
    return "\t".join(column.translate(_BREAKS) for column in entry)
