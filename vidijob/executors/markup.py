"""Reads XML that comes with media into a small tree. Whoever made it is not trusted.

The parser is expat: a DOCTYPE is refused at its first character, so that there are no entities and nothing is fetched, and the
limits hold while it reads. UTF-8, UTF-16, ISO-8859-1 and US-ASCII are read.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from vidijob.binding.before_parsing import MOST_ATTRIBUTES, crowded
from vidijob.executors.storage import shown
from vidijob.executors.threads import Stop

_ENCODINGS = frozenset(
    {"UTF-8", "UTF8", "UTF-16", "UTF-16LE", "UTF-16BE", "ISO-8859-1", "LATIN1", "US-ASCII", "ASCII"},
)
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]{0,100}?\sencoding\s*=\s*["']([A-Za-z0-9_.-]{1,40})["']""")
#: A request to stop is looked for each time that so many elements were read.
_STRETCH = 1000


class NotRead(Exception):
    """XML that is not well-formed, hostile, or too much."""

    def __init__(self, line: int, reason: str) -> None:
        #: Counted from 1.
        self.line = line
        #: A sentence.
        self.reason = reason
        super().__init__(f"Line {line}: {reason}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read; more is refused."""

    #: How deep elements may be nested.
    depth: int = 64
    #: How many there may be.
    elements: int = 200_000


LIMITS = Limits()


class Element:
    """An element with what is in it, in order."""

    __slots__ = ("attributes", "content", "line", "name", "namespace")

    def __init__(self, namespace: str, name: str, attributes: dict[str, str], line: int) -> None:
        self.namespace = namespace
        #: Without its namespace.
        self.name = name
        #: By their names without namespaces; one that has none wins over its namesakes.
        self.attributes = attributes
        #: Where it begins.
        self.line = line
        self.content: list[Element | str] = []

    def __iter__(self) -> Iterator[Element]:
        """Yield the elements directly below."""
        return (part for part in self.content if isinstance(part, Element))

    def all(self, name: str) -> list[Element]:
        """Return the elements of that name directly below."""
        return [element for element in self if element.name == name]

    def first(self, *path: str) -> Element | None:
        """Return the first element at a path of names."""
        found: Element | None = self
        for name in path:
            found = next(iter(found.all(name)), None) if found is not None else None
        return found

    def text(self, *path: str) -> str:
        """Return the text of the first element at a path, without space around it; empty where there is none."""
        found = self.first(*path)
        return "" if found is None else "".join(part for part in found.content if isinstance(part, str)).strip()


def encoding_of(body: bytes) -> str:
    """Return the name of the encoding of a document that was read."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    said = _DECLARED.match(body)
    return said[1].decode("ascii").upper() if said else "UTF-8"


def read(body: bytes, stop: Stop, limits: Limits = LIMITS) -> Element:
    """Return the root of a document, or raise ``NotRead``."""
    line = crowded(body)
    if line is not None:
        raise NotRead(line, f"An element has more than {MOST_ATTRIBUTES} attributes.")
    reader = _Reader(stop, limits)
    try:
        return reader.read(body)
    except expat.ExpatError as error:
        # ``offset`` counts from 0.
        raise NotRead(error.lineno, f"Column {error.offset + 1}: {expat.ErrorString(error.code)}.") from None


class _Reader:
    """Builds one tree from the parser's events."""

    def __init__(self, stop: Stop, limits: Limits) -> None:
        self._stop = stop
        self._limits = limits
        self._open: list[Element] = []
        self._root: Element | None = None
        self._elements = 0
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def read(self, body: bytes) -> Element:
        self._parser.Parse(body, True)
        assert self._root is not None, "a document without a root is not well-formed"
        return self._root

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() not in _ENCODINGS:
            raise self._refusal(
                f"The encoding {shown(encoding)} is not read; UTF-8, UTF-16, ISO-8859-1 and US-ASCII are."
            )

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        raise self._refusal("A DOCTYPE is not read.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > self._limits.elements:
            raise self._refusal(f"There are more than {self._limits.elements} elements.")
        if len(self._open) >= self._limits.depth:
            raise self._refusal(f"Elements are nested more than {self._limits.depth} deep.")
        if self._elements % _STRETCH == 0:
            self._stop.check()
        namespace, _, name = tag.rpartition(" ")
        plain = {full: value for full, value in attributes.items() if " " not in full}
        spaced = {full.rpartition(" ")[2]: value for full, value in attributes.items() if " " in full}
        element = Element(namespace, name, {**spaced, **plain}, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].content.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].content.append(text)

    def _refusal(self, reason: str) -> NotRead:
        return NotRead(self._parser.CurrentLineNumber, reason)
