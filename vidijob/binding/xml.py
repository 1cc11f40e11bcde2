"""XML: documents are written as fast as strings are joined, by functions generated from the plan; ``xml_reader`` reads.

Elements are qualified by the default namespace, attributes are not; the order is that of the plan. What XML 1.0 cannot
carry (NUL, most control characters, lone surrogates) is written as U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from vidijob.binding import values, xml_reader
from vidijob.binding.compiler import Compiler
from vidijob.binding.fields import Document
from vidijob.binding.frame import Frame
from vidijob.binding.limits import LIMITS, Limits
from vidijob.binding.plan import Entry, Place, Plan, nests, plan

D = TypeVar("D", bound=Document)

_HEAD = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_SPECIAL = re.compile('[&<>"\t\n\r]|[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_IN_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': '"', "\t": "\t", "\n": "\n", "\r": "&#13;"}
_IN_ATTRIBUTE = _IN_TEXT | {'"': "&quot;", "\t": "&#9;", "\n": "&#10;"}


def write(document: Document) -> bytes:
    """Return the document as XML in UTF-8."""
    return _HEAD + _render(document, _key(type(document)))


def read(cls: type[D], body: bytes, limits: Limits = LIMITS) -> D:
    """Return the document that a body holds, or raise ``Unreadable`` with the place and the reason."""
    return xml_reader.read(cls, body, limits)


def fragment(item: object, name: str) -> bytes:
    """Return a child ``name`` of a document, to be put between the ``head`` and the ``tail`` of a ``Frame``."""
    return _render(item, _Key(type(item), name))


def frame(document: Document, name: str) -> Frame:
    """Return what stands before and after the children ``name``; those of the document itself are left out."""
    key, name = _key(type(document)), plan(type(document)).elements[name].wire
    return Frame(
        head=_HEAD + _render(document, key._replace(until=name)),
        between=b"",
        tail=_render(document, key._replace(after=name)),
    )


class _Key(NamedTuple):
    """What a generated function writes."""

    type: type
    #: The element's.
    name: str
    #: Declared here, where it is the root.
    namespace: str | None = None
    #: The root alone: write all before this field, or all after it.
    until: str | None = None
    after: str | None = None


def _key(cls: type[Document]) -> _Key:
    return _Key(cls, cls.__name__, cls.vocabulary.namespace)


def _render(value: object, key: _Key) -> bytes:
    pieces: list[str] = []
    _compiler.function(key)(value, pieces.append)
    return "".join(pieces).encode()


def _text(value: str) -> str:
    # Printable strings hold nothing that XML refuses; these four tests take half the time of the expression.
    if "&" in value or "<" in value or ">" in value or not value.isprintable():
        return _SPECIAL.sub(lambda found: _IN_TEXT.get(found[0], "\ufffd"), value)
    return value


def _attribute(value: str) -> str:
    return _SPECIAL.sub(lambda found: _IN_ATTRIBUTE.get(found[0], "\ufffd"), value)


_SPELLINGS = {"int": "{%s}", "bool": "{boolean(%s)}", "float": "{decimal(%s)}", "datetime": "{time(%s)}"}


class _Source:
    """The source of one function, grown from left to right; what needs no test is gathered in one f-string."""

    def __init__(self, compiler: Compiler[_Key]) -> None:
        self._lines = ["def FUNCTION(document, add):"]
        self._depth = 1
        self._pending = ""
        self._compiler = compiler

    def whole(self) -> str:
        self._flush()
        return "\n".join(self._lines)

    def literal(self, text: str) -> None:
        self._pending += text.replace("{", "{{").replace("}", "}}")

    def opening(self, shape: Plan, holder: str, name: str, namespace: str | None) -> None:
        """Write the start tag of an element whose object the variable ``holder`` names."""
        self.literal(f"<{name}" + (f' xmlns="{namespace}"' if namespace else ""))
        for entry in shape.attributes.values():
            with self._there(entry, holder) as value:
                self.literal(f' {entry.wire}="')
                self._value(entry, value)
                self.literal('"')
        self.literal(">")

    def field(self, entry: Entry, holder: str) -> None:
        """Write one field of an object, which is an element, several, none, or the text."""
        with self._there(entry, holder) as value:
            if entry.simple is None:
                self._nested(entry, value)
            elif entry.place is Place.TEXT:
                self._value(entry, value)
            else:
                self.literal(f"<{entry.wire}>")
                self._value(entry, value)
                self.literal(f"</{entry.wire}>")

    def _nested(self, entry: Entry, value: str) -> None:
        if nests(entry.type):
            self._line(f"{self._compiler.name(_Key(entry.type, entry.wire))}({value}, add)")
            return
        shape = plan(entry.type)
        self.opening(shape, value, entry.wire, None)
        for inner in shape.entries:
            if inner.place is not Place.ATTRIBUTE:
                self.field(inner, value)
        self.literal(f"</{entry.wire}>")

    def _value(self, entry: Entry, expression: str) -> None:
        text = "{attribute(%s)}" if entry.place is Place.ATTRIBUTE else "{text(%s)}"
        self._pending += _SPELLINGS.get(entry.type.__name__, text) % expression

    @contextmanager
    def _there(self, entry: Entry, holder: str) -> Iterator[str]:
        """Say the block for the field's value, which it gets the expression of: once, per item, or not at all."""
        field = f"{holder}.{entry.name}"
        if entry.required:
            yield field
            return
        value = f"value{self._depth}"
        self._line(f"for {value} in {field}:" if entry.repeated else f"if ({value} := {field}) is not None:")
        self._depth += 1
        yield value
        self._flush()
        self._depth -= 1

    def _line(self, line: str) -> None:
        self._flush()
        self._lines.append("    " * self._depth + line)

    def _flush(self) -> None:
        if self._pending:
            self._lines.append(f"{'    ' * self._depth}add(f{self._pending!r})")
            self._pending = ""


def _generate(key: _Key, compiler: Compiler[_Key]) -> str:
    shape, source = plan(key.type), _Source(compiler)
    started = key.after is None
    if started:
        source.opening(shape, "document", key.name, key.namespace)
    for entry in shape.entries:
        if entry.wire == key.until:
            break
        if started and entry.place is not Place.ATTRIBUTE:
            source.field(entry, "document")
        started = started or entry.wire == key.after
    if key.until is None:
        source.literal(f"</{key.name}>")
    return source.whole()


_compiler = Compiler(
    _generate,
    {
        "text": _text,
        "attribute": _attribute,
        "boolean": values.xml_boolean,
        "decimal": values.xml_decimal,
        "time": values.xml_time,
    },
)
