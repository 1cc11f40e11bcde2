"""What a job's data asks for."""

from __future__ import annotations

import pytest

from vidijob.errors import Invalid
from vidijob.executors import jobdata

DATA = {"tag": ["mp4", ""], "tag:StringArray": ["wav"], "tagged": ["x"], "sourceUri:String": ["/a"], "empty": [""]}


def test_values_of_a_key_come_in_order_and_whatever_its_type() -> None:
    assert jobdata.values(DATA, "tag") == ("mp4", "wav")
    assert jobdata.values(DATA, "nope") == ()
    assert jobdata.single(DATA, "sourceUri", "a file") == "/a"
    assert jobdata.optional(DATA, "sourceUri") == "/a"
    assert jobdata.optional(DATA, "empty") is None


def test_says_what_is_missing_or_too_much() -> None:
    with pytest.raises(Invalid, match="The job has no empty; give a file") as caught:
        jobdata.some(DATA, "empty", "a file")
    assert caught.value.context == "empty"
    with pytest.raises(Invalid, match="2 values of tag; give one: a tag"):
        jobdata.single(DATA, "tag", "a tag")
    with pytest.raises(Invalid, match="give at most one"):
        jobdata.optional(DATA, "tag")
