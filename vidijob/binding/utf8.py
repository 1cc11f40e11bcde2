"""Whether bytes are UTF-8, which is what a document is unless it says otherwise."""

from __future__ import annotations


def wrong_at(body: bytes) -> int | None:
    """Return the place of the first byte that is no UTF-8, counted from 0; ``None``: there is none."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None
