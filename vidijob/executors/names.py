"""How files are named in sentences and job data. It knows neither roots nor schemes."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote_from_bytes

_SHOWN = 200


def shown(name: str | Path) -> str:
    """Return a name as it may stand in a sentence: short, in one line, without bytes that are no text."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def uri_of(path: Path) -> str:
    """Return a ``file:`` URI in ASCII, whatever bytes the path has."""
    return "file://" + quote_from_bytes(os.fsencode(path))
