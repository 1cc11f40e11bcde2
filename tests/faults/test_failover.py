"""The primary is killed and its standby promoted: the server goes on, and no job that was acknowledged is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.faults.failover import Failover


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_standby_takes_the_place_of_a_primary_that_is_killed() -> None:
    # Not in a folder of pytest's: the user of Postgres must be able to go there.
    with tempfile.TemporaryDirectory(prefix="vidijob-faults-") as folder:
        run = Failover(Path(folder), jobs=60, seconds=4, lease=2)
        report = await run.go()
    assert report.good, "\n".join(report.lines())
    # Each of both servers has taken one more after the promotion, and another when the old primary was there again.
    assert report.acknowledged == 64
    assert max(run.served_after) < 10, run.served_after
    assert len(run.taken_later) == 2 and run.taken_by_the_old == []
