"""Random filters, each with a Python function that says what it means. The parser is not asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from vidijob.jobs.expressions import Kind

Row = dict[str, Any]
Meaning = Callable[[Row], Any]
#: The fields of the rows.
FIELDS = {
    "Name": Kind.TEXT,
    "TemplateId": Kind.TEXT,
    "Priority": Kind.NUMBER,
    "RunningDuration": Kind.NUMBER,
    "Created": Kind.TIME,
    "EndTime": Kind.TIME,
    "IsPrimary": Kind.TRUTH,
}
_TEXTS = [
    "",
    "a",
    "A",
    "aB",
    "b'c",
    "100%_",
    "\\%",
    "'; DROP TABLE job; --",
    "Äß",
    "é",
    "日本",
    "$1",
    "x y",
    "Ab",
    "null",
    "aab",
]
_NUMBERS = [0, 1, -1, 2, 7, 40, 2**31 - 1, -(2**31), 0.5, 1.25, 1e10]
_EPOCH = datetime(2013, 4, 20, 22, 41, 57, tzinfo=UTC)
_ASCII_LOWER = {letter: letter + 32 for letter in range(65, 91)}
_ASCII_UPPER = {letter: letter - 32 for letter in range(97, 123)}


def a_row(chance: random.Random) -> Row:
    """Return a row, in which anything may be nothing."""
    row: Row = {
        "Name": chance.choice(_TEXTS),
        "TemplateId": chance.choice([None, *_TEXTS]),
        "Priority": chance.choice(_NUMBERS),
        "RunningDuration": chance.choice([None, *_NUMBERS]),
        "Created": _time(chance),
        "EndTime": chance.choice([None, _time(chance)]),
        "IsPrimary": chance.choice([None, True, False]),
    }
    return row


def a_filter(chance: random.Random, depth: int = 3) -> tuple[str, Meaning]:
    """Return a filter and what it means of a row."""
    roll = chance.random()
    if depth and roll < 0.2:
        (left, a), (right, b) = a_filter(chance, depth - 1), a_filter(chance, depth - 1)
        return f"({left}) and ({right})", lambda row: a(row) and b(row)
    if depth and roll < 0.4:
        (left, a), (right, b) = a_filter(chance, depth - 1), a_filter(chance, depth - 1)
        return f"({left}) or ({right})", lambda row: a(row) or b(row)
    if depth and roll < 0.5:
        text, of = a_filter(chance, depth - 1)
        return f"not ({text})", lambda row: not of(row)
    if depth and roll < 0.6:
        # Without parentheses: and is tighter than or, a comparison tighter than both.
        (x, a), (y, b), (z, c) = _comparison(chance), _comparison(chance), _comparison(chance)
        return f"{x} or {y} and {z}", lambda row: a(row) or (b(row) and c(row))
    if roll < 0.75:
        return _sought(chance)
    return _comparison(chance)


def _comparison(chance: random.Random) -> tuple[str, Meaning]:
    kind = chance.choice([Kind.TEXT, Kind.NUMBER, Kind.TIME, Kind.TRUTH])
    (left, a), (right, b) = _value(chance, kind), _value(chance, kind)
    word = chance.choice(["eq", "ne", "gt", "ge", "lt", "le"])
    return f"{left} {word} {right}", lambda row: _compare(word, a(row), b(row))


def _compare(word: str, left: Any, right: Any) -> bool:
    if word in ("eq", "ne"):
        return (left == right) is (word == "eq")
    if left is None or right is None:
        return False
    return bool({"gt": left > right, "ge": left >= right, "lt": left < right, "le": left <= right}[word])


def _sought(chance: random.Random) -> tuple[str, Meaning]:
    word = chance.choice(["startswith", "endswith", "substringof"])
    (text, of), (sought, what) = _value(chance, Kind.TEXT), _value(chance, Kind.TEXT)

    def holds(row: Row) -> bool:
        whole, part = of(row), what(row)
        if whole is None or part is None:
            return False
        return bool(
            {"startswith": whole.startswith(part), "endswith": whole.endswith(part), "substringof": part in whole}[word]
        )

    call = f"{word}({sought},{text})" if word == "substringof" else f"{word}({text}, {sought})"
    if chance.random() < 0.3:
        return f"{call} eq true", holds
    return call, holds


def _value(chance: random.Random, kind: Kind) -> tuple[str, Meaning]:
    roll = chance.random()
    if roll < 0.06:
        return "null", lambda row: None
    if roll < 0.55:
        name = chance.choice([name for name, of in FIELDS.items() if of is kind])
        return name, lambda row: row[name]
    if kind is Kind.TEXT:
        if roll < 0.7:
            text, of = _value(chance, Kind.TEXT)
            word, table = chance.choice([("tolower", _ASCII_LOWER), ("toupper", _ASCII_UPPER)])
            return f"{word}({text})", lambda row: None if of(row) is None else of(row).translate(table)
        literal = chance.choice(_TEXTS)
        return "'" + literal.replace("'", "''") + "'", lambda row: literal
    if kind is Kind.NUMBER:
        if roll < 0.65:
            text, of = _value(chance, Kind.TEXT)
            return f"length({text})", lambda row: None if of(row) is None else len(of(row))
        number = chance.choice(_NUMBERS)
        return (
            f"{number}{chance.choice('LlDd') if chance.random() < 0.3 and 'e' not in str(number) else ''}",
            lambda row: number,
        )
    if kind is Kind.TIME:
        at = _time(chance)
        return f"datetime'{at:%Y-%m-%dT%H:%M:%S.%f}{chance.choice(['', '0', 'Z'])}'", lambda row: at
    truth = chance.choice([True, False])
    return str(truth).lower(), lambda row: truth


def _time(chance: random.Random) -> datetime:
    return _EPOCH + timedelta(seconds=chance.choice([0, 1, -1, 86400, 0.25, 0.000001]))
