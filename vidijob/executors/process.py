"""Starts a child process, reads what it prints in bounded memory, and sees to it that it ends and is reaped.

A child has its own session and process group, what it is given as its standard input, and a clean environment. Whatever ends the wait for
it (its exit, a cancellation, an error of a reader) ends its whole group; when this process itself is killed, the kernel
kills the child. That last bond is with the *thread* that starts the child: the thread of the event loop.
What the child does is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vidijob.errors import SetupError

#: Seconds between asking a group to end and killing it.
GRACE = 0.5
#: Seconds to wait for what is still in the pipes of a child that has ended.
_DRAIN = 1.0
_CHUNK = 64 * 1024
_LONGEST_LINE = 16 * 1024
_TAIL = 64 * 1024
_POLL = 0.02
#: Errors that say nothing about the program: the system is short of something, and may not be later.
_SHORT_OF = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
#: What a child may know of our environment; nothing here holds a secret.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "LIBVA_DRIVER_NAME",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended."""

    #: Its exit status; minus the signal's number where a signal ended it.
    code: int
    #: The end of what it wrote to standard error.
    complaints: str


def clean_environment() -> dict[str, str]:
    """Return the part of our environment that a child may see."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


async def run(
    arguments: Sequence[str],
    *,
    on_line: Callable[[str], None] | None = None,
    longest_line: int = _LONGEST_LINE,
    given: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    grace: float = GRACE,
    memory: int | None = None,
) -> Ended:
    """Run a program to its end and return how it ended.

    ``given`` is its standard input. ``on_line`` gets every line of standard output, cut where one is longer than
    ``longest_line`` bytes, 16 KiB by default. Cancelling ends the whole group:
    it is asked to, and killed ``grace`` seconds later. With ``memory`` it gets no more than so many bytes, where that can be had
    (Linux), and leaves no core behind. Raise ``SetupError`` when the program cannot be started, and ``OSError``
    when the system is short of processes, memory or descriptors.
    """
    loop = asyncio.get_running_loop()
    lines, complaints, failure = _Lines(on_line, longest_line), _Tail(), loop.create_future()
    with _standard_input(given) as standard_input:
        child = _start(arguments, folder, clean_environment() if environment is None else environment, standard_input)
    leaving: _Exit | None = None
    pipes: list[_Pipe] = []
    try:
        if memory is not None:
            _limit(child.pid, memory)
        leaving = _Exit(child.pid)
        for stream, take in ((child.stdout, lines.take), (child.stderr, complaints.take)):
            assert stream is not None
            pipes.append(_Pipe(stream, take, failure))
        await asyncio.wait({leaving.seen, failure}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.seen.done():
            # Its number is still its own, since it is not reaped yet; what it left running would keep the pipes open.
            _signal(child.pid, signal.SIGKILL)
            await asyncio.wait({pipe.ended for pipe in pipes}, timeout=_DRAIN)
    finally:
        try:
            await _end(child, leaving, grace)
        finally:
            for pipe in pipes:
                pipe.close()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
    lines.finish()
    if failure.done():
        failure.result()
    return Ended(child.returncode, complaints.text())


def _standard_input(given: bytes) -> IO[bytes]:
    if not given:
        return open(os.devnull, "rb")
    # A file, not a pipe: nobody has to wait until the child has read it.
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller's)
    file.write(given)
    file.seek(0)
    return file


def _start(
    arguments: Sequence[str], folder: Path | None, environment: Mapping[str, str], standard_input: IO[bytes]
) -> subprocess.Popen[bytes]:
    program = shutil.which(arguments[0], path=environment.get("PATH"))
    if program is None:
        raise SetupError(f"The program {arguments[0]} is not there or may not be run; install it or correct its path.")
    command = [sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), os.path.abspath(program), *arguments[1:]]
    try:
        return subprocess.Popen(
            command,
            stdin=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _SHORT_OF:
            raise
        raise SetupError(f"The program {arguments[0]} cannot be started: {error}.") from error


def _limit(child: int, memory: int) -> None:
    # From outside: it holds for what the launcher becomes, and is no business of others' children.
    if sys.platform == "linux":
        for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
            resource.prlimit(child, kind, (most, most))


async def _end(child: subprocess.Popen[bytes], leaving: _Exit | None, grace: float) -> None:
    """End what is left of the child's group and reap the child, however often we are cancelled meanwhile."""
    cancelled = False
    if leaving is not None and not leaving.seen.done():
        _signal(child.pid, signal.SIGTERM)
        cancelled |= await _until(leaving.seen, grace)
    _signal(child.pid, signal.SIGKILL)
    if leaving is not None:
        cancelled |= await _until(leaving.seen, None)
        leaving.close()
    child.wait()
    if cancelled:
        raise asyncio.CancelledError


