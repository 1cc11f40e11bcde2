"""How much a document may ask of its reader, and the sentences of its refusal. Encodings are not known here."""

from __future__ import annotations

from dataclasses import dataclass

from vidijob.errors import Unreadable

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader takes; more is refused."""

    #: Of the whole body.
    bytes: int = 10 * 1024 * 1024
    #: How deep elements or objects may be nested.
    depth: int = 64
    #: How many elements, or objects and arrays, there may be.
    elements: int = 200_000


LIMITS = Limits()


def check_size(document: type, body: bytes, limits: Limits) -> None:
    """Refuse a body that is empty or too large."""
    if not body.strip():
        raise Unreadable(document.__name__, "The body is empty; a document is expected.")
    if len(body) > limits.bytes:
        raise Unreadable(document.__name__, f"The body has {len(body)} bytes; at most {limits.bytes} are read.")


def excerpt(value: object) -> str:
    """Return so much of a refused value as an error should show."""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
