"""The short form of the random run: a few processes, a few faults. What it found is in the report."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.faults.chaos import Storm


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_nothing_is_lost_whatever_is_killed() -> None:
    # Not in a folder of pytest's: the user of Postgres must be able to go there.
    with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
        report = await Storm(Path(folder), jobs=100, faults=12, seed=2, seconds=8, lease=2).go()
    assert report.good, "\n".join(report.lines())
    assert report.acknowledged == 100
    assert report.steps >= 300
    assert report.faults.total() == 12
