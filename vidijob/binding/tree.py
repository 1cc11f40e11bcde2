"""Reads XML of any shape as a tree, from whoever sends it: no DOCTYPE, no entities, so many elements and so deep at most. Whatever
the document says its encoding is, it is taken for UTF-8 where the caller knows better.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from vidijob.errors import Unreadable

_MOST, _DEEPEST = 20_000, 50


@dataclass(slots=True)
class Node:
    """An element, by the name that it has in its namespace."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def child(self, name: str) -> Node | None:
        """Return the first child of a name."""
        return next((child for child in self.children if child.name == name), None)


def read(body: bytes, *, encoding: str | None = None) -> Node:
    """Return the root; raises ``Unreadable``."""
    parser = expat.ParserCreate(encoding, namespace_separator=" ")
    root: list[Node] = []
    open: list[Node] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MOST or len(open) >= _DEEPEST:
            raise Unreadable("body", f"The document has more than {_MOST} elements, or is deeper than {_DEEPEST}.")
        node = Node(_local(name), {_local(key): value for key, value in attributes.items()})
        (open[-1].children if open else root).append(node)
        open.append(node)

    def end(name: str) -> None:
        open.pop()

    def said(text: str) -> None:
        open[-1].text += text

    def refuse(*_: object) -> None:
        raise Unreadable("body", "The document has a DOCTYPE, which is not read.")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, said
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        where = f"Line {error.lineno}, column {error.offset + 1}"
        raise Unreadable("body", f"{where}: {expat.ErrorString(error.code)}.") from None
    except (LookupError, ValueError) as error:
        raise Unreadable("body", f"The document has an encoding that is not read: {error}.") from None
    return root[0]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
