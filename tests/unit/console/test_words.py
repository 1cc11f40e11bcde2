"""How states, times and sizes are said, and how a search and its address belong together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from vidijob.console import media, search, words
from vidijob.jobs.search import SortField
from vidijob.jobs.states import JobState, StepState
from vidijob.web.parameters import Parameters


def test_no_two_states_of_a_job_look_the_same_without_their_colours() -> None:
    looks = [words.look(state) for state in JobState]
    assert len({look.icon for look in looks}) == len({look.words for look in looks}) == len(JobState)


def test_every_state_of_a_step_has_a_look() -> None:
    assert all(words.look(state).words for state in StepState)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0042, "4 ms"),
        (3.21, "3.2 s"),
        (250, "4 min 10 s"),
        (7500, "2 h 5 min"),
        (266_400, "3 days 2 h"),
        (-1, "0 ms"),
    ],
)
def test_how_long_something_takes(seconds: float, said: str) -> None:
    assert words.lasting(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (432_000, "5 days ago"),
        (-70, "in 1 min"),
    ],
)
def test_how_long_ago_something_was(seconds: float, said: str) -> None:
    assert words.ago(words.now() - timedelta(seconds=seconds + (0.5 if seconds > 0 else -0.5))) == said


def test_a_moment_is_in_utc() -> None:
    at = datetime(2026, 1, 31, 12, 0, 0, 250_000, timezone(timedelta(hours=2)))
    assert (words.moment(at), words.iso(at)) == ("2026-01-31 10:00:00 UTC", "2026-01-31T10:00:00.250Z")


@pytest.mark.parametrize(("size", "said"), [(999, "999 B"), (63_753, "63.8 kB"), (1_400_000_000, "1.4 GB")])
def test_how_large_something_is(size: int, said: str) -> None:
    assert words.sized(size) == said


@pytest.mark.parametrize(
    "address",
    [
        "/jobs",
        "/jobs?q=title%3D%22a+b%22&state=READY&state=HOLD&type=TRANSCODE&user=ann&priority=HIGH",
        "/jobs?since=2026-01-01T00%3A00&until=2026-02-01T00%3A00&sort=-finished&size=25&page=3",
    ],
)
def test_a_search_is_its_address(address: str) -> None:
    assert search.read(Parameters(address.partition("?")[2])).address() == address


def test_links_lead_from_a_search_to_the_next() -> None:
    query = search.read(Parameters("state=READY&page=4"))
    assert query.toggled("state", "HOLD").address() == "/jobs?state=READY&state=HOLD"
    assert query.toggled("state", "READY").address() == "/jobs"
    assert query.sorted("id").order.descending is False
    assert query.sorted("priority").sorted("priority").address() == "/jobs?state=READY&sort=-priority"
    assert query.sorted("finished").order.field is SortField.FINISHED


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"streams": [3, {"width": true}], "duration": "x"}'])
def test_what_is_no_media_information_is_passed_over(text: str) -> None:
    assert media.facts({"mediaInfo": [text], "fileSize": ["x"]}) == []


def test_media_information_is_told_in_short() -> None:
    text = '{"duration": 2.5, "size": 363357, "streams": [{"kind": "audio", "codec": "aac", "sampleRate": 48000}]}'
    (source, made) = media.facts({"mediaInfo": [text], "fileUri": ["file:///a/b%20c.mp4"], "fileSize": ["1000"]})
    assert source.lines == ["2.5 s, 363 kB", "audio · aac · 48 kHz"]
    assert (made.title, made.lines) == ("File made", ["b c.mp4, 1 kB"])


def test_a_moment_now_is_in_utc() -> None:
    assert words.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://fred:secret@host/clip.mov", "ftp://fred:***@host/clip.mov"),
        ("from ftp://:a:b@c@host, to sftp://x@host:22/y", "from ftp://:***@host, to sftp://x@host:22/y"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("ftp://fred:@host and 10:30@noon", "ftp://fred:***@host and 10:30@noon"),
    ],
)
def test_no_password_of_a_uri_is_shown(text: str, shown: str) -> None:
    assert words.hidden(text) == shown
