"""Cursors: where a page of a list ended, as a word that a client gives back (ours). It holds nothing that the page did not
show, so it is neither signed nor kept; what comes back is checked like everything else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from vidijob.errors import Invalid
from vidijob.jobs.model import Priority
from vidijob.jobs.search import Order, Position, SortField, complete
from vidijob.jobs.states import JobState

#: The header of a page after which more follows.
HEADER = "Next-Cursor"


def write(position: Position) -> str:
    """Return a position as a word."""
    fields = [
        [one.field.value, one.descending, value.isoformat() if isinstance(value, datetime) else value]
        for one, value in zip(position.order, position.values, strict=True)
    ]
    return base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")


def read(word: str | None, order: Sequence[Order], first: int) -> Position | None:
    """Read a position; ``order`` is what the same request sorts by, if it says so, ``first`` where it begins."""
    if word is None:
        return None
    if first > 1:
        raise Invalid("cursor", "A page begins either at first or at cursor.", value=str(first))
    position = _position(word)
    if order and complete(order) != position.order:
        raise Invalid("cursor", "The cursor belongs to a list that is sorted otherwise; leave sort as it was.")
    return position


def _position(word: str) -> Position:
    try:
        fields = orjson.loads(base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True))
        found = [(Order(SortField(name), down), _value(SortField(name), value)) for name, down, value in fields]
        order = tuple(one for one, _ in found)
        if not order or any(not isinstance(one.descending, bool) for one in order) or complete(order) != order:
            raise ValueError
        if len({one.field for one in order}) < len(order):
            raise ValueError
    except (ValueError, TypeError, OverflowError, binascii.Error):
        # What orjson cannot read is a ValueError too.
        raise Invalid(
            "cursor", f"This is no cursor; one is in the header {HEADER} of a page.", value=word[:100]
        ) from None
    return Position(order, tuple(value for _, value in found))


def _value(field: SortField, value: object) -> str | int | datetime | None:
    match field:
        # 0: before the first, where a front that merges sites begins.
        case SortField.ID if type(value) is int and 0 <= value < 2**63:
            return value
        case SortField.STATE if isinstance(value, str):
            return JobState(value).value
        case SortField.PRIORITY if isinstance(value, str):
            return Priority(value).value
        case SortField.TYPE | SortField.USER if isinstance(value, str) and "\x00" not in value:
            # Bytes that are no UTF-8 were refused already; half a pair of surrogates is none.
            return value.encode().decode()
        case SortField.FINISHED if value is None:
            return None
        case SortField.STARTED | SortField.FINISHED if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
    raise ValueError
