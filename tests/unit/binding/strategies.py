"""Documents made by hypothesis from their plans: any document that the class allows, or only those that the schema does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from hypothesis import strategies as st

from vidijob.binding.plan import Entry, plan

D = TypeVar("D")

#: What both XML and JSON can carry and Postgres can store.
CARRIED = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff\x7f")
    .filter(lambda character: character >= " " or character in "\t\n\r")
    .filter(lambda character: ord(character) & 0xFFFE != 0xFFFE),
    max_size=12,
)
#: Whatever a Python string can hold.
ANYTHING = st.text(st.characters(), max_size=12) | st.text("\x00\x0b\ud800\ufffe<>&\"'\r\n\t a", max_size=12)

_TIMES = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(
    lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=UTC)
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40).map(float)
_SITE_IDS = st.from_regex(r"[A-Z]{2}-[1-9][0-9]{0,8}", fullmatch=True)


def documents(cls: type[D], text: st.SearchStrategy[str] = CARRIED, depth: int = 2) -> st.SearchStrategy[D]:
    """Make documents of a class; strings that the schema restricts obey it."""
    shape = plan(cls)
    free = {entry.name: _field(entry, text, depth) for entry in shape.entries if entry.branch is None}
    fields: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(free)
    for branches in shape.choices.values():
        options = [
            st.fixed_dictionaries({entry.name: _field(entry, text, depth, given=True) for entry in branch})
            for branch in branches.values()
        ]
        fields = st.tuples(fields, st.one_of(options)).map(lambda both: both[0] | both[1])
    return fields.map(lambda values: cls(**values))


def _field(entry: Entry, text: st.SearchStrategy[str], depth: int, given: bool = False) -> st.SearchStrategy[Any]:
    value = _simple(entry, text) if entry.simple else None
    if value is not None and entry.branch is not None and not entry.branch.blank:
        # What decides between branches, as it does only when something stands in it.
        value = value.filter(lambda one: bool(one.strip()))
    if entry.repeated:
        if value is None and depth <= 0:
            return st.just(())
        items = value if value is not None else documents(entry.type, text, depth - 1)
        return st.lists(items, max_size=3).map(tuple)
    if value is None:
        if depth <= 0 and not (entry.required or given):
            return st.none()
        value = documents(entry.type, text, depth - 1)
    return value if entry.required or given else st.none() | value


def _simple(entry: Entry, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    assert entry.simple is not None
    if entry.simple.values:
        return st.sampled_from(entry.simple.values)
    if entry.simple.name == "SiteIdType":
        return _SITE_IDS
    if entry.simple.name == "xs:anyURI":
        return st.sampled_from(
            ["TRANSCODE", "http://localhost:8080/API/job/notification/VX-1", "file:///a%20b?c=d&e=f"]
        )
    if entry.type is int:
        return st.integers(entry.simple.least, entry.simple.most)
    made: dict[type, st.SearchStrategy[Any]] = {str: text, bool: st.booleans(), float: _FLOATS, datetime: _TIMES}
    return made[entry.type]
