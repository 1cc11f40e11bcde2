"""Which steps go to a cluster, and by which name."""

from __future__ import annotations

import pytest

from vidijob.errors import Invalid
from vidijob.jobs import placement
from vidijob.jobs.definitions import check_task
from vidijob.jobs.model import SCRIPT, StepNumber, TaskDefinition

METADATA = {"placement": "dask", "resources": "gpu=1,label:studio"}


def task(executor: str, metadata: dict[str, str], script: str | None = None) -> TaskDefinition:
    return TaskDefinition(StepNumber(100), "Work", executor, "run", metadata=metadata, script=script)


def test_a_placed_step_goes_by_another_name_and_uses_up_nothing_here() -> None:
    here, there = task("shell", {"resources": "gpu=1"}), placement.placed(task("shell", METADATA))
    assert placement.placed(here) == here and placement.needs(here) == {"gpu": 1}
    assert (there.executor, placement.needs(there)) == ("dask:shell", {})
    assert placement.is_placed(there.executor) and not placement.is_placed(here.executor)
    check_task(task("shell", METADATA))


@pytest.mark.parametrize("placed", ["", "Dask", "kubernetes"])
def test_a_placement_that_means_nothing_is_refused(placed: str) -> None:
    with pytest.raises(Invalid, match="placement"):
        check_task(task("shell", {"placement": placed}))


@pytest.mark.parametrize(("executor", "script"), [("http", None), (SCRIPT[0], "job.log('x')")])
def test_what_needs_the_database_stays_here(executor: str, script: str | None) -> None:
    with pytest.raises(Invalid, match="cannot be placed"):
        check_task(task(executor, METADATA, script))
    assert placement.placed(task(executor, METADATA, script)).executor == executor
