"""The search of the table of jobs: an address ⇄ what is asked, and the addresses that lead from one search to the next. Pure.

The field takes ids (``VX-80``, ``80``), job data (``key=value``, with ``*`` for any characters, ``"…"`` around spaces) and
plain words, which are looked for in the names of the source files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from vidijob.errors import Invalid
from vidijob.jobs.model import Priority
from vidijob.jobs.search import DataCondition, FacetField, Filter, Order, SortField
from vidijob.jobs.states import JobState
from vidijob.web.parameters import Parameters

SIZES = (25, 50, 100, 200)
_DEFAULT_SIZE = 50
_NEWEST = Order(SortField.ID, descending=True)
_LAST_PAGE = 10_000_000
#: The columns that can be sorted by, with the direction that a first click means.
SORTS = {
    "id": _NEWEST,
    "state": Order(SortField.STATE),
    "type": Order(SortField.TYPE),
    "priority": Order(SortField.PRIORITY, descending=True),
    "user": Order(SortField.USER),
    "started": Order(SortField.STARTED, descending=True),
    "finished": Order(SortField.FINISHED, descending=True),
}
#: The facets, by the names of their parameters.
FACETS = {"state": FacetField.STATE, "type": FacetField.TYPE, "user": FacetField.USER}
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of the table."""

    text: str = ""
    states: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    #: As a browser writes them: ``2026-01-31T12:00``, in UTC.
    since: str = ""
    until: str = ""
    sort: str = "id"
    #: Whether the direction is the other one.
    turned: bool = False
    size: int = _DEFAULT_SIZE
    #: From 1.
    page: int = 1

    @property
    def narrows(self) -> bool:
        """Tell whether it leaves any jobs out."""
        chosen = (self.text, self.states, self.types, self.users, self.priorities, self.since, self.until)
        return any(chosen)

    @property
    def first(self) -> int:
        """The place of the first job of the page, from 1."""
        return (self.page - 1) * self.size + 1

    @property
    def order(self) -> Order:
        """What it is sorted by."""
        order = SORTS[self.sort]
        return order.reversed if self.turned else order

    def chosen(self, facet: str) -> tuple[str, ...]:
        """Return the values of a facet that are asked for."""
        return {"state": self.states, "type": self.types, "user": self.users, "priority": self.priorities}[facet]

    def address(self) -> str:
        """Return it as an address, the defaults left out."""
        pairs = [("q", self.text)] if self.text else []
        for name in ("state", "type", "user", "priority"):
            pairs += [(name, value) for value in self.chosen(name)]
        pairs += [(name, value) for name, value in (("since", self.since), ("until", self.until)) if value]
        if (self.sort, self.turned) != ("id", False):
            pairs.append(("sort", f"-{self.sort}" if self.turned else self.sort))
        if self.size != _DEFAULT_SIZE:
            pairs.append(("size", str(self.size)))
        if self.page != 1:
            pairs.append(("page", str(self.page)))
        return f"/jobs?{urlencode(pairs)}" if pairs else "/jobs"

    def toggled(self, facet: str, value: str) -> Query:
        """Return the search with a value more, or one less."""
        chosen = self.chosen(facet)
        other = tuple(one for one in chosen if one != value) if value in chosen else (*chosen, value)
        return self._with(facet, other)

    def cleared(self, facet: str) -> Query:
        """Return the search without a facet."""
        return self._with(facet, ())

    def _with(self, facet: str, values: tuple[str, ...]) -> Query:
        match facet:
            case "state":
                return replace(self, states=values, page=1)
            case "type":
                return replace(self, types=values, page=1)
            case "user":
                return replace(self, users=values, page=1)
            case _:
                return replace(self, priorities=values, page=1)

    def sorted(self, name: str) -> Query:
        """Return the search sorted by a column; by the one it is sorted by: the other way round."""
        return replace(self, sort=name, turned=not self.turned if name == self.sort else False, page=1)

    def at(self, page: int) -> Query:
        """Return another page of it."""
        return replace(self, page=page)

    def sized(self, size: int) -> Query:
        """Return the search with longer or shorter pages."""
        return replace(self, size=size, page=1)

    def without(self, *, text: bool = False, times: bool = False) -> Query:
        """Return the search without what was written, or without its times."""
        found = replace(self, page=1)
        if text:
            found = replace(found, text="")
        return replace(found, since="", until="") if times else found


def read(given: Parameters) -> Query:
    """Read an address; raises ``Invalid`` for what no link of the console asks."""
    sort = given.text("sort") or "id"
    if sort.removeprefix("-") not in SORTS:
        raise Invalid("sort", f"Jobs can be sorted by {', '.join(SORTS)}, with - before it the other way.", value=sort)
    size = given.number("size", _DEFAULT_SIZE, least=1, most=SIZES[-1])
    return Query(
        text=(given.text("q") or "").strip(),
        states=tuple(state.value for state in given.choices("state", JobState) or ()),
        types=tuple(dict.fromkeys(one for one in given.all("type") if one)),
        users=tuple(dict.fromkeys(one for one in given.all("user") if one)),
        priorities=tuple(priority.value for priority in given.choices("priority", Priority) or ()),
        since=given.text("since") or "",
        until=given.text("until") or "",
        sort=sort.removeprefix("-"),
        turned=sort.startswith("-"),
        size=size,
        page=given.number("page", 1, least=1, most=_LAST_PAGE),
    )


def job_named(text: str, site: str) -> str | None:
    """Return the id that somebody has written, as ``VX-80`` or only ``80``; ``None``: it is none."""
    if _NUMBER.fullmatch(text):
        return f"{site}-{text}"
    match = re.fullmatch(rf"(?:job-)?{re.escape(site)}-([0-9]{{1,18}})", text, re.IGNORECASE)
    return f"{site}-{match[1]}" if match else None


def conditions(text: str) -> Sequence[DataCondition]:
    """Read what is written in the field as conditions on job data; raises ``Invalid`` with what can be written."""
    try:
        words = shlex.split(text, posix=True)
    except ValueError:
        raise Invalid("q", 'A quotation mark has no counterpart: write title="two words".', value=text) from None
    found = []
    for word in words:
        key, separator, value = word.partition("=")
        if separator and not key:
            raise Invalid("q", "Before the = stands a key of job data: title=news*.", value=word)
        found.append(DataCondition(key, value) if separator else DataCondition("sourceUri", f"*{word}*"))
    return found


def filter_of(query: Query) -> Filter:
    """Return what jobs are asked for, but for the facets; raises ``Invalid``."""
    return Filter(
        data=conditions(query.text),
        priorities=[Priority(one) for one in query.priorities] or None,
        started_from=_time("since", query.since),
        started_to=_time("until", query.until),
    )


def _time(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(name, "A time is written like 2026-01-31T12:00; it is in UTC.", value=text) from None
