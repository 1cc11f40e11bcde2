"""What is said of media, from job data in which anything may stand."""

from __future__ import annotations

import json

import pytest

from vidijob.console.media import facts


def stream(rate: object) -> str:
    info = {"streams": [{"kind": "video", "codec": "h264", "width": 640, "height": 360, "frameRate": rate}]}
    (fact,) = facts({"mediaInfo": [json.dumps(info)]})
    assert fact.title == "Source"
    return fact.lines[0]


@pytest.mark.parametrize(
    ("rate", "said"),
    [("25", "25"), ("30000/1001", "29.97"), ("24000/1001", "23.976"), ("50/1", "50"), ("25/0", "25/0"), (25, "25")],
)
def test_rates_are_said_as_people_do(rate: object, said: str) -> None:
    assert stream(rate) == f"video · h264 · 640\N{MULTIPLICATION SIGN}360 · {said} fps"
