"""Files by bucket and path."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.errors import Invalid
from vidijob.executors.buckets import Buckets, check_bucket, decoded, encoded

PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\x00"), min_size=1, max_size=20).filter(
    lambda text: text not in (".", "..")
)


@given(parts=st.lists(PARTS, min_size=1, max_size=5))
def test_what_is_put_into_a_bucket_is_found_in_it(parts: list[str]) -> None:
    buckets = Buckets((Path("/media/a"), Path("/media/b")))
    path = "/".join(parts)
    assert decoded(encoded(path), "Object") == path
    assert buckets.place(buckets.uri("in", path)) == ("in", path)


def test_a_bucket_is_looked_for_in_each_root(tmp_path: Path) -> None:
    (tmp_path / "b" / "in").mkdir(parents=True)
    buckets = Buckets((tmp_path / "a", tmp_path / "b"))
    assert buckets.uri("in", "x") == (tmp_path / "b/in/x").as_uri()
    assert buckets.uri("out", "x") == (tmp_path / "a/out/x").as_uri()
    for uri in ("http://h/in/x", (tmp_path / "x").as_uri(), (tmp_path / "a/in").as_uri(), "file:relative"):
        assert buckets.place(uri) is None


@given(
    text=st.text(max_size=40) | st.sampled_from(["..", "a/../b", "/a", "a//b", "%2e%2e/x", "a%2f..%2fb", "%00", "%"])
)
def test_no_object_leads_out_of_its_bucket(text: str) -> None:
    try:
        found = decoded(text, "Object")
    except Invalid:
        return
    resolved = Path("/media/in") / found
    assert resolved.is_relative_to("/media/in") and ".." not in resolved.parts and found


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a b", "\u00fc", "a\x00", "a" * 64, "-a"])
def test_what_is_no_bucket(name: str) -> None:
    with pytest.raises(Invalid):
        check_bucket(name, "Bucket")


@pytest.mark.parametrize("name", ["a", "A1.b-c_d", "a" * 63])
def test_what_is_a_bucket(name: str) -> None:
    assert check_bucket(name, "Bucket") == name
