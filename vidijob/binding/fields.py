"""How a field of a document says what it is on the wire.

A document is a frozen dataclass with keyword-only fields, in the order of the wire. Its annotations are the definition:
a field without default is required, ``X | None = None`` is optional, ``tuple[X, ...] = ()`` repeats, and the wire's name
is the field's in camel case. What an annotation cannot say by itself is said by the words below. Which encodings there
are is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, ClassVar, TypeVar

T = TypeVar("T")


class Mark(Enum):
    """What the aliases below put into an annotation."""

    ATTRIBUTE = "attribute"
    TEXT = "text"
    ALWAYS = "always"


#: An attribute in XML; in JSON a key like any other, after the elements.
Attribute = Annotated[T, Mark.ATTRIBUTE]
#: The text of an element that has attributes; in JSON the key ``value``.
Text = Annotated[T, Mark.TEXT]
#: In JSON the key is printed even when there is nothing under it: ``[]`` or ``null``.
Always = Annotated[T, Mark.ALWAYS]


@dataclass(frozen=True, slots=True)
class Wire:
    """A name on the wire that is not the field's in camel case."""

    name: str


@dataclass(frozen=True, slots=True)
class Branch:
    """Membership in a choice: of the branches of one choice, a document has exactly one."""

    #: The same for all branches of the choice.
    choice: str
    #: The same for all fields of the branch.
    branch: str
    #: Whether the branch is incomplete without this field.
    needed: bool = True
    #: Whether an empty text counts; HTML forms send every branch, with the unused ones empty.
    blank: bool = True
    #: Whether the field alone makes the branch the one that is meant.
    opens: bool = True


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple type of the schema that says more than the Python type alone."""

    #: Its name in the schema: ``xs:long`` or one of our own.
    name: str
    #: For whole numbers.
    least: int | None = None
    most: int | None = None
    #: The values that the schema lists. Readers take others too: newer servers and custom types have more words.
    values: tuple[str, ...] = ()


Long = Annotated[int, Simple("xs:long", -(2**63), 2**63 - 1)]
#: Any size in the schema; 64 bits here, as in JSON and in the database.
Integer = Annotated[int, Simple("xs:integer", -(2**63), 2**63 - 1)]
Uri = Annotated[str, Simple("xs:anyURI")]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the documents of one face have in common."""

    #: The XML namespace of all elements, or ``None``.
    namespace: str | None = None
    #: The file in ``schemas/``, or ``None`` where the face has no schema.
    schema: str | None = None


class Pascal:
    """A base of classes whose names on the wire begin with a capital: ``JobId`` for ``job_id``."""

    __slots__ = ()


class Document:
    """The base of all root documents; the root element is named like the class."""

    __slots__ = ()
    vocabulary: ClassVar[Vocabulary] = Vocabulary()
    #: Other names of the root element that readers take, where clients mix them up.
    also_named: ClassVar[tuple[str, ...]] = ()
