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
from tests.faults.peers import PEERS
from tests.faults.systems import Ours, System


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
        help="instead: the chaos matrix, or some of its cells (" + "; ".join(cells.KINDS) + ")",
    )
    parser.add_argument("--peers", action="store_true", help="other job queues as well; needs the group peers")
    parser.add_argument("--rate", type=float, default=20.0, help="how many jobs a cell is offered in a second")
    given = parser.parse_args()
    # Whoever ends this ends what it started: by the way of Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    if given.cells is not None:
        systems: list[type[System]] = [Ours, *(PEERS if given.peers else ())]
        return _matrix(given.cells or list(cells.KINDS), systems, given)
    with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
        storm = Storm(
            Path(folder),
            jobs=given.jobs,
            faults=given.faults,
            seed=given.seed,
            seconds=given.seconds or float(given.faults),
            lease=given.lease,
            say=_say,
        )
        try:
            asyncio.run(storm.go())
        finally:
            # Also of a run that was broken off.
            sys.stdout.write("\n".join(storm.report.lines()) + "\n")
    return 0 if storm.report.good else 1


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def _matrix(names: list[str], systems: list[type[System]], given: argparse.Namespace) -> int:
    """Go through cells, one system after the other in each; only what vidijob does makes the exit code 1."""
    found = []
    for name in names:
        for system in systems:
            if system is not Ours and cells.KINDS[name].server:
                continue
            with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
                one = system(Path(folder), given.lease)
                cell = asyncio.run(cells.run(name, one, seconds=given.seconds or 10.0, rate=given.rate))
            sys.stdout.write(cell.line() + "\n")
            sys.stdout.flush()
            found.append(cell)
    sys.stdout.write(cells.table(found) + "\n")
    return 0 if all(cell.good for cell in found if isinstance(cell.system, Ours)) else 1


if __name__ == "__main__":
    sys.exit(main())
