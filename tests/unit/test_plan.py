"""What a farm needs, by arithmetic that is given the costs."""

from __future__ import annotations

import math

import pytest

from vidijob.bench.costs import Cost, Line, Requests
from vidijob.bench.plan import Wish, plan, simulated

FEW = Cost(engine=0.001, database=0.002, log=10_000, disk=4_000, commits=1, time=0.004)
MANY = Cost(engine=0.002, database=0.007, log=20_000, disk=9_000, commits=2, time=0.009)
REQUESTS = Requests(read=0.001, submission=0.002)
#: One a second in the busiest hour.
WISH = Wish(jobs_per_day=43_200, steps=2, step_seconds=7, keep_days=10, reads=50, peak=2)


def test_a_line_through_two_costs() -> None:
    line = Line(FEW, MANY)
    assert (line.at(1), line.at(6)) == (FEW, MANY)
    assert line.at(11).log == pytest.approx(30_000) and line.at(2).database == pytest.approx(0.003)
    assert Line(MANY, FEW).at(100).log == 0


def test_a_plan() -> None:
    made = plan(WISH, FEW, REQUESTS)
    assert made.jobs_per_second == pytest.approx(1)
    # 0.002 s for a submission and 100 reads of 0.001 s each fit one processor.
    assert made.api == 1 and plan(Wish(43_200, 2, 7, 10, 5000, 2), FEW, REQUESTS).api == 15
    assert made.engine == pytest.approx(0.001 / 0.7) and made.database == pytest.approx(0.002 / 0.7)
    # Fourteen are busy at each moment.
    assert made.slots == 20
    assert made.sites == 1 and plan(Wish(43_200_000, 2, 0, 10, 0, 2), FEW, REQUESTS).sites == 6
    assert made.disk == pytest.approx(43_200 * 10 * 4_000) and made.log == pytest.approx(43_200 * 10_000)


def test_jobs_wait_less_where_there_is_more_room() -> None:
    half, most = simulated(1, 2, 7, 15)
    more = simulated(1, 2, 7, 20)
    assert 0 < half < most and more[0] <= half and more[1] < most
    assert simulated(1, 2, 7, 1000) == (0, 0)
    assert simulated(0, 2, 7, 1) == simulated(1, 2, 0, 1) == (0, 0)


@pytest.mark.parametrize("busy", [0.5, 0.8])
def test_the_simulation_is_as_theory_says(busy: float) -> None:
    """Of one place and one step: a share of jobs, as large as the place is busy, waits at all (M/M/1)."""
    half, most = simulated(busy, 1, 1, 1)

    # P(W > t) = busy * exp(-(1 - busy) t), of which both follow.
    def quantile(share: float) -> float:
        return max(math.log(busy / (1 - share)) / (1 - busy), 0.0)

    assert half == pytest.approx(quantile(0.5), rel=0.35, abs=0.15)
    assert most == pytest.approx(quantile(0.95), rel=0.35)
