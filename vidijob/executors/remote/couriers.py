"""Calls that may block for long, made in threads that nobody has to wait for: whoever is told to stop goes at once, and the
thread, which touches nothing of ours, ends when its call does.

::

    receive:   call ──pieces──► queue ──► us            send:   us ──pieces──► queue ──► call
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import TypeVar

from vidijob.errors import NoAnswer
from vidijob.executors.threads import Stop

Result = TypeVar("Result")
#: Seconds between two looks whether to stop.
_LOOK = 0.05
#: After so many seconds without any news a call is given up.
PATIENCE = 90.0
#: Pieces that one side may be ahead of the other.
_AHEAD = 8


class Abandoned(Exception):
    """Nobody waits for the call any more."""


class CallFailed(Exception):
    """What a call raised, as distinct from what is raised by whoever gives or takes the content."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class _Call:
    """One call in a thread of its own."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._over = threading.Event()
        self._result: object = None
        self._error: BaseException | None = None
        #: Set when nobody waits any more.
        self.abandoned = threading.Event()
        self._thread = threading.Thread(target=self._carry_out, name="vidijob-remote", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _carry_out(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        finally:
            # What the work holds, a connection perhaps, is let go of here, not where somebody waits for the result.
            del self._work
            self._over.set()

    def over(self, seconds: float = 0) -> bool:
        return self._over.wait(seconds)

    def result(self) -> object:
        if isinstance(self._error, Exception):
            raise CallFailed(self._error) from None
        return self._result


def _silent() -> CallFailed:
    return CallFailed(NoAnswer(f"nothing was heard of it for {PATIENCE:g} s"))


def call(work: Callable[[], Result], stop: Stop) -> Result:
    """Return what a call answers. Raises ``CallFailed`` for what it raises, or where it takes too long."""
    made = _Call(work)
    made.start()
    until = time.monotonic() + PATIENCE
    while not made.over(_LOOK):
        stop.check()
        if time.monotonic() > until:
            raise _silent()
    return made.result()  # type: ignore[return-value]


def receive(pump: Callable[[Callable[[bytes], None]], None], stop: Stop) -> Iterator[bytes]:
    """Yield the pieces that a call hands to the function it is given. Raises as ``call`` does."""
    pieces: Queue[bytes] = Queue(_AHEAD)

    def put(piece: bytes) -> None:
        while True:
            try:
                pieces.put(piece, timeout=_LOOK)
                return
            except Full:
                if made.abandoned.is_set():
                    raise Abandoned from None

    made = _Call(lambda: pump(put))
    made.start()
    try:
        until = time.monotonic() + PATIENCE
        while True:
            over = made.over()
            try:
                piece = pieces.get_nowait() if over else pieces.get(timeout=_LOOK)
            except Empty:
                if over:
                    break
                stop.check()
                if time.monotonic() > until:
                    raise _silent() from None
                continue
            stop.check()
            yield piece
            until = time.monotonic() + PATIENCE
        made.result()
    finally:
        made.abandoned.set()


def send(pump: Callable[[Iterator[bytes]], None], content: Iterable[bytes], stop: Stop) -> None:
    """Hand pieces to a call that takes them from the iterator it is given. Raises as ``call`` does, and what ``content`` does."""
    pieces: Queue[bytes | None] = Queue(_AHEAD)

    def taken() -> Iterator[bytes]:
        while True:
            try:
                piece = pieces.get(timeout=_LOOK)
            except Empty:
                if made.abandoned.is_set():
                    raise Abandoned from None
                continue
            if piece is None:
                return
            yield piece

    def put(piece: bytes | None) -> None:
        until = time.monotonic() + PATIENCE
        while not made.over():
            try:
                pieces.put(piece, timeout=_LOOK)
                return
            except Full:
                stop.check()
                if time.monotonic() > until:
                    raise _silent() from None

    made = _Call(lambda: pump(taken()))
    made.start()
    try:
        for piece in content:
            stop.check()
            if made.over():
                break
            put(piece)
        put(None)
        until = time.monotonic() + PATIENCE
        while not made.over(_LOOK):
            stop.check()
            if time.monotonic() > until:
                raise _silent()
        made.result()
    finally:
        made.abandoned.set()
