"""Reads the values of IMF documents: identifiers, rates, numbers, texts."""

from __future__ import annotations

import re
from fractions import Fraction

from vidijob.executors.markup import Element

_LONGEST = 1000
_NUMBER = re.compile(r"\d{1,18}")
_RATE = re.compile(r"(\d{1,12})\s+(\d{1,12})")
_SMPTE = re.compile(r"https?://www\.smpte-ra\.org/(?:schemas|ns)/(\d+-\d+)/(\d{4})(?:/\w+)?")


def identifier(element: Element, *path: str) -> str:
    """Return a UUID in small letters, without ``urn:uuid:``; empty where there is none."""
    return element.text(*path)[:_LONGEST].lower().removeprefix("urn:uuid:")


def text(element: Element, *path: str) -> str | None:
    """Return a text in one line, or nothing."""
    return " ".join(element.text(*path)[:_LONGEST].split()) or None


def number(written: str) -> int | None:
    """Return a number that is not negative, or nothing where it is none."""
    return int(written) if _NUMBER.fullmatch(written) else None


def rate(written: str) -> Fraction | None:
    """Return how many edit units a second has, which IMF writes as ``24000 1001``, or nothing where that is none."""
    found = _RATE.fullmatch(written)
    if found is None or not int(found[1]) or not int(found[2]):
        return None
    return Fraction(int(found[1]), int(found[2]))


def edition(element: Element) -> tuple[str, str] | None:
    """Return the SMPTE standard and year that an element's namespace names: ``("2067-3", "2016")``."""
    found = _SMPTE.fullmatch(element.namespace)
    return None if found is None else (found[1], found[2])
