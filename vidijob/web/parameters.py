"""Parameters of a request, from the query and from matrix parts: names in any letter case, values checked, what is wrong
said with its name. What they mean is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeVar
from urllib.parse import parse_qsl, unquote_plus

from vidijob.errors import Invalid

Choice = TypeVar("Choice", bound=Enum)

_MOST = 2000


class Parameters:
    """Names and values; in case of both, the query wins over the matrix (contract 4.5)."""

    def __init__(self, query: str, matrix: Sequence[str] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        if not query and not matrix:
            return
        try:
            pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
            given = [_pair(part) for part in matrix]
        except UnicodeDecodeError:
            raise Invalid("query", "The parameters are not UTF-8.") from None
        except ValueError:
            raise Invalid("query", f"At most {_MOST} parameters can be given.") from None
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(_storable(name, value))
        in_query = set(self._values)
        for name, value in given:
            if name.lower() not in in_query:
                self._values.setdefault(name.lower(), []).append(_storable(name, value))

    def all(self, name: str) -> list[str]:
        """Return every value of a name, in order."""
        return self._values.get(name.lower(), [])

    def text(self, name: str) -> str | None:
        """Return the last value of a name, or ``None`` where there is none or only an empty one."""
        values = self.all(name)
        return (values[-1] or None) if values else None

    def flag(self, name: str, default: bool) -> bool:
        """Return a boolean: ``true`` or ``false`` in any letter case."""
        text = self.text(name)
        if text is None:
            return default
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise Invalid(name, f"The parameter {name} is true or false.", value=text)

    def number(self, name: str, default: int, *, least: int = 0, most: int = 2**63 - 1) -> int:
        """Return a whole number."""
        text = self.text(name)
        if text is None:
            return default
        digits = text.strip()
        number = int(digits) if len(digits) < 20 and digits.removeprefix("-").isdecimal() and digits.isascii() else None
        if number is None or not least <= number <= most:
            raise Invalid(name, f"The parameter {name} is a whole number from {least} to {most}.", value=text)
        return number

    def list(self, name: str) -> Sequence[str] | None:
        """Return the parts of comma-separated values; ``None`` where nothing or ``all`` is asked for.

        A comma at the end and empty parts do not count (contract 1.2: clients send them).
        """
        parts = [part.strip() for value in self.all(name) for part in value.split(",")]
        named = [part for part in parts if part]
        return None if not named or any(part.lower() == "all" for part in named) else named

    def choice(self, name: str, choices: type[Choice]) -> Choice | None:
        """Return one of the members of an enumeration, by its value."""
        text = self.text(name)
        return None if text is None else one_of(name, text, choices)

    def choices(self, name: str, choices: type[Choice]) -> Sequence[Choice] | None:
        """Return members of an enumeration, by their values; ``None`` where nothing or ``all`` is asked for."""
        named = self.list(name)
        return None if named is None else [one_of(name, text, choices) for text in named]


def one_of(name: str, text: str, choices: type[Choice]) -> Choice:
    """Return the member with that value, or raise ``Invalid`` naming those there are."""
    for choice in choices:
        if choice.value == text:
            return choice
    known = ", ".join(str(choice.value) for choice in choices)
    raise Invalid(name, f"The parameter {name} is one of {known}.", value=text)


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")


def _storable(name: str, value: str) -> str:
    if "\x00" in value or "\x00" in name:
        raise Invalid(name.replace("\x00", "\N{SYMBOL FOR NULL}"), "A parameter cannot hold the character NUL.")
    return value
