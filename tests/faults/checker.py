"""Proves from the event log and the tables of a database that a run broke no promise, whatever was done to it.

``read`` takes everything that is known of a run out of a database; ``breaches`` says in sentences what is wrong with it.
The order of the events' ids is the order of commits wherever two events depend on each other: each is written by a
statement that saw what the other one committed.

What only a worker can know, which attempt's result was accepted, is not in the log: a result that comes too late and is
taken all the same looks there like the right one. Executors of these tests therefore say in the job's data which lease they
had (``lease-100``), and keep a journal of what they began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vidijob.jobs.states import ENDED, HELD, JOB_TRANSITIONS, STEP_TRANSITIONS

if TYPE_CHECKING:
    from asyncpg import Connection, Record

_JOB_MOVES = {(old.value, new.value) for (old, _), new in JOB_TRANSITIONS.items()} | {(None, "READY"), (None, "HOLD")}
_STEP_MOVES = {(old.value, new.value) for (old, _), new in STEP_TRANSITIONS.items()}
_ENDED = frozenset(state.value for state in ENDED)
_HELD = frozenset(state.value for state in HELD)
_STEP_ENDED = frozenset({"FINISHED", "FAILED_FATAL"})
#: What is counted of each kind of jobs, and how many there are.
COUNTS = """
SELECT concat_ws(' ', owner, type, state, priority) AS kind, coalesce(sum(counted), 0)::bigint, coalesce(sum(there), 0)::bigint
FROM (SELECT owner, type, state, priority, jobs AS counted, 0 AS there FROM current_job_count
      UNION ALL
      SELECT owner, type, state, priority, 0, 1 FROM job) both_sides
GROUP BY owner, type, state, priority HAVING sum(counted) <> sum(there)
"""
#: The names of the results of a real executor are under this key of the job's data.
LEASE_KEY = "lease-{step}"


@dataclass(frozen=True)
class Job:
    """A job as its row is after the run."""

    id: int
    state: str
    priority: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A step as its row is after the run."""

    job: int
    number: int
    state: str
    critical: bool = True
    cleanup: bool = False
    #: Whether the end of others is a way in, and their signal.
    by_ends: bool = True
    by_signals: bool = False
    unlocks: tuple[int, ...] = ()
    unlocks_parallel: tuple[int, ...] = ()


@dataclass(frozen=True)
class Try:
    """An attempt as its row is after the run."""

    job: int
    step: int
    ordinal: int
    state: str
    worker: str


@dataclass(frozen=True)
class Event:
    """One line of the event log."""

    id: int
    job: int
    #: ``None``: it happened to the job.
    step: int | None
    old: str | None
    new: str
    actor: str = "scheduler"
    remark: str | None = None

    @property
    def is_priority(self) -> bool:
        """Whether it tells of a new priority and of no other state."""
        return self.step is None and self.old == self.new and (self.remark or "").startswith("priority ")


@dataclass(frozen=True)
class Begun:
    """A line of a worker's journal: an executor was asked to carry out a step."""

    job: int
    step: int
    lease: int


@dataclass
class Log:
    """Everything that is known of a run."""

    jobs: list[Job]
    steps: list[Step]
    tries: list[Try]
    events: list[Event]
    #: What is left over: jobs in the queue, steps in the queue, steps that are held, slot → job.
    queued_jobs: list[int] = field(default_factory=list)
    queued_steps: list[tuple[int, int]] = field(default_factory=list)
    leases: list[tuple[int, int]] = field(default_factory=list)
    slots: dict[int, int | None] = field(default_factory=dict)
    #: Kinds of jobs of which another number is counted than there are: (kind, counted, there).
    miscounts: list[tuple[str, int, int]] = field(default_factory=list)


