"""Puts a condition together from ``sql/parts/expression.sql``. What a caller wrote goes into arguments, every bit of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import reduce

from vidijob.jobs.expressions import (
    Among,
    Applied,
    Comparison,
    Expression,
    Field,
    Function,
    Junction,
    Kind,
    Literal,
    Negation,
    Sign,
)
from vidijob.store.queries import parts

_NAME = re.compile(r"\$([a-z_]+)")
_OF_SIGN = {
    Sign.EQUAL: "equal",
    Sign.UNEQUAL: "unequal",
    Sign.LESS: "less",
    Sign.AT_MOST: "at_most",
    Sign.MORE: "more",
    Sign.AT_LEAST: "at_least",
}
#: Where neither side can be nothing.
_PLAIN = {
    Sign.EQUAL: "plain_equal",
    Sign.UNEQUAL: "plain_unequal",
    Sign.LESS: "plain_less",
    Sign.AT_MOST: "plain_at_most",
    Sign.MORE: "plain_more",
    Sign.AT_LEAST: "plain_at_least",
}
_OF_FUNCTION = {
    Function.STARTS: "starts",
    Function.ENDS: "ends",
    Function.HOLDS: "holds",
    Function.LOWER: "lower",
    Function.UPPER: "upper",
    Function.LENGTH: "length",
}
_OF_KIND = {Kind.TEXT: "text", Kind.NUMBER: "number", Kind.TIME: "time", Kind.TRUTH: "truth", Kind.GUID: "guid"}


def fill(part: str, **given: str) -> str:
    """Return a part with what its names stand for."""
    return _NAME.sub(lambda match: given[match[1]], part)


def write(
    expression: Expression, column: Callable[[Field], str], arguments: list[object], there: Collection[str] = ()
) -> str:
    """Return the condition as SQL; ``column`` gives that of a field, and ``arguments`` grows by what is bound. The fields that are
    nothing in no row are ``there``: such a one is compared so that an index helps.
    """
    known = parts("expression")

    def is_there(one: Expression) -> bool:
        return one.name in there if isinstance(one, Field) else isinstance(one, Literal) and one.value is not None

    def bound(literal: Literal) -> str:
        arguments.append(literal.value)
        return fill(known[_OF_KIND[literal.kind]], value=f"${len(arguments)}")

    def text(one: Expression) -> str:
        match one:
            case Literal():
                return bound(one)
            case Field():
                return column(one)
            case Applied(function=function, texts=texts):
                names = ("text", "sought")
                return fill(known[_OF_FUNCTION[function]], **dict(zip(names, map(text, texts), strict=False)))
            case Comparison(sign=sign, left=left, right=right):
                names_of = _PLAIN if is_there(left) and is_there(right) else _OF_SIGN
                return fill(known[names_of[sign]], left=text(left), right=text(right))
            case Junction(all=all, parts=members):
                between = known["and" if all else "or"]
                return reduce(lambda left, right: fill(between, left=left, right=right), map(text, members))
            case Negation(of=of):
                return fill(known["not"], of=text(of))
            case Among(field=one_of, values=values):
                arguments.append(list(values))
                return fill(
                    known["among_numbers" if one_of.kind is Kind.NUMBER else "among_states"],
                    of=column(one_of),
                    values=f"${len(arguments)}",
                )

    return text(expression)
