"""Reads JSON by name, from whoever sends it: HTML forms send numbers as strings, some clients send one object for an
array or keys that nobody knows. What has another shape is refused with its path.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import orjson

from vidijob.binding import utf8, values
from vidijob.binding.fields import Document
from vidijob.binding.limits import Limits, check_size, excerpt
from vidijob.binding.plan import Entry, plan
from vidijob.errors import Unreadable

D = TypeVar("D", bound=Document)

_BOM = b"\xef\xbb\xbf"


def read(cls: type[D], body: bytes, limits: Limits) -> D:
    """Return the document that a body holds, or raise ``Unreadable``."""
    check_size(cls, body, limits)
    # An object of three bytes takes seventy in memory; brackets inside strings are counted too and do no harm.
    if body.count(b"{") + body.count(b"[") > limits.elements:
        raise Unreadable(cls.__name__, f"There are more than {limits.elements} objects and arrays.")
    try:
        tree = orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise Unreadable(cls.__name__, _why_not(body, error)) from None
    return cast(D, _object(cls, tree, "", limits.depth))


def _why_not(body: bytes, error: orjson.JSONDecodeError) -> str:
    wrong = utf8.wrong_at(body)
    if wrong is not None:
        return f"The body is not UTF-8 (at byte {wrong})."
    return f"Line {error.lineno}, column {error.colno}: {error.msg}."


def _object(cls: type, tree: Any, path: str, depth: int) -> object:
    if not isinstance(tree, dict):
        raise _refusal(cls, path, "an object is expected", tree)
    if depth <= 0:
        raise _refusal(cls, path, "objects are nested too deep")
    shape = plan(cls)
    given: dict[str, Any] = {}
    for entry in shape.entries:
        found = tree.get(entry.wire)
        if found is None:
            continue
        place = f"{path}.{entry.wire}" if path else entry.wire
        if entry.repeated:
            items = found if isinstance(found, list) else [found]
            given[entry.name] = tuple(
                _value(entry, item, f"{place}[{index}]", depth) for index, item in enumerate(items)
            )
        elif entry.required or entry.keeps_blank or found != "":
            given[entry.name] = _value(entry, found, place, depth)
    complaint = shape.complaint(given)
    if complaint:
        raise _refusal(cls, path, complaint)
    return cls(**given)


def _value(entry: Entry, found: Any, path: str, depth: int) -> object:
    if entry.read is None:
        return _object(entry.type, found, path, depth - 1)
    try:
        return entry.read(_spelt(found))
    except ValueError as error:
        raise _refusal(entry.type, path, str(error), found) from None


def _spelt(found: Any) -> str:
    """Return a scalar as text, however the client typed it."""
    if isinstance(found, str):
        return found
    if isinstance(found, bool):
        return values.xml_boolean(found)
    if isinstance(found, int | float):
        return values.xml_decimal(found)
    raise ValueError("a single value is expected")


def _refusal(cls: type, path: str, reason: str, found: object = None) -> Unreadable:
    where = f"{path}: " if path else ""
    return Unreadable(
        path or cls.__name__,
        f"{where}{reason}.",
        # A container is not shown: to print one that is hostile costs more than to read it.
        value=None if found is None or isinstance(found, dict | list) else excerpt(found),
    )
