"""The query options of OData v3, as far as the service had them. A filter becomes a tree in which every literal is a value:
whatever it holds, it never becomes a part of a statement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

from vidijob.errors import Invalid
from vidijob.jobs.expressions import (
    Applied,
    Comparison,
    Expression,
    Field,
    Function,
    Junction,
    Kind,
    Literal,
    Negation,
    Ordering,
    Sign,
    kind_of,
)

#: A list has at most so many entries; the rest is asked for with ``$skip``.
MOST = 1000
_LONGEST, _DEEPEST = 10_000, 60
_SIGNS = {
    "eq": Sign.EQUAL, "ne": Sign.UNEQUAL, "gt": Sign.MORE, "ge": Sign.AT_LEAST, "lt": Sign.LESS, "le": Sign.AT_MOST
}  # fmt: skip
_FUNCTIONS = {
    "startswith": (Function.STARTS, 2), "endswith": (Function.ENDS, 2), "substringof": (Function.HOLDS, 2),
    "tolower": (Function.LOWER, 1), "toupper": (Function.UPPER, 1), "length": (Function.LENGTH, 1),
}  # fmt: skip
_TOKEN = re.compile(
    r"\s*(?:(?P<typed>(?:datetimeoffset|datetime|guid)?'(?:[^']|'')*')"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[lLdDfFmM]?(?![A-Za-z0-9_]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[(),]))"
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?\d*(Z|[+-]\d\d:\d\d)?")
_OPTIONS = {"$filter", "$top", "$skip", "$orderby", "$select", "$inlinecount", "$count", "$format", "$skiptoken"}

Fields = Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Options:
    """What part of a list is wanted, in which order, and which of its fields."""

    condition: Expression | None
    order: Ordering
    skip: int
    top: int
    #: Whether the answer is to say how many there are without ``skip`` and ``top``.
    counted: bool
    select: frozenset[str] | None
    #: Where a list goes on that was answered in part, as that answer said it; ``None``: from its beginning.
    token: str | None = None

    def only_counted(self) -> Options:
        """Return what is asked for where only the number matters."""
        return replace(self, skip=0, top=0, counted=True)


def read_options(given: Mapping[str, str], fields: Fields) -> Options:
    """Read the options of a list of entries with these fields; raises ``Invalid`` for what is none, or cannot be read."""
    for name in given:
        if name.startswith("$") and name not in _OPTIONS:
            raise Invalid(name, f"The query option {name[:50]} is not supported.")
    counted = given.get("$inlinecount", "none")
    if counted not in ("none", "allpages"):
        raise Invalid("$inlinecount", "$inlinecount is allpages or none.")
    return Options(
        read_filter(given["$filter"], fields) if given.get("$filter", "").strip() else None,
        read_order(given.get("$orderby", ""), fields),
        _number(given, "$skip", 0),
        min(_number(given, "$top", MOST), MOST),
        counted == "allpages",
        read_select(given.get("$select", ""), fields),
        given.get("$skiptoken"),
    )


def read_select(text: str, fields: Fields) -> frozenset[str] | None:
    """Return the names that are wanted: fields, and links; ``None``: all."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    return None if not names or "*" in names else names


def read_filter(text: str, fields: Fields) -> Expression:
    """Return the condition that a filter states; raises ``Invalid`` with the place where it cannot be read."""
    reader = _Reader("$filter", text, fields)
    condition = reader.condition()
    if reader.word or kind_of(condition) is not Kind.TRUTH:
        reader.refuse("a condition was expected" if not reader.word else f"{reader.word[:30]!r} was not expected")
    return condition


def read_order(text: str, fields: Fields) -> Ordering:
    """Return what a list is to be sorted by: ``Name desc,Created``."""
    order = []
    for part in text.split(",") if text.strip() else ():
        name, *direction = part.split() or [""]
        if name not in fields or direction not in ([], ["asc"], ["desc"]):
            raise Invalid("$orderby", f"$orderby cannot be read at {part.strip()[:50]!r}: a field, then asc or desc.")
        order.append((Field(name, fields[name]), direction == ["desc"]))
    return order


def read_time(text: str) -> datetime | None:
    """Return a time as OData writes it, in UTC where it does not say; ``None`` for what is none. Ten millionths are cut."""
    match = _TIME.fullmatch(text)
    try:
        at = datetime.fromisoformat(f"{match[1]}{match[2] or ':00'}{match[3] or '+00:00'}") if match else None
        return None if at is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid(name, f"{name} is a whole number that is not negative.", value=text[:50])
    return int(text)


