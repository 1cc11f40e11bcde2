"""Makes keys and values of XML that is no timed text: a sidecar with metadata.

Each element that holds only text is a value; its key is made of the names below the root: ``people.director``. An element
``field`` with a ``name`` or ``key`` and its ``value``s, as the API's own metadata documents have it, is a value of that key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vidijob.executors.markup import Element
from vidijob.executors.sidecar.cues import Unreadable

MOST_KEYS = 500
MOST_VALUES = 5000
LONGEST_KEY = 200
LONGEST_VALUE = 10_000
_ODD = re.compile(r"[^\w.:@-]+")


def read(root: Element) -> dict[str, list[str]]:
    """Return the values by their keys, in the order of the document."""
    found: dict[str, list[str]] = {}
    count = 0
    for key, value, line in _values(root, ()):
        if not value:
            continue
        count += 1
        if len(value) > LONGEST_VALUE:
            raise Unreadable(line, f"the value of {key} is longer than {LONGEST_VALUE} characters.")
        if count > MOST_VALUES or (key not in found and len(found) >= MOST_KEYS):
            raise Unreadable(line, f"there are more than {MOST_KEYS} keys or {MOST_VALUES} values.")
        found.setdefault(key, []).append(value)
    return found


def _values(element: Element, path: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
    for child in element:
        name = child.text("name") or child.text("key")
        if child.name == "field" and name and child.first("value") is not None:
            for value in child.all("value"):
                yield _key((name,)), value.text(), value.line
        elif next(iter(child), None) is None:
            yield _key((*path, child.name)), child.text(), child.line
        else:
            yield from _values(child, (*path, child.name))


def _key(names: tuple[str, ...]) -> str:
    return _ODD.sub("_", ".".join(names))[:LONGEST_KEY]
