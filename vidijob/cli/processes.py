"""Several processes of one server on one port, and the parent that keeps them. What they do is not known here::

    vidijob serve --processes 2 ─┬─ api              each listens on the port by itself (SO_REUSEPORT): the kernel
      the parent: no thread,     ├─ api              shares out the connections
      no loop, no database       └─ scheduler, worker

The parent forks, passes signals on, starts again what has died, and ends when all have ended. A child that ends by an error
before all were ready has been set up wrongly, and so has the server: all end. On Linux the children die with the parent,
be it by kill -9.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from vidijob.errors import SetupError
from vidijob.executors.launcher import die_with

_log = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)
_NOTICED = (*_ENDING, signal.SIGCHLD)
#: The pause before a child that ended soon after its start is started again: doubled each time, up to the longest.
_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
#: After so many seconds an end is no longer soon.
_SETTLED = 10.0


@dataclass
class _Child:
    """One of the processes, whichever it is at the moment."""

    roles: Sequence[str]
    pid: int | None = None
    #: Our end of the pipe by which it says that it is ready; it is closed when it was read or the child is gone.
    pipe: int | None = None
    ready: bool = False
    started: float = 0.0
    #: How often in a row it ended soon.
    failures: int = 0
    #: When it may be started again.
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """What one of the children is to be."""

    roles: Sequence[str]
    #: To be called when it has started.
    is_ready: Callable[[], None]


class Family:
    """The children by their roles. ``all_ready`` is called once, when each of them is ready for the first time."""

    def __init__(self, children: Sequence[Sequence[str]], all_ready: Callable[[], None]) -> None:
        self._children = [_Child(roles) for roles in children]
        self._all_ready = all_ready
        self._announced = False
        self._stopping = False
        self._code = 0
        self._woken, self._wake = os.pipe()

    def run(self) -> Share:
        """Return in each child, with what it is to be; the parent stays, and ends by ``SystemExit`` after its last child."""
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake)
        for number in _NOTICED:
            signal.signal(number, lambda *_: None)
        while True:
            for child in self._missing():
                if child.due <= time.monotonic() and (share := self._start(child)) is not None:
                    return share
            self._wait()
            self._reap()
            if self._stopping and all(child.pid is None for child in self._children):
                raise SystemExit(self._code)
            if not self._announced and all(child.ready for child in self._children):
                self._announced = True
                self._all_ready()

    def _missing(self) -> list[_Child]:
        if self._stopping:
            return []
        # The first one alone: it makes what the others find, and what is wrong is said once.
        wanted = self._children if self._announced or self._children[0].ready else self._children[:1]
        return [child for child in wanted if child.pid is None]

    def _start(self, child: _Child) -> Share | None:
        """Fork; what is returned, is returned in the child."""
        parent, (ours, theirs) = os.getpid(), os.pipe()
        # A signal between the fork and the child's own handlers would be taken for one to the parent.
        signal.pthread_sigmask(signal.SIG_BLOCK, _NOTICED)
        child.started = time.monotonic()
        try:
            pid = os.fork()
        except OSError as error:
            _log.error("A process (%s) cannot be started: %s.", ", ".join(child.roles), error.strerror)
            os.close(ours)
            self._ended(child)
            pid = None
        if pid == 0:
            die_with(parent)
            # Ctrl-C is for the parent, which passes it on.
            os.setpgid(0, 0)
            os.close(ours)
            self._forget()
            return Share(child.roles, lambda: _tell(theirs))
        os.close(theirs)
        if pid is not None:
            child.pid, child.pipe = pid, ours
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _NOTICED)
        return None

    def _forget(self) -> None:
        """Be no parent any more."""
        signal.set_wakeup_fd(-1)
        for number in _NOTICED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _NOTICED)
        for descriptor in (self._woken, self._wake, *(child.pipe for child in self._children)):
            if descriptor is not None:
                os.close(descriptor)

    def _wait(self) -> None:
        """Wait for a signal, for a child that is ready, or until one is due."""
        pipes = {child.pipe: child for child in self._children if child.pipe is not None}
        due = [child.due for child in self._missing()]
        left = max(min(due) - time.monotonic(), 0) if due else None
        for descriptor in select.select([self._woken, *pipes], [], [], left)[0]:
            if descriptor == self._woken:
                for number in os.read(self._woken, 4096):
                    if number in _ENDING:
                        self._stop()
            else:
                child = pipes[descriptor]
                child.ready |= bool(os.read(descriptor, 1))
                os.close(descriptor)
                child.pipe = None

    def _stop(self) -> None:
        """Tell all to end; the second time, make them."""
        if self._stopping:
            self._code = 130
        for child in self._children:
            if child.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL if self._stopping else signal.SIGTERM)
        self._stopping = True

    def _reap(self) -> None:
        for child in self._children:
            if child.pid is None:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                child.pid = None
                self._ended(child)
                self._judge(child, pid, code)

    def _ended(self, child: _Child) -> None:
        """Note that a child is gone, and when it may come back."""
        if child.pipe is not None:
            os.close(child.pipe)
            child.pipe = None
        child.ready = False
        now = time.monotonic()
        child.failures = child.failures + 1 if now - child.started < _SETTLED else 0
        child.due = now + min(_PAUSE * 2 ** (child.failures - 1), _LONGEST_PAUSE) if child.failures else now

    def _judge(self, child: _Child, pid: int, code: int) -> None:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        what = f"The process {pid} ({', '.join(child.roles)}) {how}"
        if self._stopping:
            if code not in (0, -signal.SIGTERM):
                self._code = self._code or 1
                _log.warning("%s.", what)
        elif self._announced or code < 0:
            _log.warning("%s; another one is started.", what)
        else:
            _log.error("%s before all were ready; the others end as well.", what)
            self._stop()
            self._code = code or 1


def _tell(pipe: int) -> None:
    # A parent that is gone takes this process with it.
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, b"1")
    os.close(pipe)


def shares(roles: Collection[str], processes: int) -> list[list[str]]:
    """Return the roles of each child: so many with the API, and one with all other roles.

    Not one of each in every child: what works steps at full load would keep requests waiting, and slots and connections would
    multiply.
    """
    others = [role for role in roles if role != "api"]
    return [*(["api"] for _ in range(processes)), *([others] if others else [])]


def reserve(host: str, port: int, flag: str = "--port") -> tuple[int, list[socket.socket]]:
    """Keep a port for processes that share it; returns its number, and what keeps it as long as it is not closed.

    Raises ``SetupError`` when somebody listens there already, also with leave to be joined: that is another server.
    """
    if not hasattr(os, "fork") or not hasattr(socket, "SO_REUSEPORT"):
        raise SetupError(f"Several processes cannot share a port on {sys.platform}; leave out --processes.")
    kept: list[socket.socket] = []
    try:
        for family, *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
            with _socket(family) as alone:
                alone.bind((address[0], port, *address[2:]))
                # The port that the first address was given is that of the others.
                port = alone.getsockname()[1]
            kept.append(_socket(family))
            kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            kept[-1].bind((address[0], port, *address[2:]))
    except OSError as error:
        for one in kept:
            one.close()
        raise SetupError(f"Cannot listen on {host}:{port} ({error.strerror}); choose another {flag}.") from error
    return port, kept


def _socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
