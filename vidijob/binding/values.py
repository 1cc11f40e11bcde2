"""Simple values on the wire: how numbers, booleans and times are spelt and read, in XML and in JSON.

What is read wrongly raises ``ValueError`` with the reason as a part of a sentence; where it stood is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from vidijob.binding.fields import Simple

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_TIME = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]+))?)?(?:Z|(?P<zone>[+-][0-9]{2}:?[0-9]{2}))?"
)
_BLANK = " \t\r\n"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
#: From here on a float is no longer sure to be whole, and JSON's integers end soon after.
_LARGEST_WHOLE = 2.0**53


# Times are most of what a list of jobs holds: looked up, they are spelt in a quarter of isoformat's time.
_YEARS = [f"{year:04}-" for year in range(10_000)]
_TWO = [f"{number:02}" for number in range(60)]
_MILLIS = [f".{milli:03}" for milli in range(1000)]


def xml_time(value: datetime) -> str:
    """Spell a time as ``2020-02-19T13:53:21.110Z``."""
    return f"{_time(value)}Z"


def json_time(value: datetime) -> str:
    """Spell a time as ``2020-02-19T13:53:21.110+0000``."""
    return f"{_time(value)}+0000"


def _time(at: datetime) -> str:
    if at.tzinfo is not UTC:
        at = _in_utc(at)
    day = f"{_YEARS[at.year]}{_TWO[at.month]}-{_TWO[at.day]}"
    return f"{day}T{_TWO[at.hour]}:{_TWO[at.minute]}:{_TWO[at.second]}{_MILLIS[at.microsecond // 1000]}"


def xml_boolean(value: bool) -> str:
    """Spell a boolean."""
    return "true" if value else "false"


def json_decimal(value: float) -> int | float:
    """Return a whole decimal as an integer, any other as it is."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value} cannot be written: no document knows it.")
    return int(value) if -_LARGEST_WHOLE < value < _LARGEST_WHOLE and value == int(value) else value


def xml_decimal(value: float) -> str:
    """Spell a decimal without exponent, a whole one without point."""
    number = json_decimal(value)
    return str(number) if isinstance(number, int) else f"{Decimal(repr(number)):f}"


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value} cannot be written: it has no zone.")
    return value.astimezone(UTC)


def reader(type_: type, simple: Simple) -> Callable[[str], object]:
    """Return the function that reads a simple value from its text."""
    if type_ is int:
        least = -(2**63) if simple.least is None else simple.least
        most = 2**63 - 1 if simple.most is None else simple.most
        return lambda text: _read_whole(text, least, most)
    if simple.name == "xs:anyURI":
        return lambda text: " ".join(_read_string(text).split())
    return _READERS[type_]


def _read_string(text: str) -> str:
    if "\0" in text:
        raise ValueError("the character NUL cannot be stored")
    return text


def _read_whole(text: str, least: int, most: int) -> int:
    text = text.strip(_BLANK)
    if not _WHOLE.fullmatch(text):
        raise ValueError("a whole number is expected")
    value = int(text)
    if not least <= value <= most:
        raise ValueError(f"a number from {least} to {most} is expected")
    return value


def _read_decimal(text: str) -> float:
    text = text.strip(_BLANK)
    if not _DECIMAL.fullmatch(text):
        raise ValueError("a number is expected")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("the number is too large")
    return value


def _read_boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip(_BLANK).lower()]
    except KeyError:
        raise ValueError("true or false is expected") from None


def _read_time(text: str) -> datetime:
    """Read a time in any of the usual spellings; one without zone is in UTC."""
    found = _TIME.fullmatch(text.strip(_BLANK))
    if not found:
        raise ValueError("a time like 2020-02-19T13:53:21.110Z is expected")
    day, hour, minute, second, fraction, zone = found.group("day", "hour", "minute", "second", "fraction", "zone")
    # XML Schema calls midnight at the end of a day 24:00:00; Python does not.
    ends_day = hour == "24" and minute == "00" and int(second or 0) == 0 and int((fraction or "0")[:20]) == 0
    micros = (fraction or "0")[:6].ljust(6, "0")
    try:
        value = datetime.fromisoformat(
            f"{day}T{'00' if ends_day else hour}:{minute}:{second or '00'}.{micros}{zone or '+00:00'}"
        )
        return (value + timedelta(days=1) if ends_day else value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None


_READERS: dict[type, Callable[[str], object]] = {
    str: _read_string,
    float: _read_decimal,
    bool: _read_boolean,
    datetime: _read_time,
}
