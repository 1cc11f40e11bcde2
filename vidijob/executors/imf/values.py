"""Reads the values of IMF documents: identifiers, rates, numbers, texts."""

from __future__ import annotations

import base64
import binascii
import re
from fractions import Fraction

from vidijob.executors.markup import Element

_LONGEST = 1000
#: Algorithms by the end of their URIs in XML signatures, which lists of ST 2067-2 use.
_ALGORITHMS = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
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


def digest(element: Element) -> bytes:
    """Return the ``Hash`` of an element; empty where there is none that can be read."""
    try:
        return base64.b64decode("".join(element.text("Hash").split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def algorithm(element: Element) -> str | None:
    """Return how the ``Hash`` of an element was made: SHA-1 where it has no ``HashAlgorithm``; nothing for an unknown one."""
    said = element.first("HashAlgorithm")
    return "SHA-1" if said is None else _ALGORITHMS.get(said.attributes.get("Algorithm", "").rpartition("#")[2].lower())
