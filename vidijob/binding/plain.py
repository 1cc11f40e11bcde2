"""Reads JSON that has no class of its own, from whoever sends it: bounded, and nothing in it that a database cannot hold."""

from __future__ import annotations

import json
from typing import Any

_DEEPEST = 20
_LONGEST_NUMBER = 18


def read(text: str, *, longest: int, deepest: int = _DEEPEST) -> Any:
    """Return what a text holds, or raise ``ValueError``: it is too long or too deep, has a number beyond 64 bits or none at
    all (``NaN``), NUL, or half of a surrogate pair.
    """
    if len(text) > longest:
        raise ValueError(f"There are more than {longest} characters.")
    try:
        found = json.loads(text, parse_constant=_refuse, parse_int=_whole)
    except RecursionError:
        raise ValueError("Its values are nested too deep.") from None
    if _depth(found) > deepest:
        raise ValueError("Its values are nested too deep.")
    return found


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number.")


def _whole(digits: str) -> int:
    if len(digits.removeprefix("-")) > _LONGEST_NUMBER:
        raise ValueError("A number has too many digits.")
    return int(digits)


def _depth(found: object) -> int:
    if isinstance(found, dict):
        return 1 + max((max(_depth(key), _depth(value)) for key, value in found.items()), default=0)
    if isinstance(found, list):
        return 1 + max(map(_depth, found), default=0)
    if isinstance(found, str) and ("\x00" in found or any("\ud800" <= letter <= "\udfff" for letter in found)):
        raise ValueError("A text holds a character that cannot be stored.")
    return 0
