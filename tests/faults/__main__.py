"""``python -m tests.faults``: the long form, on a Postgres of its own, with a report at the end."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults import cells
from tests.faults.chaos import Storm


def main() -> int:
    """Run it; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="how many jobs are submitted, of three steps each")
    parser.add_argument("--faults", type=int, default=100, help="how many faults happen meanwhile")
    parser.add_argument("--seed", type=int, default=1, help="what is hurt, and when")
    parser.add_argument("--seconds", type=float, help="over how long (default: a fault each second)")
    parser.add_argument("--lease", type=float, default=10.0, help="how long a lease lasts, in seconds")
    parser.add_argument(
        "--cells",
        nargs="*",
        metavar="CELL",
        help="instead: the chaos matrix, or some of its cells (" + "; ".join(cells.CELLS) + ")",
    )
    given = parser.parse_args()
    # Whoever ends this ends what it started: by the way of Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    if given.cells is not None:
        return _matrix(given.cells or list(cells.CELLS), given.seconds or 10.0, given.lease)
    with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
        storm = Storm(
            Path(folder),
            jobs=given.jobs,
            faults=given.faults,
            seed=given.seed,
            seconds=given.seconds or float(given.faults),
            lease=given.lease,
        )
        report = asyncio.run(storm.go())
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 0 if report.good else 1


def _matrix(names: list[str], seconds: float, lease: float) -> int:
    good = True
    for name in names:
        with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
            cell = asyncio.run(cells.run(name, Path(folder), seconds=seconds, lease=lease))
        sys.stdout.write(cell.line() + "\n")
        sys.stdout.flush()
        good = good and cell.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