async def read(connection: Connection[Record]) -> Log:
    """Read a run out of its database, as of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return Log(
            jobs=[Job(*row) for row in await connection.fetch("SELECT id, state, priority, data FROM job ORDER BY id")],
            steps=[
                Step(job, number, state, critical, cleanup, by_ends, by_signals, tuple(unlocks), tuple(parallel))
                for job, number, state, critical, cleanup, by_ends, by_signals, unlocks, parallel in await connection.fetch(
                    "SELECT job_id, number, state, critical, cleanup, waiting IS NOT NULL, waiting_parallel IS NOT NULL,"
                    " unlocks, unlocks_parallel FROM step ORDER BY job_id, number"
                )
            ],
            tries=[
                Try(*row)
                for row in await connection.fetch(
                    "SELECT job_id, step, ordinal, state, worker::text FROM attempt ORDER BY job_id, step, ordinal"
                )
            ],
            events=[
                Event(*row)
                for row in await connection.fetch(
                    "SELECT id, job_id, step, old_state, new_state, actor, remark FROM happened ORDER BY id"
                )
            ],
            queued_jobs=[row[0] for row in await connection.fetch("SELECT job_id FROM job_queue")],
            queued_steps=[tuple(row) for row in await connection.fetch("SELECT job_id, step FROM step_queue")],
            leases=[tuple(row) for row in await connection.fetch("SELECT job_id, step FROM lease")],
            slots={row[0]: row[1] for row in await connection.fetch("SELECT number, job_id FROM seat")},
            miscounts=[tuple(row) for row in await connection.fetch(COUNTS)],
        )


def breaches(
    log: Log,
    *,
    limit: int | None = None,
    acknowledged: Collection[int] = (),
    journal: Collection[Begun] | None = None,
    over: bool = True,
) -> list[str]:
    """Return what is wrong with a run, in sentences; nothing if all promises were kept.

    ``limit`` is how many jobs might run at once, ``acknowledged`` the jobs whose submission was answered, ``over`` whether
    everything should have ended by now.
    """
    story = _Story(log)
    found = [
        *_lost(story, acknowledged),
        *_job_moves(story),
        *_step_moves(story),
        *_after_the_end(story),
        *_tries(story),
        *_order(story),
        *_clean_up(story),
        *_verdicts(story),
        *_repairs(story),
        *_places(story),
        *_miscounts(story),
    ]
    if limit is not None:
        found += _limit(story, limit)
    if journal is not None:
        found += _stale_results(story, journal)
    if over:
        found += _left_over(story)
    return found


class _Story:
    """The log, by job and by step."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.jobs = {job.id: job for job in log.jobs}
        self.deleted = {event.job for event in log.events if event.new == "DELETED"}
        self.events = [event for event in sorted(log.events, key=lambda event: event.id) if event.new != "DELETED"]
        self.of_job: defaultdict[int, list[Event]] = defaultdict(list)
        self.of_step: defaultdict[tuple[int, int], list[Event]] = defaultdict(list)
        for event in self.events:
            if event.step is not None:
                self.of_step[event.job, event.step].append(event)
            elif not event.is_priority:
                self.of_job[event.job].append(event)
        self.steps: defaultdict[int, list[Step]] = defaultdict(list)
        for step in log.steps:
            self.steps[step.job].append(step)

    def first(self, job: int, step: int, states: Iterable[str]) -> float:
        """Return when a step was first in one of the states; infinity for never."""
        return next((event.id for event in self.of_step[job, step] if event.new in states), float("inf"))

    def was_dropped(self, job: int) -> bool:
        """Tell whether a job was aborted at once, with nothing run for it."""
        return any(event.new == "ABORTED" and event.old in ("READY", "HOLD") for event in self.of_job[job])


def _lost(story: _Story, acknowledged: Collection[int]) -> Iterator[str]:
    for job in sorted(set(acknowledged) - set(story.jobs) - story.deleted):
        yield f"job {job} was acknowledged and is lost"
    for job in story.jobs:
        if not story.of_job[job]:
            yield f"job {job} has no event"


def _job_moves(story: _Story) -> Iterator[str]:
    for job, events in story.of_job.items():
        for event in events:
            if (event.old, event.new) not in _JOB_MOVES:
                yield f"job {job} went from {event.old} to {event.new} (event {event.id}), which no table allows"
        yield from (f"job {job}: {words}" for words in _unchained(None, events))
        if job in story.jobs and events and events[-1].new != story.jobs[job].state:
            yield f"job {job} is {story.jobs[job].state}; its last event says {events[-1].new}"


def _step_moves(story: _Story) -> Iterator[str]:
    states = {(step.job, step.number): step.state for step in story.log.steps}
    for (job, step), events in story.of_step.items():
        for event in events:
            if (event.old, event.new) not in _STEP_MOVES and event.remark != "repaired":
                yield f"step {step} of job {job} went from {event.old} to {event.new} (event {event.id}), which no table allows"
        yield from (f"step {step} of job {job}: {words}" for words in _unchained("NONE", events))
        if (job, step) in states and states[job, step] != events[-1].new:
            yield f"step {step} of job {job} is {states[job, step]}; its last event says {events[-1].new}"
    for (job, step), state in states.items():
        if state != "NONE" and not story.of_step[job, step]:
            yield f"step {step} of job {job} is {state} and has no event"


def _unchained(first: str | None, events: Sequence[Event]) -> Iterator[str]:
    """Say where an event does not begin where the one before it ended."""
    if events and events[0].old != first:
        yield f"the first event ({events[0].id}) begins at {events[0].old}"
    for before, after in pairwise(events):
        if before.new != after.old:
            yield f"event {before.id} ends at {before.new} and event {after.id} begins at {after.old}"


