"""Conditions on rows, as trees: what a face reads out of a filter, and the store asks of the database. Pure.

Every condition is true or false, never unknown: nothing equals nothing and no other value, and is neither less nor more than
any; a text that is not there begins and ends with nothing and holds nothing. Texts are ordered by the code points of their
characters, and only the letters A to Z have two cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias
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


Expression: TypeAlias = Literal | Field | Applied | Comparison | Junction | Negation

#: By what a list is sorted, and whether downwards.
Ordering: TypeAlias = Sequence[tuple[Expression, bool]]


def kind_of(expression: Expression) -> Kind:
    """Return what an expression gives."""
    match expression:
        case Literal(kind=kind) | Field(kind=kind):
            return kind
        case Applied(function=function):
            return RESULTS[function]
        case Comparison() | Junction() | Negation():
            return Kind.TRUTH
