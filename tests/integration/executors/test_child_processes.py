"""Children are started, read, ended and reaped, whatever happens to whoever waits for them."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vidijob.errors import SetupError
from vidijob.executors import process
from vidijob.executors.process import Ended, run

SHELL = "/bin/sh"


def sh(script: str) -> list[str]:
    return [SHELL, "-c", script]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


async def gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return not alive(pid)


async def pid_in(file: Path) -> int:
    async with asyncio.timeout(10):
        while not (file.exists() and file.read_text().strip()):
            await asyncio.sleep(0.02)
    return int(file.read_text())


async def test_tells_lines_complaints_and_exit_status() -> None:
    lines: list[str] = []
    ended = await run(sh("echo one; echo; printf two; echo wrong >&2; exit 3"), on_line=lines.append)
    assert (lines, ended) == (["one", "", "two"], Ended(3, "wrong\n"))


async def test_tells_the_signal_that_ended_it() -> None:
    assert (await run(sh("kill -9 $$"))).code == -9


async def test_takes_arguments_as_they_are() -> None:
    lines: list[str] = []
    hostile = ["-n", "a b", "$(id)", "; exit 1", "'", "", "ünï", "*"]
    await run([sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *hostile], on_line=lines.append)
    assert lines == [ascii(hostile)]


async def test_a_child_sees_no_secret_and_has_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDIJOB_ADMIN_PASSWORD", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    lines: list[str] = []
    ended = await run(sh("env; cat; ls -l /proc/self/fd"), on_line=lines.append)
    assert ended.code == 0
    assert "secret" not in "\n".join(lines)
    assert any(line.startswith("PATH=") for line in lines)
    assert len([line for line in lines if "->" in line]) <= 4, "only its three streams, and the folder that ls lists"


async def test_a_child_has_the_signals_of_a_fresh_process() -> None:
    lines: list[str] = []
    await run(sh("grep SigIgn /proc/self/status"), on_line=lines.append)
    assert int(lines[0].split()[1], 16) == 0


async def test_memory_stays_small_whatever_is_printed() -> None:
    script = (
        "import sys\nout, err = sys.stdout.buffer, sys.stderr.buffer\n"
        "for _ in range(100): out.write(b'x' * 1_000_000); err.write(b'y' * 1_000_000)\n"
        "out.write(b'\\nlast\\n'); err.write(b'\\nend')"
    )
    lines: list[str] = []
    ended = await run([sys.executable, "-c", script], on_line=lines.append)
    assert [len(line) for line in lines] == [16 * 1024, 4]
    assert len(ended.complaints) <= 64 * 1024 and ended.complaints.endswith("end")


@pytest.mark.parametrize("program", ["/no/such/program", "no-such-program", "/etc/passwd", "/"])
async def test_says_when_there_is_no_such_program(program: str) -> None:
    with pytest.raises(SetupError, match=program):
        await run([program])


@pytest.mark.parametrize("argument", ["a\0b", "x" * 4_000_000])
async def test_says_when_arguments_cannot_be_passed(argument: str) -> None:
    with pytest.raises(SetupError, match="cannot be started"):
        await run(["true", argument])


async def test_cancelling_ends_the_whole_group_at_once(tmp_path: Path) -> None:
    before = descriptors()
    script = (
        f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/leader; while :; do sleep 60; done"
    )
    task = asyncio.create_task(run(sh(script)))
    leader, child = await pid_in(tmp_path / "leader"), await pid_in(tmp_path / "child")
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1
    assert not alive(leader)
    assert await gone(child, 1)
    assert str(leader) not in children()
    assert descriptors() == before


async def test_cancelling_again_and_again_does_not_leave_it_behind(tmp_path: Path) -> None:
    task = asyncio.create_task(run(sh(f"trap '' TERM; echo $$ > {tmp_path}/leader; while :; do sleep 60; done")))
    leader = await pid_in(tmp_path / "leader")
    while not task.done():
        task.cancel()
        await asyncio.sleep(0.01)
    assert task.cancelled()
    assert not alive(leader) and str(leader) not in children()


async def test_what_it_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    started = time.monotonic()
    ended = await run(sh(f"sleep 60 & echo $! > {tmp_path}/child; exit 0"))
    assert ended.code == 0
    assert time.monotonic() - started < 2
    assert await gone(await pid_in(tmp_path / "child"), 1)


async def test_one_that_fled_into_another_session_does_not_hold_us_up(tmp_path: Path) -> None:
    started = time.monotonic()
    await run(sh(f"setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 60' & sleep 0.3"))
    assert time.monotonic() - started < 3
    os.kill(await pid_in(tmp_path / "child"), signal.SIGKILL)


async def test_an_error_of_the_reader_ends_the_child(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="hello"):
        await run(sh(f"echo $$ > {tmp_path}/leader; echo hello; sleep 60"), on_line=refuse)
    assert not alive(await pid_in(tmp_path / "leader"))


async def test_many_at_once_leave_nothing() -> None:
    before, kept = descriptors(), children()
    tasks = [
        asyncio.create_task(run(sh(f"echo {number}; sleep 0.0{number % 10}; exit {number}"))) for number in range(40)
    ]
    others = [asyncio.create_task(run(sh("sleep 60"))) for _ in range(20)]
    codes = [(await task).code for task in tasks]
    for task in others:
        task.cancel()
    await asyncio.wait(others)
    assert codes == list(range(40))
    assert all(task.cancelled() for task in others)
    assert descriptors() == before
    assert children() == kept


async def test_works_without_descriptors_for_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert (await run(sh("sleep 0.1; exit 5"))).code == 5
    task = asyncio.create_task(run(sh(f"echo $$ > {tmp_path}/leader; sleep 60")))
    leader = await pid_in(tmp_path / "leader")
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() and not alive(leader)


async def test_a_timeout_is_told_as_one() -> None:
    kept = children()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await run(sh("sleep 60"))
    assert children() == kept


async def test_a_system_short_of_processes_is_not_the_fault_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(OSError, match="temporarily unavailable"):
        await run(sh("true"))


async def test_killing_the_parent_kills_the_child(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\nfrom vidijob.executors.process import run\n"
        f"asyncio.run(run(['/bin/sh', '-c', 'echo $$ > {tmp_path}/child; exec sleep 60']))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    try:
        child = await pid_in(tmp_path / "child")
    finally:
        parent.kill()
        parent.wait()
    assert await gone(child, 1)


async def test_closing_the_loop_ends_the_child(tmp_path: Path) -> None:
    script = (
        "import asyncio\nfrom vidijob.executors.process import run\n"
        "async def main():\n"
        f"    asyncio.create_task(run(['/bin/sh', '-c', 'echo $$ > {tmp_path}/child; exec sleep 60']))\n"
        "    await asyncio.sleep(0.5)\n"
        "asyncio.run(main())"
    )
    ended = await run([sys.executable, "-X", "dev", "-W", "error", "-c", script])
    assert ended == Ended(0, "")
    assert not alive(await pid_in(tmp_path / "child"))


def test_the_launcher_does_not_start_anything_for_a_parent_that_is_gone() -> None:
    launcher = process.__file__.replace("process.py", "launcher.py")
    ended = subprocess.run([sys.executable, "-I", "-S", launcher, "1", "/bin/echo", "hello"], capture_output=True)
    assert (ended.returncode, ended.stdout) == (1, b"")
