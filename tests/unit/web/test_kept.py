"""What is kept, and versions: bounded, the latest used for longest, never another version."""

from __future__ import annotations

import random

import pytest

from vidijob.web import versions
from vidijob.web.kept import Kept


def test_another_version_is_not_given() -> None:
    kept = Kept(10_000)
    kept.put("a", 1, b"one")
    assert (kept.get("a", 1), kept.get("a", 2), kept.get("b", 1)) == (b"one", None, None)
    kept.put("a", 2, b"two")
    assert (kept.get("a", 1), kept.get("a", 2), kept.version("a"), kept.version("b")) == (None, b"two", 2, None)


def test_it_never_holds_more_than_it_may_and_lets_the_oldest_go() -> None:
    kept, chance = Kept(20_000), random.Random(1)
    for _ in range(3000):
        kept.put(chance.randrange(50), 0, b"x" * chance.randrange(3000))
        assert 0 < kept.held <= 20_000
    for key in range(100, 104):
        kept.put(key, 0, b"x" * 4000)
    kept.get(100, 0)
    kept.put(104, 0, b"x" * 4000)
    assert [key for key in range(100, 105) if kept.version(key) is not None] == [100, 102, 103, 104]
    kept.put(104, 0, b"x" * 20_000)
    assert kept.version(104) is None and kept.held < 20_000
    nothing = Kept(0)
    nothing.put("a", 1, b"")
    assert (nothing.get("a", 1), nothing.held) == (None, 0)


TAG = versions.tag(b"body")


@pytest.mark.parametrize(
    ("header", "is_known"),
    [
        (TAG, True), (f"W/{TAG}", True), (f'"a", {TAG}', True), (f'"a,b",{TAG} , "c"', True), ("*", True), (" * ", True),
        (None, False), ("", False), ('"a"', False), (TAG.strip('"'), False), (f'"a{TAG[1:]}', False), (f'{TAG[:-2]}"', False),
        ('"*"', False), ("é", False),
    ],
)  # fmt: skip
def test_who_names_the_version_knows_it(header: str | None, is_known: bool) -> None:
    assert versions.known(header, TAG) is is_known


def test_each_body_has_a_version_of_its_own() -> None:
    assert len({versions.tag(body) for body in (b"", b"a", b"b", b"ab", b"a" * 10_000)}) == 5
    assert versions.tag(b"a") == versions.tag(b"a")
