"""What an operation takes and answers, in words that OpenAPI can be made of. A face keeps such a description for each of
its handlers; how a request is read is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from vidijob.binding.fields import Document
from vidijob.web.negotiate import Form


class Kind(Enum):
    """How a parameter is read: the name of the method of ``Parameters`` that reads it."""

    TEXT = "text"
    FLAG = "flag"
    NUMBER = "number"
    #: Several, separated by commas.
    LIST = "list"
    #: May stand several times.
    ALL = "all"
    CHOICE = "choice"
    #: Several of an enumeration, separated by commas.
    CHOICES = "choices"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query."""

    name: str
    kind: Kind
    #: What it is for, in a sentence.
    about: str
    default: str | int | bool | None = None
    #: The words that it may be, where these are few.
    values: Sequence[str] = ()
    least: int = 0
    most: int | None = None
    #: Whether a request without it is refused.
    needed: bool = False
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A name in the path."""

    about: str
    example: str
    values: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one operation takes and answers, beyond what its route says."""

    takes: Sequence[Parameter] = ()
    #: Whether a repeated request can be told by a key, in the header ``Idempotency-Key``; 409 for one of another order.
    repeatable: bool = False
    #: Whether its answers have an ``ETag``, so that one which the client has already is not sent again (304).
    tagged: bool = False
    #: What the body may be: a document in XML or JSON, or text; ``Form.JSON`` for an object that is no document. None: the body does not matter.
    body: Sequence[type[Document] | Form] = ()
    #: Whether the body is a file, of any type, which is written as it comes and never held as a whole.
    takes_file: bool = False
    #: Whether a request without body is refused.
    needs_body: bool = False
    #: A body, as JSON has it.
    example: Mapping[str, Any] | None = None
    #: The document of its answer, for a route that offers XML or JSON.
    answers: type[Document] | None = None
    #: Statuses of its own. What follows from the route need not be said: 400, 401, 403, 404 for a name in the path,
    #: 406, 413, 415, 503.
    refuses: Collection[int] = ()
    #: Whether it makes what its path names, so that nothing can be missing.
    makes: bool = False


#: Handler → what it takes and answers.
Operations = Mapping[Callable[..., Any], Operation]
