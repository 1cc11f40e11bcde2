"""Each promise is broken once, by hand, and the checker must say so; a run that kept them all passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.checker import Begun, Event, Job, Log, Step, Try, breaches

A, B = "worker a", "worker b"
JOURNAL = [Begun(1, 100, 7), Begun(1, 200, 8), Begun(1, 200, 9), Begun(1, 5000, 10)]


def healthy() -> Log:
    """A job of two steps and a clean-up; the worker of the second vanished once. And a second job, that was dropped."""
    story = [
        (1, None, None, "READY", "admin"),
        (2, None, None, "READY", "admin"),
        (1, None, "READY", "STARTED", "scheduler"),
        (1, 100, "NONE", "READY", "scheduler"),
        (1, 100, "READY", "STARTED_ASYNCHRONOUS", A),
        (1, 100, "STARTED_ASYNCHRONOUS", "FINISHED", A),
        (1, 200, "NONE", "READY", "scheduler"),
        (1, 200, "READY", "STARTED_ASYNCHRONOUS", A),
        (1, 200, "STARTED_ASYNCHRONOUS", "DISAPPEARED", A),
        (1, 200, "DISAPPEARED", "STARTED_ASYNCHRONOUS", B),
        (1, 200, "STARTED_ASYNCHRONOUS", "FINISHED", B),
        (1, 5000, "NONE", "READY", "scheduler"),
        (1, 5000, "READY", "STARTED_ASYNCHRONOUS", B),
        (1, 5000, "STARTED_ASYNCHRONOUS", "FINISHED", B),
        (2, None, "READY", "ABORTED", "admin"),
        (1, None, "STARTED", "FINISHED", "scheduler"),
    ]
    return Log(
        jobs=[
            Job(1, "FINISHED", "MEDIUM", {"lease-100": ["7"], "lease-200": ["9"], "lease-5000": ["10"]}),
            Job(2, "ABORTED", "MEDIUM"),
        ],
        steps=[
            Step(1, 100, "FINISHED", unlocks=(200,)),
            Step(1, 200, "FINISHED"),
            Step(1, 5000, "FINISHED", cleanup=True, by_ends=False),
            Step(2, 100, "NONE"),
            Step(2, 5000, "NONE", cleanup=True, by_ends=False),
        ],
        tries=[
            Try(1, 100, 0, "FINISHED", A),
            Try(1, 200, 0, "DISAPPEARED", A),
            Try(1, 200, 1, "FINISHED", B),
            Try(1, 5000, 0, "FINISHED", B),
        ],
        events=[Event(10 * n, *line) for n, line in enumerate(story, 1)],
        slots={1: None, 2: None},
    )


def all_of(log: Log) -> list[str]:
    """Check a log of these two jobs."""
    return breaches(log, limit=1, acknowledged=[1, 2], journal=JOURNAL)


def add(log: Log, *events: Event) -> None:
    log.events = sorted([*log.events, *events], key=lambda event: event.id)


def drop(log: Log, id: int) -> None:
    log.events = [event for event in log.events if event.id != id]


def change(log: Log, of: int, /, **fields: object) -> None:
    log.events = [replace(event, **fields) if event.id == of else event for event in log.events]  # type: ignore[arg-type]


def step(log: Log, number: int, **fields: object) -> None:
    log.steps = [replace(s, **fields) if s.job == 1 and s.number == number else s for s in log.steps]  # type: ignore[arg-type]


def job(log: Log, id: int, **fields: object) -> None:
    log.jobs = [replace(one, **fields) if one.id == id else one for one in log.jobs]  # type: ignore[arg-type]


def second_start(log: Log) -> None:
    """Job 2 is started beside job 1."""
    add(log, Event(35, 2, None, "READY", "STARTED"))
    change(log, 150, old="STARTED", new="ABORTED_PENDING")
    add(log, Event(155, 2, None, "ABORTED_PENDING", "ABORTED"))


def test_a_run_that_kept_every_promise() -> None:
    assert all_of(healthy()) == []


Breaking = Callable[[Log], object]
BROKEN: dict[str, tuple[Breaking, str]] = {
    "a job is lost": (lambda log: log.jobs.pop(), "job 2 was acknowledged and is lost"),
    "a job without a story": (lambda log: log.jobs.append(Job(3, "READY", "LOW")), "job 3 has no event"),
    "two ends": (lambda log: add(log, Event(170, 1, None, "FINISHED", "FINISHED")), "job 1 is FINISHED and has 2 ends"),
    "no end": (lambda log: drop(log, 160), "job 1 is FINISHED and has 0 ends"),
    "a move that no table allows": (lambda log: change(log, 30, new="FINISHED_WARNING"), "from READY to FINISHED_WARNING"),
    "a job that begins elsewhere": (lambda log: change(log, 10, new="STARTED"), "from None to STARTED"),
    "a step's move": (lambda log: change(log, 60, new="NONE"), "step 100 of job 1 went from STARTED_ASYNCHRONOUS to NONE"),
    "a gap in a job's story": (lambda log: drop(log, 30), "event 10 ends at READY and event 160 begins at STARTED"),
    "a gap in a step's story": (lambda log: drop(log, 70), "step 200 of job 1: the first event (80) begins at READY"),
    "a row that is not what the log says": (lambda log: job(log, 1, state="STARTED"), "its last event says FINISHED"),
    "a step's row": (lambda log: step(log, 200, state="WAITING"), "step 200 of job 1 is WAITING; its last event says"),
    "a step without a story": (
        lambda log: setattr(log, "events", [e for e in log.events if e.step != 5000]),
        "step 5000 of job 1 is FINISHED and has no event",
    ),
    "an event after the end": (
        lambda log: add(log, Event(170, 1, None, "FINISHED", "FINISHED", "admin", "priority LOW")),
        "job 1 ended with event 160; event 170 came after it",
    ),
    "attempts that overlap": (
        lambda log: drop(log, 90),
        "step 200 of job 1 started again (event 100) while an attempt was under way",
    ),
    "a start without an attempt": (lambda log: log.tries.pop(0), "step 100 of job 1 started 1 times"),
    "an attempt without a start": (lambda log: log.tries.append(Try(1, 100, 1, "FINISHED", A)), "attempts [0, 1]"),
    "an attempt that ended otherwise": (
        lambda log: log.tries.__setitem__(1, Try(1, 200, 0, "FINISHED", A)),
        "attempt 0 is FINISHED by worker a; the log says DISAPPEARED by worker a",
    ),
    "an end by another worker": (
        lambda log: change(log, 110, actor=A),
        "worker b had it, and worker a made it FINISHED",
    ),
    "a stale result": (
        lambda log: job(log, 1, data={"lease-100": ["7"], "lease-200": ["8"], "lease-5000": ["10"]}),
        "step 200 of job 1: the result of lease ['8'] was taken; the last one was 9",
    ),
    "a result of nobody": (lambda log: job(log, 1, data={}), "the result of lease None was taken"),
    "more under way than slots": (second_start, "2 jobs were under way at event 35: [1, 2]; the limit is 1"),
    "a slot of an ended job": (lambda log: log.slots.update({1: 1}), "slot 1 is held by job 1, which is FINISHED"),
    "a slot that is still taken": (lambda log: log.slots.update({1: 1}), "slots are still taken: {1: 1}"),
    "a job that is still queued": (lambda log: log.queued_jobs.append(2), "job 2 is queued and ABORTED"),
    "a queue that is not empty": (lambda log: log.queued_jobs.append(2), "jobs are still queued: [2]"),
    "a step that is still queued": (lambda log: log.queued_steps.append((1, 200)), "steps are still queued: [(1, 200)]"),
    "a step that is still held": (lambda log: log.leases.append((1, 200)), "steps are still held: [(1, 200)]"),
    "a job that nobody goes on with": (
        lambda log: job(log, 1, state="STARTED"),
        "job 1 is STARTED and no step of it is held or queued",
    ),
    "a lease of a step that has ended": (lambda log: log.leases.append((1, 200)), "step 200 of job 1 is held and FINISHED"),
    "a verdict that its steps do not bear out": (
        lambda log: step(log, 200, state="FAILED_FATAL"),
        "job 1 is FINISHED; its steps are {100: 'FINISHED', 200: 'FAILED_FATAL', 5000: 'FINISHED'}",
    ),
    "a job that was not cleaned up": (lambda log: step(log, 5000, state="NONE"), "has ended and was not cleaned up"),
    "an ended job that runs": (lambda log: step(log, 200, state="STARTED"), "has ended and a step of it runs"),
    "a start before its turn": (
        lambda log: change(log, 80, id=55),
        "step 200 of job 1 started before what it depends on ([100]) had ended",
    ),
    "clean-up beside work": (
        lambda log: change(log, 120, id=105),
        "step 200 of job 1 ran while clean-up was called (event 110)",
    ),
    "a count that is not right": (
        lambda log: log.miscounts.append(("admin WORK READY LOW", 2, 1)),
        "2 jobs are counted of admin WORK READY LOW, and there are 1",
    ),
    "a repair": (lambda log: change(log, 70, remark="repaired"), "stood still until the sweeper found it"),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_promise_is_found(broken: str) -> None:
    breaking, words = BROKEN[broken]
    log = healthy()
    breaking(log)
    assert any(words in breach for breach in all_of(log)), all_of(log)


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        ([*JOURNAL, Begun(1, 100, 7)], "carried out twice with one lease: [7, 7]"),
        ([*JOURNAL, Begun(1, 100, 6)], "begun 2 times with 1 attempts"),
        ([*JOURNAL, Begun(1, 200, 11)], "the result of lease ['9'] was taken; the last one was 11"),
    ],
)
def test_what_the_journals_tell(journal: list[Begun], words: str) -> None:
    assert any(words in breach for breach in breaches(healthy(), journal=journal))


def test_a_job_of_the_priority_immediate_counts_against_no_limit() -> None:
    log = healthy()
    second_start(log)
    assert len(breaches(log, limit=1, over=False)) == 2, "the limit, and the clean-up that was not"
    job(log, 2, priority="IMMEDIATE")
    assert not any("limit" in breach for breach in breaches(log, limit=1))
    add(log, Event(25, 2, None, "READY", "READY", "admin", "priority IMMEDIATE"))
    assert not any("limit" in breach for breach in breaches(log, limit=1))
    # Raised only while it ran: it counts until then.
    drop(log, 25)
    add(log, Event(36, 2, None, "STARTED", "STARTED", "admin", "priority IMMEDIATE"))
    assert any("limit" in breach for breach in breaches(log, limit=1))


def test_a_signal_is_enough_for_a_parallel_dependant() -> None:
    log = healthy()
    step(log, 200, by_ends=False, by_signals=True)
    step(log, 100, unlocks=(), unlocks_parallel=(200,))
    assert all_of(log) == []
    change(log, 80, id=55)
    assert any("before what it depends on ([100])" in breach for breach in all_of(log))
    add(log, Event(52, 1, 100, "STARTED_ASYNCHRONOUS", "STARTED_PARALLEL_ASYNCHRONOUS", A))
    change(log, 60, old="STARTED_PARALLEL_ASYNCHRONOUS")
    assert not any("before what it depends on" in breach for breach in all_of(log))


def test_clean_up_steps_go_one_after_the_other() -> None:
    log = healthy()
    log.steps.append(Step(1, 6000, "FINISHED", cleanup=True, by_ends=False))
    add(log, Event(135, 1, 6000, "NONE", "READY"))
    assert any("clean-up step 6000 of job 1 was called before step 5000 had ended" in words for words in all_of(log))


def test_what_is_under_way_is_no_breach_while_a_run_goes_on() -> None:
    log = healthy()
    log.events = [event for event in log.events if event.id <= 100]
    job(log, 1, state="STARTED", data={"lease-100": ["7"]})
    job(log, 2, state="READY")
    step(log, 200, state="STARTED_ASYNCHRONOUS")
    step(log, 5000, state="NONE")
    log.tries[2:] = [Try(1, 200, 1, "STARTED_ASYNCHRONOUS", B)]
    log.queued_jobs, log.leases, log.slots = [2], [(1, 200)], {1: 1}
    assert breaches(log, limit=1, acknowledged=[1, 2], journal=JOURNAL[:3], over=False) == []
    assert len(breaches(log, limit=1)) == 5


def test_a_deleted_job_is_not_lost() -> None:
    log = healthy()
    log.jobs = [one for one in log.jobs if one.id == 2]
    log.steps = [one for one in log.steps if one.job == 2]
    log.tries = []
    log.events = [e for e in log.events if e.job == 2] + [Event(200, 1, None, "FINISHED", "DELETED", "admin")]
    assert breaches(log, limit=1, acknowledged=[1, 2]) == []