class _Reader:
    """Reads one filter, from the loosest operator to the tightest."""

    def __init__(self, option: str, text: str, fields: Fields) -> None:
        self._option, self._text, self._fields = option, text, fields
        self._depth, self._place, self._next = 0, 0, 0
        self._group: str | None = None
        self.word = ""
        if len(text) > _LONGEST or "\x00" in text or text.encode("utf-8", "replace").decode() != text:
            self.refuse(f"it is at most {_LONGEST} characters, of which none is NUL")
        self._advance()

    def refuse(self, why: str) -> NoReturn:
        """Raise what is wrong with the filter, and where."""
        raise Invalid(self._option, f"Syntax error at position {self._place} in '{self._text[:200]}': {why}.")

    def condition(self) -> Expression:
        """Read conditions joined by ``or``."""
        self._depth += 1
        if self._depth > _DEEPEST:
            self.refuse("it is nested too deeply")
        joined = self._joined("or", lambda: self._joined("and", self._equality))
        self._depth -= 1
        return joined

    def _advance(self) -> None:
        rest = self._text[self._next :]
        match = _TOKEN.match(rest)
        if match is None and rest.strip():
            self._place = self._next
            self.refuse("a character that means nothing here")
        self._group = match.lastgroup if match else None
        self.word = match[match.lastgroup or 0] if match else ""
        self._place = self._next + (match.start(match.lastgroup or 0) if match else len(rest))
        self._next += match.end() if match else len(rest)

    def _take(self, word: str) -> None:
        if self.word != word or self._group == "typed":
            self.refuse(f"{word!r} was expected")
        self._advance()

    def _joined(self, word: str, part: Callable[[], Expression]) -> Expression:
        parts = [part()]
        while self._group == "word" and self.word == word:
            self._advance()
            parts.append(part())
            if any(kind_of(one) is not Kind.TRUTH for one in parts):
                self.refuse(f"{word!r} joins conditions")
        return parts[0] if len(parts) == 1 else Junction(word == "and", tuple(parts))

    def _equality(self) -> Expression:
        return self._compared(("eq", "ne"), lambda: self._compared(("gt", "ge", "lt", "le"), self._unary))

    def _compared(self, words: tuple[str, ...], part: Callable[[], Expression]) -> Expression:
        left = part()
        while self._group == "word" and self.word in words:
            sign = _SIGNS[self.word]
            self._advance()
            right = part()
            # What is nothing is nothing of the other's kind.
            if _is_nothing(left):
                left = Literal(None, kind_of(right))
            elif _is_nothing(right):
                right = Literal(None, kind_of(left))
            if kind_of(left) is not kind_of(right):
                self.refuse(f"{kind_of(left).value} and {kind_of(right).value} cannot be compared")
            left = Comparison(sign, left, right)
        return left

    def _unary(self) -> Expression:
        if self._group == "word" and self.word == "not":
            self._depth += 1
            if self._depth > _DEEPEST:
                self.refuse("it is nested too deeply")
            self._advance()
            of = self._unary()
            self._depth -= 1
            if kind_of(of) is not Kind.TRUTH:
                self.refuse("'not' is followed by a condition in parentheses")
            return Negation(of)
        return self._primary()

    def _primary(self) -> Expression:
        word, group = self.word, self._group
        if group == "typed":
            literal = self._typed(word)
        elif group == "number":
            literal = self._a_number(word)
        elif word in ("true", "false"):
            literal = Literal(word == "true", Kind.TRUTH)
        elif word == "null":
            literal = Literal(None, Kind.TEXT)
        elif word == "(":
            self._advance()
            inner = self.condition()
            self._take(")")
            return inner
        elif word in _FUNCTIONS:
            return self._function(*_FUNCTIONS[word])
        elif word in self._fields:
            self._advance()
            return Field(word, self._fields[word])
        else:
            self.refuse(f"there is no property {word[:50]!r}" if group == "word" else "a value was expected")
        self._advance()
        return literal

    def _function(self, function: Function, count: int) -> Expression:
        self._advance()
        self._take("(")
        texts = [self.condition()]
        while self.word == "," and self._group == "mark":
            self._advance()
            texts.append(self.condition())
        if len(texts) != count or any(kind_of(text) is not Kind.TEXT for text in texts):
            self.refuse(f"the function takes {count} text{'s' if count > 1 else ''}")
        self._take(")")
        # Here, and only here, what is looked for comes first.
        return Applied(function, tuple(reversed(texts)) if function is Function.HOLDS else tuple(texts))

    def _typed(self, word: str) -> Literal:
        kind, _, quoted = word.partition("'")
        text = quoted[:-1].replace("''", "'")
        if not kind:
            return Literal(text, Kind.TEXT)
        if kind == "guid":
            try:
                return Literal(UUID(text), Kind.GUID)
            except ValueError:
                self.refuse("this is no guid")
        at = read_time(text)
        return Literal(at, Kind.TIME) if at is not None else self.refuse("this is no time")

    def _a_number(self, word: str) -> Literal:
        number = float(word.rstrip("lLdDfFmM"))
        if not math.isfinite(number):
            self.refuse("this number is too large")
        return Literal(number, Kind.NUMBER)


def _is_nothing(expression: Expression) -> bool:
    return isinstance(expression, Literal) and expression.value is None
