"""Reads XML, by name and not by position, from whoever sends it.

The parser is expat, not lxml: it tells of each element as it comes, so that limits hold before memory is taken, it
refuses a DOCTYPE at its first character, and it forgets (libxml2 keeps each name that it ever met for the life of its
thread). It knows the four encodings that are taken: UTF-8, UTF-16, ISO-8859-1 and US-ASCII.

Taken: any order of elements, unknown elements and attributes, no namespace at all, ``xsi:nil``. Refused: a DOCTYPE,
another root, another namespace, missing or repeated elements, text where a number must be, text between elements. All
that the schema takes is taken (tests say so), so the schema is not asked for its verdict, only for its words on what is
refused.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast
from xml.parsers import expat

from vidijob.binding import xsd
from vidijob.binding.before_parsing import MOST_ATTRIBUTES, crowded
from vidijob.binding.fields import Document
from vidijob.binding.limits import Limits, check_size, excerpt
from vidijob.binding.plan import Entry, Plan, plan
from vidijob.errors import Unreadable

D = TypeVar("D", bound=Document)

_ENCODINGS = frozenset(
    {"UTF-8", "UTF8", "UTF-16", "UTF-16LE", "UTF-16BE", "ISO-8859-1", "LATIN1", "US-ASCII", "ASCII"},
)
_NIL = "http://www.w3.org/2001/XMLSchema-instance nil"


def read(cls: type[D], body: bytes, limits: Limits) -> D:
    """Return the document that a body holds, or raise ``Unreadable``."""
    check_size(cls, body, limits)
    line = crowded(body)
    if line is not None:
        raise Unreadable(cls.__name__, f"Line {line}: An element has more than {MOST_ATTRIBUTES} attributes.")
    reader = _Reader(cls, limits)
    try:
        return cast(D, reader.read(body))
    except _Misfit as misfit:
        explanation = f"Line {reader.line}, {misfit.path}: {misfit.reason}."
        # The reader takes more than the schema does; where even it cannot, the schema may know the better words.
        schema = xsd.explain(cls, body)
        if schema:
            explanation += f" The schema says: {schema}"
        raise Unreadable(misfit.path, explanation, value=misfit.value) from None
    except expat.ExpatError as error:
        # ``offset`` counts from 0.
        where = f"Line {error.lineno}, column {error.offset + 1}"
        raise Unreadable(cls.__name__, f"{where}: {expat.ErrorString(error.code)}.") from None


class _Misfit(Exception):
    """Well-formed, but not of the shape; the reason is a part of a sentence."""

    def __init__(self, path: str, reason: str, value: str | None = None) -> None:
        self.path = path
        self.reason = reason
        self.value = None if value is None else excerpt(value)
        super().__init__(reason)


class _Open:
    """An element whose end has not come yet."""

    __slots__ = ("entry", "nil", "plan", "text", "values", "wire")

    def __init__(self, wire: str, entry: Entry | None, shape: Plan | None, nil: bool) -> None:
        #: With its index among its like, for errors.
        self.wire = wire
        #: ``None`` for the root.
        self.entry = entry
        #: ``None`` where the element is a simple value.
        self.plan = shape
        self.nil = nil
        self.text: list[str] = []
        self.values: dict[str, Any] = {}


class _Reader:
    """Builds one document from the parser's events."""

    def __init__(self, cls: type[Document], limits: Limits) -> None:
        self._cls = cls
        self._namespace = cls.vocabulary.namespace
        self._limits = limits
        self._open: list[_Open] = []
        self._elements = 0
        #: How many unknown elements are open, one in the other.
        self._unknown = 0
        self._result: object = None
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    @property
    def line(self) -> int:
        """Where the parser is."""
        return self._parser.CurrentLineNumber

    def read(self, body: bytes) -> object:
        self._parser.Parse(body, True)
        return self._result

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() not in _ENCODINGS:
            raise self._refusal(
                f"The encoding {excerpt(encoding)} is not read; UTF-8, UTF-16, ISO-8859-1 and US-ASCII are."
            )

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        raise self._refusal("A DOCTYPE is not read.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > self._limits.elements:
            raise self._refusal(f"There are more than {self._limits.elements} elements.")
        if len(self._open) + self._unknown >= self._limits.depth:
            raise self._refusal(f"Elements are nested more than {self._limits.depth} deep.")
        if self._unknown:
            self._unknown += 1
            return
        namespace, _, name = tag.rpartition(" ")
        known = namespace in ("", self._namespace)
        if not self._open:
            if not known or name not in (self._cls.__name__, *self._cls.also_named):
                raise self._wrong_root(namespace, name)
            self._enter(name, None, plan(self._cls), attributes)
            return
        parent = self._open[-1]
        if parent.plan is None or parent.plan.text is not None:
            raise _Misfit(self._path(), f"text is expected, not the element {excerpt(name)}")
        entry = parent.plan.elements.get(name) if known else None
        if entry is None:
            self._unknown = 1
            return
        self._enter(self._numbered(parent, entry), entry, None if entry.simple else plan(entry.type), attributes)

    def _numbered(self, parent: _Open, entry: Entry) -> str:
        if entry.repeated:
            return f"{entry.wire}[{len(parent.values.get(entry.name, ())) + 1}]"
        if entry.name in parent.values:
            raise _Misfit(f"{self._path()}/{entry.wire}", f"{entry.wire} may stand only once")
        return entry.wire

    def _enter(self, wire: str, entry: Entry | None, shape: Plan | None, attributes: dict[str, str]) -> None:
        element = _Open(wire, entry, shape, entry is not None and attributes.get(_NIL) in ("true", "1"))
        self._open.append(element)
        if shape is not None:
            for name, text in attributes.items():
                attribute = shape.attributes.get(name)
                if attribute is not None:
                    self._take(element, attribute, text, f"/@{name}")

    def _characters(self, text: str) -> None:
        if not self._unknown and self._open:
            self._open[-1].text.append(text)

    def _end(self, tag: str) -> None:
        if self._unknown:
            self._unknown -= 1
            return
        element = self._open[-1]
        if not element.nil:
            text = "".join(element.text)
            if element.plan is None:
                assert element.entry is not None
                self._take(self._open[-2], element.entry, text)
            else:
                self._put(element.entry, self._build(element, element.plan, text))
        self._open.pop()

    def _build(self, element: _Open, shape: Plan, text: str) -> object:
        if shape.text is not None:
            self._take(element, shape.text, text)
        elif text.strip():
            raise _Misfit(self._path(), "elements are expected, not text", text.strip())
        complaint = shape.complaint(element.values)
        if complaint:
            raise _Misfit(self._path(), complaint)
        return shape.type(
            **{name: tuple(value) if isinstance(value, list) else value for name, value in element.values.items()}
        )

    def _put(self, entry: Entry | None, document: object) -> None:
        if entry is None:
            self._result = document
        else:
            _give(self._open[-2], entry, document)

    def _take(self, holder: _Open, entry: Entry, text: str, below: str = "") -> None:
        """Read a simple value into the element that holds it; a blank one that may be missing is missing."""
        if not (entry.required or entry.repeated or entry.keeps_blank or text.strip()):
            return
        assert entry.read is not None
        try:
            value = entry.read(text)
        except ValueError as error:
            raise _Misfit(self._path() + below, str(error), text) from None
        _give(holder, entry, value)

    def _path(self) -> str:
        return "/".join(element.wire for element in self._open)

    def _refusal(self, reason: str) -> Unreadable:
        return Unreadable(self._cls.__name__, f"Line {self.line}: {reason}")

    def _wrong_root(self, namespace: str, name: str) -> Unreadable:
        expected = f"{self._cls.__name__} in the namespace {self._namespace or '(none)'}"
        found = f"{excerpt(name)} in the namespace {excerpt(namespace) or '(none)'}"
        return Unreadable(self._cls.__name__, f"The root element must be {expected}; it is {found}.", value=name[:100])


def _give(holder: _Open, entry: Entry, value: object) -> None:
    if entry.repeated:
        holder.values.setdefault(entry.name, []).append(value)
    else:
        holder.values[entry.name] = value
