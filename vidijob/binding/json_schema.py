"""JSON Schema (2020-12) of a document class, from its plan: as it is written, or a little wider, as it is read. What it is
in XML is said in the words of OpenAPI (``xml``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from vidijob.binding.fields import Document
from vidijob.binding.plan import Entry, Place, Plan, plan

Schema = dict[str, Any]
#: A nested class → what stands in the place of its schema.
Refer = Callable[[type], Schema]

_WRITTEN: dict[type, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    # No date-time of RFC 3339: its zone has no colon.
    datetime: {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$"},
}
#: Clients send numbers and booleans as strings, too.
_READ: dict[type, Schema] = {
    str: {"type": "string"},
    bool: {"enum": [True, False, "true", "false", "1", "0"]},
    int: {"type": ["integer", "string"], "pattern": r"^[+-]?[0-9]{1,9}$"},
    float: {"type": ["number", "string"], "pattern": r"^[+-]?[0-9]{1,9}(\.[0-9]{1,9})?$"},
    datetime: {"type": "string", "format": "date-time"},
}


def written(cls: type, refer: Refer) -> Schema:
    """Return the schema of what is written of a class."""
    required = _required([entry.wire for entry in plan(cls).entries if entry.required or entry.always])
    return _schema(cls, refer, _WRITTEN) | required | {"additionalProperties": False}


def read(cls: type, refer: Refer) -> Schema:
    """Return the schema of what is read for a class: every such value is understood, and some beyond."""
    shape = plan(cls)
    choices = [{"oneOf": _branches(shape, name)} for name in shape.choices]
    required = _required([entry.wire for entry in shape.entries if entry.required])
    return _schema(cls, refer, _READ) | required | ({"allOf": choices} if choices else {})


def reached(cls: type) -> Iterator[type]:
    """Yield a class and all that nest in it, at any depth."""
    known, waiting = {cls}, [cls]
    while waiting:
        yield (current := waiting.pop())
        nested = [entry.type for entry in plan(current).entries if entry.simple is None and entry.type not in known]
        known.update(nested)
        waiting.extend(dict.fromkeys(nested))


def _schema(cls: type, refer: Refer, simple: dict[type, Schema]) -> Schema:
    schema: Schema = {
        "type": "object",
        "description": inspect.getdoc(cls),
        "properties": {entry.wire: _property(entry, refer, simple) for entry in plan(cls).entries},
    }
    if issubclass(cls, Document):
        schema["xml"] = {"name": cls.__name__, "namespace": cls.vocabulary.namespace}
    return schema


def _property(entry: Entry, refer: Refer, simple: dict[type, Schema]) -> Schema:
    schema = refer(entry.type) if entry.simple is None else _simple(entry, simple)
    if entry.repeated:
        return {"type": "array", "items": schema}
    if entry.place is Place.ATTRIBUTE:
        schema = {**schema, "xml": {"attribute": True}}
    # Nothing is printed as null.
    return {"anyOf": [schema, {"type": "null"}]} if simple is _WRITTEN and entry.always else schema


def _simple(entry: Entry, simple: dict[type, Schema]) -> Schema:
    schema = dict(simple[entry.type])
    if entry.simple is None:
        return schema
    if entry.type is int:
        schema |= {"minimum": entry.simple.least, "maximum": entry.simple.most}
    if entry.simple.values:
        # Readers take other words, too: newer servers and custom types have more.
        schema |= {"enum": [*entry.simple.values]} if simple is _WRITTEN else {"examples": [*entry.simple.values]}
    return schema


def _branches(shape: Plan, choice: str) -> list[Schema]:
    branches = shape.choices[choice].values()
    return [
        {"required": [entry.wire for entry in fields if entry.branch and entry.branch.needed]} for fields in branches
    ]


def _required(names: list[str]) -> Schema:
    return {"required": names} if names else {}
