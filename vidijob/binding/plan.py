"""From a class to its plan: what each field is on the wire, worked out once from the annotations. Documents, XML and
JSON are not known here.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from vidijob.binding import values
from vidijob.binding.fields import Branch, Mark, Pascal, Simple, Wire

#: The simple types that need no word, as XML Schema calls them; a float is a decimal because JSON knows no other.
_SIMPLE: Mapping[type, Simple] = {
    str: Simple("xs:string"),
    bool: Simple("xs:boolean"),
    int: Simple("xs:int", -(2**31), 2**31 - 1),
    float: Simple("xs:decimal"),
    datetime: Simple("xs:dateTime"),
}


class Place(Enum):
    """Where a value stands in XML."""

    ELEMENT = "element"
    ATTRIBUTE = "attribute"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Entry:
    """One field, as the codecs see it."""

    #: In Python.
    name: str
    #: On the wire.
    wire: str
    place: Place
    #: ``str``, ``int``, …, or the class of the nested element.
    type: type
    #: What the schema calls a simple value; ``None`` for a nested class.
    simple: Simple | None
    #: Reads a simple value from its text, or raises ``ValueError`` with the reason; ``None`` for a nested class.
    read: Callable[[str], object] | None
    required: bool
    repeated: bool
    #: Whether JSON prints it even when there is nothing.
    always: bool
    branch: Branch | None

    @property
    def keeps_blank(self) -> bool:
        """Tell whether an empty text is a value, not a missing one."""
        return self.type is str and (self.branch is None or self.branch.blank)


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to know of a class."""

    type: type
    #: Elements (or the text), then attributes: the order of JSON.
    entries: tuple[Entry, ...]
    elements: Mapping[str, Entry]
    attributes: Mapping[str, Entry]
    text: Entry | None
    #: Choice → branch → its fields.
    choices: Mapping[str, Mapping[str, tuple[Entry, ...]]]

    def complaint(self, given: Collection[str]) -> str | None:
        """Say what is wrong with a document that gives these fields, or ``None``."""
        for entry in self.entries:
            if entry.required and entry.name not in given:
                return f"{entry.wire} is required and missing"
        for branches in self.choices.values():
            begun = [fields for fields in branches.values() if any(_opens(entry, given) for entry in fields)]
            if len(begun) != 1:
                names = ", ".join(fields[0].wire for fields in branches.values())
                return f"exactly one of {names} is expected, not {len(begun)}"
            for entry in begun[0]:
                if entry.branch is not None and entry.branch.needed and entry.name not in given:
                    return f"{entry.wire} is required beside {begun[0][0].wire} and missing"
        return None


def _opens(entry: Entry, given: Collection[str]) -> bool:
    return entry.name in given and entry.branch is not None and entry.branch.opens


_plans: dict[type, Plan] = {}


def plan(cls: type) -> Plan:
    """Return the plan of a document class, or raise ``TypeError`` where its annotations make no sense."""
    try:
        return _plans[cls]
    except KeyError:
        return _plans.setdefault(cls, _plan(cls))


def _plan(cls: type) -> Plan:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls.__name__} is not a dataclass.")
    hints = get_type_hints(cls, include_extras=True)
    entries = [_entry(cls, field, hints[field.name]) for field in dataclasses.fields(cls)]
    entries.sort(key=lambda entry: entry.place is Place.ATTRIBUTE)
    texts = [entry for entry in entries if entry.place is Place.TEXT]
    elements = {entry.wire: entry for entry in entries if entry.place is Place.ELEMENT}
    if len(texts) > 1 or (texts and elements):
        raise TypeError(f"{cls.__name__} has text beside other text or elements.")
    if len({entry.wire for entry in entries}) != len(entries):
        raise TypeError(f"{cls.__name__} uses a name of the wire twice.")
    return Plan(
        type=cls,
        entries=tuple(entries),
        elements=elements,
        attributes={entry.wire: entry for entry in entries if entry.place is Place.ATTRIBUTE},
        text=texts[0] if texts else None,
        choices=_choices(entries),
    )


def _entry(cls: type, field: dataclasses.Field[Any], hint: Any) -> Entry:
    words: list[object] = []
    type_ = _peel(hint, words)
    repeated = get_origin(type_) is tuple
    if repeated:
        item, ellipsis = get_args(type_)
        if ellipsis is not Ellipsis:
            raise TypeError(f"{cls.__name__}.{field.name} must be tuple[X, ...].")
        type_ = _peel(item, words)
    if not (type_ in _SIMPLE or dataclasses.is_dataclass(type_)):
        raise TypeError(f"{cls.__name__}.{field.name} has a type that the wire does not know.")
    place = Place.ATTRIBUTE if Mark.ATTRIBUTE in words else Place.TEXT if Mark.TEXT in words else Place.ELEMENT
    if place is not Place.ELEMENT and (repeated or type_ not in _SIMPLE):
        raise TypeError(f"{cls.__name__}.{field.name} must be a single simple value.")
    wire = next((word.name for word in words if isinstance(word, Wire)), _spelt(cls, field.name))
    simple = next((word for word in words if isinstance(word, Simple)), _SIMPLE.get(type_))
    return Entry(
        name=field.name,
        wire="value" if place is Place.TEXT else wire,
        place=place,
        type=type_,
        simple=simple,
        read=None if simple is None else values.reader(type_, simple),
        required=field.default is dataclasses.MISSING and not repeated,
        repeated=repeated,
        always=Mark.ALWAYS in words,
        branch=next((word for word in words if isinstance(word, Branch)), None),
    )


def _peel(hint: Any, words: list[object]) -> Any:
    """Take ``Annotated`` and ``| None`` off a hint and collect the words that were said."""
    while True:
        if get_origin(hint) is Annotated:
            hint, *said = get_args(hint)
            words.extend(said)
        elif get_origin(hint) in (Union, types.UnionType):
            members = [member for member in get_args(hint) if member is not type(None)]
            if len(members) != 1:
                raise TypeError(f"{hint} is none of the shapes of the wire.")
            hint = members[0]
        else:
            return hint


def _spelt(cls: type, name: str) -> str:
    first, *rest = name.split("_")
    begin = first.capitalize() if issubclass(cls, Pascal) else first
    return begin + "".join(word.capitalize() for word in rest)


def nests(cls: type) -> bool:
    """Tell whether elements of a class may hold others of the same class, at any depth."""
    reached: set[type] = set()
    waiting = [cls]
    while waiting:
        for entry in plan(waiting.pop()).entries:
            if entry.simple is None and entry.type not in reached:
                reached.add(entry.type)
                waiting.append(entry.type)
    return cls in reached


def _choices(entries: list[Entry]) -> dict[str, dict[str, tuple[Entry, ...]]]:
    choices: dict[str, dict[str, tuple[Entry, ...]]] = {}
    for entry in entries:
        if entry.branch is not None:
            branches = choices.setdefault(entry.branch.choice, {})
            branches[entry.branch.branch] = (*branches.get(entry.branch.branch, ()), entry)
    return choices
