"""Lists in one order, cursors, and how far each list lies before a page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.api.vidispine.translate.parts import Counted, Part, Values, position
from vidijob.api.vidispine.translate.parts import values as sent_of
from vidijob.errors import Invalid
from vidijob.front.merging import Place, facets, key, place, read_cursor, write_cursor
from vidijob.front.pages import Pages, merged
from vidijob.front.sites import Site
from vidijob.jobs.model import Priority
from vidijob.jobs.search import FacetField, FacetRequest, Order, Position, SortField, complete
from vidijob.jobs.states import JobState

TIMES = [f"2026-01-0{day}T00:00:00.{part}00000+00:00" for day in (1, 2) for part in (0, 5)]
VALUES: dict[SortField, st.SearchStrategy[str | int | None]] = {
    SortField.ID: st.integers(1, 6),
    SortField.TYPE: st.sampled_from(["A", "a", "B", "é", "A B"]),
    SortField.STATE: st.sampled_from([state.value for state in JobState]),
    SortField.USER: st.sampled_from(["ann", "Bob"]),
    SortField.STARTED: st.sampled_from(TIMES),
    SortField.FINISHED: st.none() | st.sampled_from(TIMES),
    SortField.PRIORITY: st.sampled_from([priority.value for priority in Priority]),
}
NAMES = ("VX", "VY", "VZ")


@dataclass
class Lists:
    """What some sites have, each in the order."""

    order: tuple[Order, ...]
    sites: list[list[Values]]

    def keys(self, rank: int) -> list[tuple[object, ...]]:
        """What the jobs of a site are compared by."""
        return [key(self.order, values, rank) for values in self.sites[rank]]


@st.composite
def lists(draw: st.DrawFn) -> Lists:
    """Make up what sites have."""
    fields = draw(st.lists(st.sampled_from(list(SortField)), unique=True, max_size=3))
    order = complete([Order(field, draw(st.booleans())) for field in fields])
    row = st.tuples(*(VALUES[one.field] for one in order))
    sites: list[list[Values]] = []
    for rank in range(draw(st.integers(1, 3))):
        rows = draw(st.lists(row, max_size=12, unique_by=lambda one: one[-1]))
        sites.append(sorted((list(one) for one in rows), key=lambda one, rank=rank: key(order, one, rank)))  # type: ignore[misc]
    return Lists(order, sites)


def compare(order: tuple[Order, ...], one: tuple[Values, int], other: tuple[Values, int]) -> int:
    """Say which of two jobs comes first, the long way."""
    for by, left, right in zip(order, one[0], other[0], strict=True):
        if left == right:
            continue
        if by.field is SortField.PRIORITY:
            less = Priority(str(left)).rank < Priority(str(right)).rank
        elif left is None or right is None:
            less = right is None
        else:
            less = left < right  # type: ignore[operator]
        return -1 if less != by.descending else 1
    if one[1] == other[1]:
        return 0
    return -1 if (one[1] < other[1]) != order[-1].descending else 1


@given(lists(), st.data())
def test_keys_are_in_the_order(made: Lists, data: st.DataObject) -> None:
    jobs = [(values, rank) for rank, site in enumerate(made.sites) for values in site]
    if not jobs:
        return
    one, other = data.draw(st.sampled_from(jobs)), data.draw(st.sampled_from(jobs))
    left, right = key(made.order, *one), key(made.order, *other)
    assert (left < right, left == right) == (compare(made.order, one, other) < 0, one == other)


@given(lists())
def test_behind_a_place_is_what_comes_after_it_at_every_site(made: Lists) -> None:
    for rank, site in enumerate(made.sites):
        for values in site:
            end = place(made.order, values, rank)
            word = write_cursor(end, NAMES)
            assert read_cursor(word, NAMES, 1) == end
            for other in range(len(made.sites)):
                # As a site reads it: what lies beyond a position, by its values and the number alone.
                bound = end.of(other)
                sent = sent_of(bound)
                beyond = [one for one in made.sites[other] if key(made.order, one, 0) > key(made.order, sent, 0)]
                after = [
                    one for one in made.sites[other] if key(made.order, one, other) > key(made.order, values, rank)
                ]
                assert beyond == after


@pytest.mark.parametrize("word", ["", ".", "VX", "VX.", "VA.W10", "VX.W10", "W1siam9iSWQiLHRydWUsMV1d", "VX.VX.W10"])
def test_what_is_no_cursor_is_refused(word: str) -> None:
    with pytest.raises(Invalid, match="This is no cursor"):
        read_cursor(word, NAMES, 1)


def ask_of(made: Lists, most: int) -> Pages:
    """Return the pages of such lists; a site gives so many at once."""
    sites = {Site(name, "", patience=1, connect=1): rank for rank, name in enumerate(NAMES[: len(made.sites)])}

    async def ask(site: Site, first: int, number: int, after: Position | None) -> Part:
        rows = made.sites[sites[site]]
        if after is not None:
            end = Place(after, 0)
            rows = [one for one in rows if key(made.order, one, 0) > _key(made.order, end)]
            first = 1
        given = rows[first - 1 :][: min(number, most)]
        jobs = [(values, f"{site.name}-{values[-1]}") for values in given]
        return Part(site.name, len(rows), made.order, jobs, (), len(rows) > first - 1 + len(given))

    return Pages(list(sites.items()), ask)


def _key(order: tuple[Order, ...], end: Place) -> tuple[object, ...]:
    return key(order, sent_of(end.position), 0)


def whole(made: Lists) -> list[str]:
    """Return the merged list, the long way."""
    jobs = sorted(
        (key(made.order, values, rank), f"{NAMES[rank]}-{values[-1]}")
        for rank, site in enumerate(made.sites)
        for values in site
    )
    return [id for _, id in jobs]


@given(lists(), st.integers(1, 5), st.integers(0, 40))
def test_lists_are_read_in_parts_from_any_place_on(made: Lists, most: int, behind: int) -> None:
    pages = ask_of(made, most)

    async def read() -> tuple[list[int], list[str]]:
        passed, left = await pages.offsets(behind, [len(site) for site in made.sites], few=0)
        sources = pages.sources([one + 1 for one in passed])
        shown = [item.shown async for item in merged(sources, most)]
        return [*passed, left], shown

    (*passed, left), shown = asyncio.run(read())
    assert sum(passed) + left == behind
    # All that was passed over is among the first ones.
    expected = whole(made)
    skipped = {f"{NAMES[rank]}-{values[-1]}" for rank, site in enumerate(made.sites) for values in site[: passed[rank]]}
    assert skipped <= set(expected[:behind])
    assert shown[left:] == expected[behind:]


COUNTS = st.dictionaries(st.sampled_from(["A", "B", "C", "D"]), st.integers(0, 5))


@given(
    st.lists(COUNTS, min_size=1, max_size=3),
    st.none() | st.integers(0, 4),
    st.none() | st.integers(0, 8),
    st.none() | st.integers(0, 3),
)
def test_limits_of_a_facet_hold_for_the_sums(
    counted: list[dict[str, int]], least: int | None, most: int | None, results: int | None
) -> None:
    request = FacetRequest(FacetField.TYPE, "name", least, most, results)
    parts = [Part("VX", 0, (), (), [Counted(request, list(one.items()), ["B", "A"])], False) for one in counted]
    (found,) = facets(parts)
    sums = {value: sum(one.get(value, 0) for one in counted) for value in "ABCD"}
    there = {value: count for value, count in sums.items() if count or (least == 0 and value in "AB")}
    kept = [
        (value, count) for value, count in there.items() if count >= (least or 0) and (most is None or count <= most)
    ]
    kept.sort(key=lambda one: (-one[1], "BACD".index(one[0])))
    assert list(found.counts) == kept[:results]


def test_a_position_is_read_as_it_was_sent() -> None:
    order = complete([Order(SortField.FINISHED, True)])
    assert position(order, [None, 3]) == Position(order, (None, 3))
