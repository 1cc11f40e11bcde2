"""JSON, as the servers of the contract print it: no root, arrays always arrays, attributes after elements, the text of an
element as ``value``, nothing for what is missing, times with ``+0000``. Reading is in ``json_reader``.

Lone surrogates, which no encoding can carry, are written as U+FFFD.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar

import orjson

from vidijob.binding import json_reader, values
from vidijob.binding.compiler import Compiler
from vidijob.binding.fields import Document
from vidijob.binding.frame import Frame
from vidijob.binding.limits import LIMITS, Limits
from vidijob.binding.plan import Entry, plan

D = TypeVar("D", bound=Document)

_SURROGATE = re.compile("[\ud800-\udfff]")


def write(document: Document) -> bytes:
    """Return the document as JSON in UTF-8."""
    return _dump(_tree(document))


def read(cls: type[D], body: bytes, limits: Limits = LIMITS) -> D:
    """Return the document that a body holds, or raise ``Unreadable`` with the place and the reason."""
    return json_reader.read(cls, body, limits)


def fragment(item: object, name: str) -> bytes:
    """Return a child ``name`` of a document, to be put between the ``head`` and the ``tail`` of a ``Frame``."""
    return _dump(_tree(item))


def frame(document: Document, name: str) -> Frame:
    """Return what stands before and after the children ``name``; those of the document itself are left out.

    For at least one child: JSON has no key for an empty list, so a list without any is written whole.
    """
    shape = plan(type(document))
    order = [entry.wire for entry in shape.entries]
    place = order.index(shape.elements[name].wire)
    tree = _tree(document)
    before = _dump({key: value for key, value in tree.items() if order.index(key) < place})[1:-1]
    after = _dump({key: value for key, value in tree.items() if order.index(key) > place})[1:-1]
    return Frame(
        head=b"{" + before + (b"," if before else b"") + orjson.dumps(name) + b":[",
        between=b",",
        tail=b"]" + (b"," if after else b"") + after + b"}",
    )


def _tree(value: object) -> dict[str, Any]:
    return _compiler.function(_Key(type(value)))(value)  # type: ignore[no-any-return]


def _dump(tree: object) -> bytes:
    try:
        return orjson.dumps(tree)
    except orjson.JSONEncodeError:
        return orjson.dumps(_without_surrogates(tree))


def _without_surrogates(tree: Any) -> Any:
    if isinstance(tree, str):
        return _SURROGATE.sub("\ufffd", tree)
    if isinstance(tree, list):
        return [_without_surrogates(item) for item in tree]
    if isinstance(tree, dict):
        return {key: _without_surrogates(value) for key, value in tree.items()}
    return tree


class _Key(NamedTuple):
    """What a generated function makes a tree of."""

    type: type


_EXPRESSIONS = {"float": "decimal(%s)", "datetime": "time(%s)"}


def _generate(key: _Key, compiler: Compiler[_Key]) -> str:
    entries = plan(key.type).entries
    opening = tuple(takewhile(lambda entry: entry.required, entries))
    lines = ["def FUNCTION(document):", f"    tree = {_literal(opening, 'document', compiler)}"]
    for entry in entries[len(opening) :]:
        target, field = f"tree[{entry.wire!r}]", f"document.{entry.name}"
        if entry.repeated:
            items = f"[{_expression(entry, 'item', compiler)} for item in values]"
            condition = f"if (values := {field}) or {entry.always}:"
            lines.append(f"    {condition} {target} = {items}")
        elif entry.required:
            lines.append(f"    {target} = {_expression(entry, field, compiler)}")
        else:
            lines.append(f"    if (value := {field}) is not None: {target} = {_expression(entry, 'value', compiler)}")
            if entry.always:
                lines.append(f"    else: {target} = None")
    return "\n".join([*lines, "    return tree"])


def _literal(entries: tuple[Entry, ...], holder: str, compiler: Compiler[_Key]) -> str:
    pairs = (f"{entry.wire!r}: {_expression(entry, f'{holder}.{entry.name}', compiler)}" for entry in entries)
    return f"{{{', '.join(pairs)}}}"


def _expression(entry: Entry, value: str, compiler: Compiler[_Key]) -> str:
    if entry.simple is None:
        inner = plan(entry.type).entries
        if all(field.required and field.simple for field in inner):
            return _literal(inner, value, compiler)
        return f"{compiler.name(_Key(entry.type))}({value})"
    return _EXPRESSIONS.get(entry.type.__name__, "%s") % value


_compiler = Compiler(_generate, {"decimal": values.json_decimal, "time": values.json_time})