def _after_the_end(story: _Story) -> Iterator[str]:
    end: dict[int, int] = {}
    for event in story.events:
        if event.job in end:
            yield f"job {event.job} ended with event {end[event.job]}; event {event.id} came after it"
        elif event.step is None and not event.is_priority and event.new in _ENDED:
            end[event.job] = event.id


def _tries(story: _Story) -> Iterator[str]:
    """Each start has one attempt, by the same worker, that ended as the log says, before the next one started."""
    tries: defaultdict[tuple[int, int], list[Try]] = defaultdict(list)
    for one in story.log.tries:
        tries[one.job, one.step].append(one)
    for job, step in sorted({*tries, *story.of_step}):
        where = f"step {step} of job {job}"
        told: list[tuple[str, str]] = []
        for event in story.of_step[job, step]:
            if event.new in _HELD and event.old not in _HELD:
                if told and told[-1][1] in _HELD:
                    yield f"{where} started again (event {event.id}) while an attempt was under way"
                told.append((event.actor, event.new))
            elif event.old in _HELD and told:
                if event.actor != told[-1][0]:
                    yield f"{where}: {told[-1][0]} had it, and {event.actor} made it {event.new} (event {event.id})"
                told[-1] = (told[-1][0], event.new)
        rows = sorted(tries[job, step], key=lambda one: one.ordinal)
        if [one.ordinal for one in rows] != list(range(len(told))):
            yield f"{where} started {len(told)} times and has the attempts {[one.ordinal for one in rows]}"
            continue
        for one, (worker, state) in zip(rows, told, strict=True):
            if (one.worker, one.state) != (worker, state):
                yield f"{where}: attempt {one.ordinal} is {one.state} by {one.worker}; the log says {state} by {worker}"


def _order(story: _Story) -> Iterator[str]:
    """No step starts before what it depends on has ended, or signalled where that is enough."""
    for job, steps in story.steps.items():
        signals = {*_STEP_ENDED, "STARTED_PARALLEL", "STARTED_PARALLEL_ASYNCHRONOUS"}
        for step in steps:
            start = story.first(job, step.number, _HELD)
            if step.cleanup or start == float("inf"):
                continue
            ends = [p.number for p in steps if step.number in p.unlocks]
            beside = [p.number for p in steps if step.number in p.unlocks_parallel]
            by_ends = step.by_ends and all(story.first(job, p, _STEP_ENDED) < start for p in ends)
            by_signals = step.by_signals and all(story.first(job, p, signals) < start for p in beside)
            if not by_ends and not by_signals:
                yield f"step {step.number} of job {job} started before what it depends on ({ends or beside}) had ended"


def _clean_up(story: _Story) -> Iterator[str]:
    """Clean-up begins when nothing else runs any more, goes one step after the other, and nothing else begins after it."""
    for job, steps in story.steps.items():
        own = sorted(step.number for step in steps if step.cleanup)
        called = min((story.first(job, number, ("READY",)) for number in own), default=float("inf"))
        for step in steps:
            running = False
            for event in story.of_step[job, step.number] if not step.cleanup else ():
                if event.id > called and (running or event.new in _HELD):
                    yield f"step {step.number} of job {job} ran while clean-up was called (event {event.id})"
                    break
                running = event.new in _HELD
        for before, after in pairwise(own):
            if story.first(job, after, ("READY",)) < story.first(job, before, _STEP_ENDED):
                yield f"clean-up step {after} of job {job} was called before step {before} had ended"


def _verdicts(story: _Story) -> Iterator[str]:
    for job in story.jobs.values():
        steps = story.steps[job.id]
        work = [step for step in steps if not step.cleanup]
        fatal = [step for step in work if step.state == "FAILED_FATAL"]
        unclean = any(step.cleanup and step.state == "FAILED_FATAL" for step in steps)
        all_ended = all(step.state in _STEP_ENDED for step in work)
        match job.state:
            case "FINISHED":
                right = all_ended and not fatal and not unclean
            case "FINISHED_WARNING":
                right = all_ended and not any(step.critical for step in fatal) and (bool(fatal) or unclean)
            case "FAILED_TOTAL":
                right = any(step.critical for step in fatal)
            case "ABORTED":
                right = story.was_dropped(job.id) or any(e.new == "ABORTED_PENDING" for e in story.of_job[job.id])
            case _:
                continue
        if not right:
            states = {step.number: step.state for step in steps}
            yield f"job {job.id} is {job.state}; its steps are {states}"
        if any(step.state in _HELD for step in steps):
            yield f"job {job.id} has ended and a step of it runs"
        if not story.was_dropped(job.id) and not all(s.state in _STEP_ENDED for s in steps if s.cleanup):
            yield f"job {job.id} has ended and was not cleaned up"


def _repairs(story: _Story) -> Iterator[str]:
    for event in story.events:
        if event.remark == "repaired":
            yield f"step {event.step} of job {event.job} stood still until the sweeper found it (event {event.id})"


