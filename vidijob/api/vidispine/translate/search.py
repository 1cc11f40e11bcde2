"""Searches ⇄ documents and parameters (spec "List all jobs", "Search and count jobs")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from vidijob.access import User
from vidijob.api.vidispine import documents as wire
from vidijob.engine.insights import FacetFilter, FacetQuestion
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.model import Priority
from vidijob.jobs.search import DataCondition, FacetField, FacetRequest, FacetResult, Filter, Order, SortField
from vidijob.jobs.states import JobState
from vidijob.web.parameters import Parameters

_TYPED = re.compile(r"(?P<key>.+):(?:String|StringArray)")
#: What clients call a sort field beside its own name (contract 1.2).
_ALIASES = {"status": SortField.STATE, "finished": SortField.FINISHED, "started": SortField.STARTED}
_END_OF_DAY = re.compile(r"T24(?=(?::?00){0,2}(?:[.,]0+)?(?:Z|[+-]|$))")
_ZONE_AS_SPACE = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")


def criteria(given: Parameters, user: User) -> Filter:
    """Read the parameters that say which jobs."""
    return Filter(
        owner=user.name if given.flag("user", True) else None,
        types=given.list("type"),
        states=given.choices("state", JobState),
        priorities=given.choices("priority", Priority),
        data=[_condition(pair) for pair in given.all("jobmetadata") if pair],
        started_from=_time(given, "starttime-from"),
        started_to=_time(given, "starttime-to"),
        finished_from=_time(given, "finishtime-from"),
        finished_to=_time(given, "finishtime-to"),
    )


def order(given: Parameters) -> Sequence[Order]:
    """Read ``sort``: ``field (asc|desc), …``; the direction may be left out, ``status`` is ``state``."""
    text = given.text("sort") or ""
    # A parameter of old servers: the direction for fields that have none of their own.
    default = (given.text("sort-order") or "asc").lower()
    orders = [_order(part, default) for part in text.split(",") if part.strip()]
    if len({one.field for one in orders}) < len(orders):
        raise Invalid("sort", "Each field can be sorted by once.", value=text)
    return orders


def split_pair(pair: str, name: str = "jobmetadata") -> tuple[str, str]:
    """Split ``key=value`` at the first ``=``; one that was encoded twice counts (contract 7, row 24)."""
    key, separator, value = pair.partition("=")
    if not separator:
        key, separator, value = re.sub("%3d", "=", pair, count=1, flags=re.IGNORECASE).partition("=")
    if not separator or not key:
        raise Invalid(name, f"The parameter {name} is key=value, with the = encoded as %3d.", value=pair)
    return key, value


def facet_filters(document: wire.JobSearchDocument) -> list[FacetFilter]:
    """Read the filters: several of one field take any of their values."""
    values: dict[FacetField, set[str]] = {}
    for one in document.facet_filter:
        field = _facet_field(one.field)
        if one.range is not None or one.value is None:
            raise Invalid("facetFilter", f"The field {one.field} is filtered by a value, not by a range.")
        values.setdefault(field, set()).add(one.value)
    return [FacetFilter(field, frozenset(chosen)) for field, chosen in values.items()]


def facet_questions(document: wire.JobSearchDocument) -> list[FacetQuestion]:
    """Read the facets that are asked for; raises ``NotFound`` for a field that cannot be counted."""
    return [
        FacetQuestion(
            FacetRequest(
                field=_facet_field(one.field),
                name=one.name,
                least=_not_negative("minCount", one.min_count),
                most=_not_negative("maxCount", one.max_count),
                results=0 if one.count is False else _not_negative("maxResults", one.max_results),
            ),
            frozenset(_facet_field(name) for name in one.exclude),
        )
        for one in document.facet
    ]


def facet_document(result: FacetResult) -> wire.Facet:
    """Return the counts of one field."""
    return wire.Facet(
        field=result.request.field.value,
        count=tuple(wire.FacetCount(value=count, field_value=value) for value, count in result.counts),
        name=result.request.name,
    )


def _condition(pair: str) -> DataCondition:
    key, value = split_pair(pair)
    typed = _TYPED.fullmatch(key)
    key = typed["key"] if typed is not None else key
    # `item` is made from itemId and cannot be found itself (spec); whoever asks for it means that.
    return DataCondition("itemId" if key == "item" else key, value)


def _order(part: str, default: str) -> Order:
    name, _, direction = " ".join(part.split()).partition(" ")
    field = next((one for one in SortField if one.value.lower() == name.lower()), _ALIASES.get(name.lower()))
    if field is None:
        known = ", ".join(one.value for one in SortField)
        raise Invalid("sort", f"Jobs can be sorted by {known}.", value=part)
    direction = direction.lower() or default
    if direction not in ("asc", "desc"):
        raise Invalid("sort", "The direction of a sort is asc or desc.", value=part)
    return Order(field, direction == "desc")


def _time(given: Parameters, name: str) -> datetime | None:
    text = given.text(name)
    if text is None:
        return None
    try:
        # A + that was not encoded arrives as a space; 24:00 is the end of a day.
        iso, late = _END_OF_DAY.subn("T00", _ZONE_AS_SPACE.sub("+", text.strip().upper()))
        moment = datetime.fromisoformat(iso) + timedelta(days=late)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            name, f"The parameter {name} is a time by ISO 8601, like 2020-02-19T13:53:21.110Z; without a zone, UTC.",
            value=text,
        ) from None  # fmt: skip


def _facet_field(name: str) -> FacetField:
    try:
        return FacetField(name)
    except ValueError:
        raise NotFound("Field", name) from None


def _not_negative(name: str, number: int | None) -> int | None:
    if number is not None and number < 0:
        raise Invalid(name, f"The attribute {name} is not negative.", value=str(number))
    return number
