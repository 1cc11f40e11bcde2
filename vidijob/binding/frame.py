"""A list that is streamed: what stands around its items, whatever the encoding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """A document around the children of one field, which are written one by one as fragments."""

    head: bytes
    #: Stands between two children.
    between: bytes
    tail: bytes
