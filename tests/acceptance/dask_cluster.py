"""A Dask cluster of separate processes on this machine: a scheduler and workers, whose nodes know no database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.conftest import free_port

#: A step for the cluster: a real ffmpeg of so many seconds, below a shell; it says when another of its job runs as well.
PROGRAM = """\
#!/bin/sh
exec 9>"{folder}/$JOB_ID.lock"
if ! flock -n 9; then echo "$JOB_ID" >>"{folder}/overlaps"; fi
echo "$JOB_ID" >>"{folder}/begun"
echo "::progress 10 100 percent"
echo "begun by $PPID"
"{ffmpeg}" -nostdin -loglevel error -re -progress /dev/null -f lavfi \\
  -i "testsrc2=size=160x90:rate=10:duration=${{JOB_DATA_seconds:-0.5}}" -f null - || exit 75
echo "::data made=$JOB_ID"
echo "::data database=$VIDIJOB_DATABASE_URL"
"""


@dataclass
class DaskCluster:
    """One scheduler, and workers of one thread each; without nannies, so that a worker that is killed is gone."""

    folder: Path
    port: int = field(default_factory=free_port)
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, workers: int, *flags: str) -> None:
        """Start a scheduler and workers."""
        self.scheduler = self._run("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        for _ in range(workers):
            self.add(*flags)

    def add(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        plain = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--death-timeout", "60")
        worker = self._run("worker", self.address, *plain, *flags)
        self.workers.append(worker)
        return worker

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill one of its processes without notice."""
        process.send_signal(signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        """End every process that is left."""
        for process in (*self.workers, *([self.scheduler] if self.scheduler is not None else [])):
            if process.poll() is None:
                self.kill(process)

    def log(self) -> str:
        """What the processes said."""
        return (self.folder / "dask.log").read_text()

    def _run(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VIDIJOB_")}
        with (self.folder / "dask.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments],
                cwd=self.folder,
                env=environment | {"DASK_DISTRIBUTED__COMM__RETRY__COUNT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def write_program(folder: Path, ffmpeg: Path) -> Path:
    """Write the program of the steps, and make it one; what it tells of itself lies beside it."""
    program = folder / "work"
    program.write_text(PROGRAM.format(folder=folder, ffmpeg=ffmpeg))
    program.chmod(0o755)
    return program
