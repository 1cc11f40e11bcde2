"""What an attempt tells while it runs: kept until it is stored, and made fit to be stored."""

from __future__ import annotations

import math

import pytest

from vidijob.engine.run import Run
from vidijob.engine.traces import traces
from vidijob.jobs.model import MOST_SUB_TASKS, JobId, Lease, LeaseNumber, Progress, StepNumber
from vidijob.jobs.states import StepState


class Waker:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


@pytest.fixture
def waker() -> Waker:
    return Waker()


@pytest.fixture
def run(waker: Waker) -> Run:
    lease = Lease(JobId(7), StepNumber(200), LeaseNumber(1), 3, 0, False, "WORK", "test", "work", {}, None, "admin", {})
    return Run(lease, "VX", waker)


def test_a_signal_is_told_at_once_and_once(run: Run, waker: Waker) -> None:
    assert not run.take_signal()
    run.signal()
    run.signal()
    assert waker.calls == 1
    assert run.take_signal() and not run.take_signal()
    run.put_signal_back()
    assert run.take_signal(), "it could not be stored, and is not forgotten"


def test_data_is_told_when_it_has_changed(run: Run) -> None:
    assert run.take_said() is None
    run.tell({"done": ["1"]})
    run.tell({"left": ["2"]})
    assert run.take_said() == {"done": ["1"], "left": ["2"]} and run.take_said() is None
    run.tell({"left": ["2"]})
    assert run.take_said() is None, "nothing new"
    run.put_said_back()
    assert run.take_said() == run.said() == {"done": ["1"], "left": ["2"]}
    with pytest.raises(TypeError, match="a list of texts"):
        run.tell({"done": "1"})


def test_sub_tasks_are_told_at_once_and_then_what_changes(run: Run, waker: Waker) -> None:
    first, second = run.split(["one", "two\x00"])
    assert waker.calls == 1 and run.sub_tasks is not None
    assert run.sub_tasks.take_total() == 2 and run.sub_tasks.take_total() is None
    run.sub_tasks.forget_total()
    assert run.sub_tasks.take_total() == 2
    assert [(one.description, one.state) for one in run.sub_tasks.take()] == [
        ("one", StepState.NONE), ("two\N{REPLACEMENT CHARACTER}", StepState.NONE),
    ]  # fmt: skip
    assert run.sub_tasks.take() == []
    second.start()
    second.progress(1, 4, "bytes")
    second.progress(math.nan, 4, "bytes")
    news = run.sub_tasks.take()
    assert [(one.place, one.state, one.progress) for one in news] == [
        (1, StepState.STARTED_ASYNCHRONOUS, Progress(1, 4, "bytes"))
    ]
    second.progress(2, 4, "bytes")
    run.sub_tasks.put_back(news)
    assert [one.progress for one in run.sub_tasks.take()] == [Progress(2, 4, "bytes")], "newer words count"
    first.start()
    first.finish()
    first.fail("too late")
    assert [(one.place, one.state, one.error) for one in run.sub_tasks.take()] == [(0, StepState.FINISHED, None)]


def test_sub_tasks_that_are_not_over_end_like_the_attempt(run: Run) -> None:
    done, failed, runs, _ = run.split(["done", "failed", "runs", "never"])
    for one in (done, failed, runs):
        one.start()
    done.finish()
    failed.fail("no\ud800")
    assert run.sub_tasks is not None
    run.sub_tasks.close(StepState.FAILED_RETRY)
    assert [(one.state, one.error) for one in run.sub_tasks.told()] == [
        (StepState.FINISHED, None),
        (StepState.FAILED_FATAL, "no?"),
        (StepState.FAILED_RETRY, None),
        (StepState.NONE, None),
    ]


def test_a_step_is_split_once_and_not_into_nothing(run: Run) -> None:
    with pytest.raises(ValueError, match="at least one"):
        run.split([])
    run.split(["one"])
    with pytest.raises(ValueError, match="only once"):
        run.split(["one"])


def test_of_very_many_sub_tasks_the_first_are_listed_and_all_are_counted(run: Run) -> None:
    handles = run.split([str(place) for place in range(MOST_SUB_TASKS + 5)])
    assert run.sub_tasks is not None
    assert run.sub_tasks.total == len(handles) == MOST_SUB_TASKS + 5
    for handle in handles[-2:]:
        handle.start()
        handle.progress(1, 2, "bytes")
        handle.fail("no")
    assert len(run.sub_tasks.told()) == len(run.sub_tasks.take()) == MOST_SUB_TASKS


def test_traces_of_a_step_are_those_of_real_servers(run: Run) -> None:
    assert traces(run, StepState.FINISHED, None) == {}
    run.progress(119027351.0, 119027351, "bytes")
    assert traces(run, StepState.FINISHED, None) == {"progress-200-0-3": ["bytes 119027351/119027351"]}
    run.progress(100, 100, "percent")
    assert traces(run, StepState.FAILED_RETRY, "no") == {
        "progress-200-0-3": ["percent 100.0/100"],
        "errorMessage-200-0-3": ["no"],
    }
    assert "errorMessage-200-0-3" not in traces(run, StepState.WAITING, "no"), "who waits has not failed"


def test_traces_of_sub_tasks_are_their_own(run: Run) -> None:
    first, second = run.split(["one", "two"])
    first.start()
    first.progress(5, 5, "bytes")
    first.finish()
    second.start()
    assert traces(run, StepState.FAILED_FATAL, "no") == {
        "progress-200-0-3": ["bytes 5/5"],
        "errorMessage-200-0-3": ["no"],
    }
    second.fail("it broke")
    assert traces(run, StepState.FAILED_FATAL, "no") == {
        "progress-200-0-3": ["bytes 5/5"],
        "errorMessage-200-1-3": ["it broke"],
    }
