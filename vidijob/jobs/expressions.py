"""Conditions on rows, as trees: what a face reads out of a filter, and the store asks of the database. Pure.

Every condition is true or false, never unknown: nothing equals nothing and no other value, and is neither less nor more than
any; a text that is not there begins and ends with nothing and holds nothing. Texts are ordered by the code points of their
characters, and only the letters A to Z have two cases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias, cast
from uuid import UUID


class Kind(Enum):
    """What a value is."""

    TEXT = "text"
    #: As precise as a double, whole numbers up to 2^53 exactly.
    NUMBER = "number"
    TIME = "time"
    TRUTH = "truth"
    GUID = "guid"


class Sign(Enum):
    """How two values of one kind are compared."""

    EQUAL = "equal"
    UNEQUAL = "unequal"
    LESS = "less"
    AT_MOST = "at_most"
    MORE = "more"
    AT_LEAST = "at_least"


class Function(Enum):
    """What is made of texts."""

    STARTS = "starts"
    ENDS = "ends"
    #: Whether the first text holds the second.
    HOLDS = "holds"
    LOWER = "lower"
    UPPER = "upper"
    LENGTH = "length"


#: What a function makes.
RESULTS = {
    Function.STARTS: Kind.TRUTH,
    Function.ENDS: Kind.TRUTH,
    Function.HOLDS: Kind.TRUTH,
    Function.LOWER: Kind.TEXT,
    Function.UPPER: Kind.TEXT,
    Function.LENGTH: Kind.NUMBER,
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; ``None`` is nothing, of whatever kind."""

    value: str | float | datetime | bool | UUID | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the row."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Applied:
    """What a function makes of texts."""

    function: Function
    texts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether two values of one kind stand so to each other."""

    sign: Sign
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Junction:
    """Whether all of some conditions hold, or any."""

    all: bool
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """Whether a condition does not hold."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Among:
    """Whether a field is one of some values, in the words of the database."""

    field: Field
    values: tuple[str, ...]


Expression: TypeAlias = Literal | Field | Applied | Comparison | Junction | Negation | Among

#: By what a list is sorted, and whether downwards.
Ordering: TypeAlias = Sequence[tuple[Expression, bool]]


def kind_of(expression: Expression) -> Kind:
    """Return what an expression gives."""
    match expression:
        case Literal(kind=kind) | Field(kind=kind):
            return kind
        case Applied(function=function):
            return RESULTS[function]
        case Comparison() | Junction() | Negation() | Among():
            return Kind.TRUTH


_TURNED = {Sign.LESS: Sign.MORE, Sign.MORE: Sign.LESS, Sign.AT_LEAST: Sign.AT_MOST, Sign.AT_MOST: Sign.AT_LEAST}


def turned(comparison: Comparison) -> Comparison:
    """Return the same comparison with its sides exchanged."""
    return Comparison(_TURNED.get(comparison.sign, comparison.sign), comparison.right, comparison.left)


def mapped(expression: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """Return an expression in which some parts are others: ``change`` is asked from the outermost inwards, and gives what a part
    becomes, or ``None``: then what it consists of is asked for.
    """
    other = change(expression)
    if other is not None:
        return other
    match expression:
        case Comparison(sign=sign, left=left, right=right):
            return Comparison(sign, mapped(left, change), mapped(right, change))
        case Junction(all=every, parts=parts):
            return Junction(every, tuple(mapped(part, change) for part in parts))
        case Negation(of=of):
            return Negation(mapped(of, change))
        case Applied(function=function, texts=texts):
            return Applied(function, tuple(mapped(text, change) for text in texts))
        case Literal() | Field() | Among():
            return expression


def spread(wanted: Comparison, name: str, values: Mapping[str, Collection[float]], behind: Field) -> Expression:
    """Return a comparison of a field with a literal as it can be asked of the field ``behind`` it first: each value of that makes
    some of the other; where it makes several, only rows that have it are looked at further.
    """
    possible = {value for value, made in values.items() if any(evaluate(wanted, {name: one}) for one in made)}
    sure = {value for value in possible if all(evaluate(wanted, {name: one}) for one in values[value])}
    among = Among(behind, tuple(sorted(possible)))
    return among if sure == possible else Junction(True, (among, wanted))


Value: TypeAlias = str | float | datetime | bool | UUID | None
_LOWER = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}
_UPPER = {small: letter for letter, small in _LOWER.items()}


def evaluate(expression: Expression, row: Mapping[str, Any]) -> Value:
    """Return what an expression gives for a row that is at hand; the database gives the same."""
    match expression:
        case Literal(value=value):
            return value
        case Field(name=name):
            return cast(Value, row[name])
        case Applied(function=function, texts=texts):
            return _applied(function, [evaluate(text, row) for text in texts])
        case Comparison(sign=sign, left=left, right=right):
            return _stands(sign, evaluate(left, row), evaluate(right, row))
        case Junction(all=True, parts=parts):
            return all(evaluate(part, row) is True for part in parts)
        case Junction(parts=parts):
            return any(evaluate(part, row) is True for part in parts)
        case Negation(of=of):
            return evaluate(of, row) is not True
        case Among(field=one, values=values):
            return row[one.name] in values


def _applied(function: Function, given: Sequence[Value]) -> Value:
    if any(not isinstance(one, str) for one in given):
        return False if RESULTS[function] is Kind.TRUTH else None
    text, sought = cast(str, given[0]), cast(str, given[-1])
    match function:
        case Function.STARTS:
            return text.startswith(sought)
        case Function.ENDS:
            return text.endswith(sought)
        case Function.HOLDS:
            return sought in text
        case Function.LOWER:
            return text.translate(_LOWER)
        case Function.UPPER:
            return text.translate(_UPPER)
        case Function.LENGTH:
            return float(len(text))


def _stands(sign: Sign, left: Any, right: Any) -> bool:
    there = left is not None and right is not None
    match sign:
        case Sign.EQUAL:
            return bool(left == right)
        case Sign.UNEQUAL:
            return bool(left != right)
        case Sign.LESS:
            return there and bool(left < right)
        case Sign.AT_MOST:
            return there and bool(left <= right)
        case Sign.MORE:
            return there and bool(left > right)
        case Sign.AT_LEAST:
            return there and bool(left >= right)