async def _until(future: asyncio.Future[None], seconds: float | None) -> bool:
    """Wait for a future, at most so long, and tell whether we were cancelled meanwhile."""
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    cancelled = False
    while not future.done():
        left = None if deadline is None else deadline - loop.time()
        if left is not None and left <= 0:
            break
        try:
            await asyncio.wait({future}, timeout=left)
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Exit:
    """Sees that a child has ended, without reaping it: until then its number cannot belong to anybody else."""

    def __init__(self, pid: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._pid = pid
        self._descriptor: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.seen: asyncio.Future[None] = self._loop.create_future()
        try:
            self._descriptor = os.pidfd_open(pid)
        except (AttributeError, OSError):
            self._poll()
        else:
            self._loop.add_reader(self._descriptor, self._done)

    def _poll(self) -> None:
        if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            self._timer = self._loop.call_later(_POLL, self._poll)
        else:
            self._done()

    def _done(self) -> None:
        self.close()
        if not self.seen.done():
            self.seen.set_result(None)

    def close(self) -> None:
        """Stop looking; may be called again."""
        if self._timer is not None:
            self._timer.cancel()
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


class _Pipe:
    """Hands on what comes out of a pipe, chunk by chunk."""

    def __init__(self, stream: IO[bytes], take: Callable[[bytes], None], failure: asyncio.Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = stream.fileno()
        self._take = take
        self._failure = failure
        self.ended: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(self._descriptor, False)
        self._loop.add_reader(self._descriptor, self._ready)

    def _ready(self) -> None:
        try:
            chunk = os.read(self._descriptor, _CHUNK)
            if chunk:
                self._take(chunk)
            else:
                self.close()
        except BlockingIOError:
            return
        except Exception as error:
            self.close()
            if not self._failure.done():
                self._failure.set_exception(error)

    def close(self) -> None:
        """Stop reading; may be called again."""
        if not self.ended.done():
            self._loop.remove_reader(self._descriptor)
            self.ended.set_result(None)


class _Lines:
    """Makes lines of chunks; keeps no more of a line than the longest that is allowed."""

    def __init__(self, on_line: Callable[[str], None] | None, longest: int) -> None:
        self._on_line = on_line
        self._longest = longest
        self._open = bytearray()

    def take(self, chunk: bytes) -> None:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._add(part)
            self.finish(even_empty=True)
        self._add(rest)

    def _add(self, part: bytes) -> None:
        self._open += part[: self._longest - len(self._open)]

    def finish(self, *, even_empty: bool = False) -> None:
        """Hand on the line that is open."""
        line = self._open.decode("utf-8", "replace").rstrip("\r")
        self._open.clear()
        if self._on_line is not None and (line or even_empty):
            self._on_line(line)


class _Tail:
    """Keeps the end of what it is given."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def take(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > 2 * _TAIL:
            del self._kept[:-_TAIL]

    def text(self) -> str:
        """Return what is kept, from the start of a line where it had to be cut."""
        kept = self._kept
        if len(kept) > _TAIL:
            kept = kept[-_TAIL:]
            kept = kept[kept.find(b"\n") + 1 :]
        return kept.decode("utf-8", "replace")