def _limit(story: _Story, limit: int) -> Iterator[str]:
    """At no point of the log are more jobs under way than there are slots; IMMEDIATE ones aside.

    A job counts until it has ended or waits, so also while it is being aborted. A job that is raised to IMMEDIATE while it
    runs counts until then; so the drivers of these tests never give that priority twice to one that runs.
    """
    # Whoever was given another priority while it ran was not IMMEDIATE before: that cannot be lowered then.
    priority = {job.id: job.priority for job in story.log.jobs}
    priority |= {event.job: "" for event in story.events if event.is_priority}
    under_way: set[int] = set()
    for event in story.events:
        if event.step is not None:
            continue
        if event.is_priority:
            priority[event.job] = (event.remark or "").removeprefix("priority ")
            if priority[event.job] == "IMMEDIATE":
                under_way.discard(event.job)
        elif event.new == "STARTED" and event.old == "READY":
            if priority.get(event.job) != "IMMEDIATE":
                under_way.add(event.job)
                if len(under_way) > limit:
                    yield f"{len(under_way)} jobs were under way at event {event.id}: {sorted(under_way)}; the limit is {limit}"
        elif event.new in _ENDED or event.new == "WAITING":
            under_way.discard(event.job)


def _places(story: _Story) -> Iterator[str]:
    """A slot is held by a job that runs, a place in a queue by one that waits there."""
    running = {"STARTED", "VIDINET_JOB", "ABORTED_PENDING"}
    states = {job.id: job.state for job in story.log.jobs}
    for slot, job in story.log.slots.items():
        if job is not None and states.get(job) not in running:
            yield f"slot {slot} is held by job {job}, which is {states.get(job)}"
    for job in story.log.queued_jobs:
        if states.get(job) != "READY":
            yield f"job {job} is queued and {states.get(job)}"
    queued, under_way = set(story.log.queued_jobs), {job for job, _ in (*story.log.leases, *story.log.queued_steps)}
    for job, state in states.items():
        if state == "READY" and job not in queued:
            yield f"job {job} is READY and not queued"
        if state == "STARTED" and job not in under_way:
            yield f"job {job} is STARTED and no step of it is held or queued"
    of_step = {(step.job, step.number): step.state for step in story.log.steps}
    for place in story.log.leases:
        if of_step.get(place) not in _HELD:
            yield f"step {place[1]} of job {place[0]} is held and {of_step.get(place)}"
    for place, state in of_step.items():
        if state in _HELD and place not in set(story.log.leases):
            yield f"step {place[1]} of job {place[0]} is {state} and nobody holds it"
    for job, step in set(story.log.leases) & set(story.log.queued_steps):
        yield f"step {step} of job {job} is held and queued"


def _miscounts(story: _Story) -> Iterator[str]:
    for kind, counted, there in story.log.miscounts:
        yield f"{counted} jobs are counted of {kind}, and there are {there}"


def _stale_results(story: _Story, journal: Collection[Begun]) -> Iterator[str]:
    """What was accepted came from the last lease of its step; no lease was carried out twice."""
    leases: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for begun in journal:
        leases[begun.job, begun.step].append(begun.lease)
    tries: defaultdict[tuple[int, int], int] = defaultdict(int)
    for one in story.log.tries:
        tries[one.job, one.step] += 1
    for (job, step), begun_with in leases.items():
        if len(set(begun_with)) != len(begun_with):
            yield f"step {step} of job {job} was carried out twice with one lease: {begun_with}"
        if job in story.jobs and len(begun_with) > tries[job, step]:
            yield f"step {step} of job {job} was begun {len(begun_with)} times with {tries[job, step]} attempts"
    for done in story.log.steps:
        if done.state != "FINISHED":
            continue
        accepted = story.jobs[done.job].data.get(LEASE_KEY.format(step=done.number))
        last = max(leases[done.job, done.number], default=None)
        if last is None or accepted != [str(last)]:
            yield f"step {done.number} of job {done.job}: the result of lease {accepted} was taken; the last one was {last}"


def _left_over(story: _Story) -> Iterator[str]:
    for job in story.jobs.values():
        ends = [event for event in story.of_job[job.id] if event.new in _ENDED]
        if len(ends) != 1:
            yield f"job {job.id} is {job.state} and has {len(ends)} ends"
    log = story.log
    if log.queued_jobs:
        yield f"jobs are still queued: {sorted(log.queued_jobs)}"
    if log.queued_steps:
        yield f"steps are still queued: {sorted(log.queued_steps)}"
    if log.leases:
        yield f"steps are still held: {sorted(log.leases)}"
    taken = {slot: job for slot, job in log.slots.items() if job is not None}
    if taken:
        yield f"slots are still taken: {taken}"
