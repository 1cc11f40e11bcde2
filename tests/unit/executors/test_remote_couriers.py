"""Calls that nobody has to wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from vidijob.errors import NoAnswer
from vidijob.executors.remote import couriers
from vidijob.executors.remote.couriers import CallFailed
from vidijob.executors.threads import Stop, Stopped


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What calls of a test wait for until it is over."""
    event = threading.Event()
    yield event
    event.set()


def stopped() -> Stop:
    stop = Stop()
    threading.Timer(0.05, stop.ask).start()
    return stop


def test_gives_back_what_the_call_gives() -> None:
    assert couriers.call(lambda: 7, Stop()) == 7
    with pytest.raises(CallFailed) as caught:
        couriers.call(lambda: 1 // 0, Stop())
    assert isinstance(caught.value.error, ZeroDivisionError)


def test_pieces_come_in_their_order_and_an_error_after_them() -> None:
    def pump(put: Callable[[bytes], None]) -> None:
        for number in range(100):
            put(b"%d" % number)
        raise KeyError

    found = []
    with pytest.raises(CallFailed) as caught:
        for piece in couriers.receive(pump, Stop()):
            found.append(piece)
    assert isinstance(caught.value.error, KeyError)
    assert found == [b"%d" % number for number in range(100)]


def test_pieces_are_sent_in_their_order() -> None:
    found: list[bytes] = []
    couriers.send(found.extend, (b"%d" % number for number in range(100)), Stop())
    assert found == [b"%d" % number for number in range(100)]


def test_an_error_of_whoever_gives_the_pieces_is_that_error_and_ends_the_call() -> None:
    ended = threading.Event()

    def pump(pieces: Iterator[bytes]) -> None:
        try:
            for _ in pieces:
                pass
        finally:
            ended.set()

    def content() -> Iterator[bytes]:
        yield b"x"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        couriers.send(pump, content(), Stop())
    assert ended.wait(5)


def test_a_call_that_fails_takes_no_more() -> None:
    def pump(pieces: Iterator[bytes]) -> None:
        next(pieces)
        raise ConnectionResetError

    with pytest.raises(CallFailed) as caught:
        couriers.send(pump, (b"x" for _ in range(1000)), Stop())
    assert isinstance(caught.value.error, ConnectionResetError)


def test_whoever_is_to_stop_goes_at_once(never: threading.Event) -> None:
    def hang(_: object = None) -> None:
        never.wait(20)

    for work in (
        lambda stop: couriers.call(hang, stop),
        lambda stop: list(couriers.receive(hang, stop)),
        lambda stop: couriers.send(hang, [b"x"] * 100, stop),
        lambda stop: couriers.send(hang, [], stop),
    ):
        started = time.monotonic()
        with pytest.raises(Stopped):
            work(stopped())
        assert time.monotonic() - started < 1


def test_a_silent_server_is_given_up(never: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "PATIENCE", 0.1)

    def hang(_: object = None) -> None:
        never.wait(20)

    for work in (
        lambda: couriers.call(hang, Stop()),
        lambda: list(couriers.receive(hang, Stop())),
        lambda: couriers.send(hang, [b"x"] * 100, Stop()),
        lambda: couriers.send(hang, [], Stop()),
    ):
        with pytest.raises(CallFailed) as caught:
            work()
        assert isinstance(caught.value.error, NoAnswer)
