"""Which deliveries go one after the other, how often each is tried, and when."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from vidijob.jobs.deliveries import LONGEST_CALL, RETRIES, Reply, call, lane, pause
from vidijob.jobs.notifications import HttpAction, NotificationId

ONE, OTHER = NotificationId(1), NotificationId(2)


def at(url: str, **more: object) -> HttpAction:
    return HttpAction(url, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (at("http://a/x"), at("http://a/x")),
        (at("http://a/x"), at("http://A:80/x?query#part")),
        (at("http://user:password@a/x"), at("http://a/x")),
        (at("https://a/x"), at("https://a:443/x")),
        (at("http://a/x", group="g"), at("http://b/y", group="g")),
    ],
)
def test_one_after_the_other(one: HttpAction, other: HttpAction) -> None:
    assert lane(ONE, one).id == lane(OTHER, other).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (at("http://a/x"), at("http://a/y")),
        (at("http://a/x"), at("https://a/x")),
        (at("http://a/x"), at("http://a:81/x")),
        (at("http://a/x"), at("http://b/x")),
        (at("http://a/x"), at("http://a/x", group="g")),
        (at("http://a/x"), at("http://a/x", synchronous=True)),
        (at("http://a/x", synchronous=True), at("http://a/x", synchronous=True)),
        (at("http://a/x", group="url http://a:80/x"), at("http://a/x")),
    ],
)
def test_not_waiting_for_each_other(one: HttpAction, other: HttpAction) -> None:
    assert lane(ONE, one).id != lane(OTHER, other).id


def test_synchronous_ones_go_first_and_the_host_is_that_of_the_receiver() -> None:
    assert lane(ONE, at("http://a/x", synchronous=True)).urgent
    assert not lane(ONE, at("http://a/x", group="g")).urgent
    assert [lane(ONE, at(url)).host for url in ("http://A/x", "https://u:p@a", "http://[::1]:8080/")] == [
        "a:80", "a:443", "::1:8080",
    ]  # fmt: skip


def test_what_a_notification_leaves_to_the_server() -> None:
    left = call(at("http://a/x"))
    assert (left.method, left.content_type, left.timeout, left.retries) == ("POST", None, LONGEST_CALL, RETRIES)
    assert call(at("http://a/x", timeout=timedelta(0))).timeout == LONGEST_CALL
    said = call(at("http://a/x", method="PUT", timeout=timedelta(seconds=3), retry=0, content_type="text/plain"))
    assert (said.method, said.content_type, said.timeout, said.retries) == (
        "PUT", "text/plain", timedelta(seconds=3), 0,
    )  # fmt: skip
    assert "secret" not in repr(call(at("http://user:secret@a/x")))


@pytest.mark.parametrize(
    ("status", "received", "alive"),
    [
        (200, True, True),
        (299, True, True),
        (199, False, True),
        (300, False, True),
        (404, False, True),
        (408, False, False),
        (429, False, False),
        (500, False, False),
        (None, False, False),
    ],
)
def test_what_an_answer_says(status: int | None, received: bool, alive: bool) -> None:
    reply = Reply(status)
    assert (reply.received, reply.alive) == (received, alive)


def test_pauses_double_up_to_a_limit_and_half_is_chance() -> None:
    chance = random.Random(1)
    for failures, most in ((0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (10_000, 300)):
        seconds = [pause(failures, chance).total_seconds() for _ in range(200)]
        assert most / 2 <= min(seconds) < 0.6 * most and 0.9 * most < max(seconds) <= most
