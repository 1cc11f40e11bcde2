"""A small model of the rules in ``sql/queries``: two jobs of two steps (or three) and a clean-up, as rows, and the statements as methods.

How it follows the SQL:

* A transaction that changes a job holds the lock on its row, so it is one move. Only ``step.claim`` does not take that
  lock: within a transaction, a claim may happen between two statements (``seam``). It sees only what was committed before:
  a step that the same transaction queues cannot be claimed within it.
* ``claim``, ``end``, ``give_back``, ``extend``, ``admit``, ``abort``, ``judge``, ``settle``, ``park``, ``release`` and
  ``campaign`` are the statements of those names, with the same guards; each guard is a method of its own, so that a bug is
  a subclass with one method.
* States move by the tables of ``vidijob.jobs.states``, the graph is that of ``vidijob.jobs.graph``; what these refuse is a
  bad state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vidijob.errors import TransitionRefused
from vidijob.jobs.graph import PlannedStep, plan
from vidijob.jobs.model import Dependency, StepNumber, TaskDefinition
from vidijob.jobs.states import HELD, JOB_TRANSITIONS, STEP_TRANSITIONS, JobEvent, JobState, StepEvent, StepState

J, S = JobState, StepState
_OVER = (S.FINISHED, S.FAILED_FATAL)
#: The event that leads to each end.
ENDS = {
    J.FINISHED: JobEvent.FINISH,
    J.FINISHED_WARNING: JobEvent.WARN,
    J.FAILED_TOTAL: JobEvent.FAIL,
    J.ABORTED: JobEvent.ABORTED,
}
_OUTCOMES = {
    "done": (S.FINISHED, StepEvent.FINISH),
    "fail": (S.FAILED_FATAL, StepEvent.FAIL),
    "retry": (S.FAILED_RETRY, StepEvent.RETRY),
    "wait": (S.WAITING, StepEvent.WAIT),
}


class Bad(Exception):
    """A state that must not be."""


def next_job_state(state: JobState, event: JobEvent) -> JobState:
    """Return where the table leads, or raise ``TransitionRefused``."""
    if (state, event) not in JOB_TRANSITIONS:
        raise TransitionRefused("job", "", f"{event.value} from {state}")
    return JOB_TRANSITIONS[state, event]


def next_step_state(state: StepState, event: StepEvent) -> StepState:
    """Return where the table leads, or raise ``TransitionRefused``."""
    if (state, event) not in STEP_TRANSITIONS:
        raise TransitionRefused("step", "", f"{event.value} from {state}")
    return STEP_TRANSITIONS[state, event]


@dataclass(slots=True)
class StepRow:
    """A row of step, with those of step_queue, lease and problem_job about it."""

    state: StepState
    waiting: int | None
    queued: bool = False
    #: The number of the lease; it grows with each try.
    lease: int | None = None
    expired: bool = False
    stop: bool = False
    tries: int = 0
    vanished: int = 0
    problem: bool = False
    #: An operator said that it is to fail when its turn comes.
    doomed: bool = False

    def key(self) -> tuple[Any, ...]:
        """Return the row as a value."""
        return (self.state, self.waiting, self.queued, self.lease, self.expired, self.stop, self.tries, self.vanished,
                self.problem, self.doomed)  # fmt: skip


@dataclass(slots=True)
class JobRow:
    """A row of job, with those of job_queue and slot about it."""

    steps: list[StepRow]
    state: JobState = J.READY
    verdict: JobState | None = None
    queued: bool = True
    slot: int | None = None
    #: Whether it counts against the limit, whatever the slots say.
    under_way: bool = False
    #: Whether it has the priority IMMEDIATE: it needs no slot.
    immediate: bool = False

    def key(self) -> tuple[Any, ...]:
        """Return the row as a value."""
        return (
            self.state,
            self.verdict,
            self.queued,
            self.slot,
            self.under_way,
            self.immediate,
            *(step.key() for step in self.steps),
        )


Run = tuple[int, int, int]
State = tuple[Any, ...]


@dataclass(frozen=True)
class Bounds:
    """How much may happen on one way through."""

    limit: int = 1
    #: A kill of a worker or a scheduler, a lease or a leadership that runs out under a living holder, a lost answer.
    faults: int = 1
    #: Aborts.
    aborts: int = 0
    #: What steps may answer besides success.
    fails: int = 0
    retries: int = 0
    waits: int = 0
    #: Whether the second step follows the first, or stands beside it.
    chain: bool = True
    #: Whether a failure of the first step fails the job.
    critical: bool = True
    #: Whether there is a third step, after both.
    join: bool = False

    def planned(self) -> tuple[PlannedStep, ...]:
        """Return the steps and a clean-up."""
        after = Dependency(previous=self.chain)
        third = TaskDefinition(StepNumber(300), "third", "test", "work", Dependency(all_previous=True))
        return plan(
            [
                TaskDefinition(StepNumber(100), "first", "test", "work", critical=self.critical),
                TaskDefinition(StepNumber(200), "second", "test", "work", after),
                *[third] * self.join,
                TaskDefinition(StepNumber(5000), "clean", "test", "work", cleanup=True),
            ]
        )


class Rules:
    """The statements and what must never be. A bug is a subclass."""

    workers = 2
    schedulers = 2
    #: A step whose worker vanished so often fails.
    most_vanished = 2

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.plan = bounds.planned()
        numbers = [step.task.step for step in self.plan]
        self.unlocks = [[numbers.index(number) for number in step.unlocks] for step in self.plan]
        self.needs = [[i for i, one in enumerate(self.unlocks) if step in one] for step in range(len(self.plan))]
        # What changes:
        self.jobs: list[JobRow] = []
        self.runs: list[Run] = []
        self.leader: tuple[int, int, bool] = (-1, 0, True)
        self.terms: list[int | None] = []
        self.plans: list[tuple[int, int] | None] = []
        self.budget: list[int] = []

    def start(self) -> State:
        """Return the state with two jobs submitted and nothing done."""
        self.jobs = [self.job(), self.job()]
        self.terms, self.plans = [None] * self.schedulers, [None] * self.schedulers
        bounds = self.bounds
        self.budget = [bounds.faults, bounds.aborts, bounds.fails, bounds.retries, bounds.waits]
        return self.state()

    def job(self) -> JobRow:
        """``job.submit``: return a new job."""
        return JobRow([StepRow(S.NONE, step.waiting) for step in self.plan])

    def state(self) -> State:
        """Return what is now, as a value. Workers are alike: which of them holds what makes no difference."""
        return (
            tuple(job.key() for job in self.jobs), tuple(sorted(self.runs)), self.leader, tuple(self.terms),
            tuple(self.plans), tuple(self.budget),
        )  # fmt: skip

    def load(self, state: State) -> None:
        """Make a state the present one."""
        jobs, runs, self.leader, terms, plans, budget = state
        self.jobs = [JobRow([StepRow(*step) for step in job[6:]], *job[:6]) for job in jobs]
        self.runs, self.terms, self.plans, self.budget = list(runs), list(terms), list(plans), list(budget)

    # The statements. #

    def claim(self, j: int, s: int) -> None:
        """``step.claim``: take a step out of the queue and give it a lease."""
        step = self.jobs[j].steps[s]
        step.queued = False
        step.state = next_step_state(step.state, StepEvent.START)
        step.tries += 1
        step.lease, step.expired, step.stop = step.tries, False, False
        self.runs.append((j, s, step.tries))
        if self.plan[s].task.cleanup:
            if any(other.lease for i, other in enumerate(self.jobs[j].steps) if i != s):
                raise Bad("clean-up began beside another step")
        elif any(self.jobs[j].steps[i].state not in _OVER for i in self.needs[s]):
            raise Bad("a step began before the one it depends on had ended")

    def is_held(self, step: StepRow, number: int) -> bool:
        """The fence: ``l.number = i.number``."""
        return step.lease == number

    def end(self, run: Run, outcome: str, *, expired_only: bool = False) -> bool:
        """``step.end``, then ``conclude`` where nothing follows by itself; tells whether it was accepted."""
        j, s, number = run
        job, step = self.jobs[j], self.jobs[j].steps[s]
        if step.lease is None or not self.is_held(step, number) or (expired_only and not self.is_overdue(step)):
            return False
        if number != step.tries:
            raise Bad("the result of a lease that was lost was accepted")
        before = self.queue()
        step.lease, step.expired, step.stop = None, False, False
        state, event = _OUTCOMES[outcome]
        next_step_state(step.state, event)
        step.state = state
        task, closing = self.plan[s].task, job.verdict is not None
        ready = False
        if self.may_follow(job, s):
            ready = self.unblock(job, s)
        if state is S.FAILED_RETRY and self.runs_again(job, s):
            self.enqueue(step)
        if state is S.WAITING:
            step.problem = True
        if task.cleanup or closing or not ready:
            self.conclude(j, before)
        return True

    def may_follow(self, job: JobRow, s: int) -> bool:
        """``passed``: others may follow this step, since the job's end is not certain."""
        task, state = self.plan[s].task, job.steps[s].state
        passed = state is S.FINISHED or (state is S.FAILED_FATAL and not task.critical)
        return passed and not task.cleanup and job.verdict is None

    def unblock(self, job: JobRow, s: int) -> bool:
        """Lessen what the dependants of a step wait for; tells whether one became ready."""
        ready = False
        for i in self.unlocks[s]:
            other = job.steps[i]
            if other.state is S.NONE:
                assert other.waiting is not None
                if other.waiting == 0:
                    raise Bad("a step was unlocked more often than it waits for")
                other.waiting -= 1
                if other.waiting == 0:
                    other.state = next_step_state(other.state, StepEvent.UNBLOCK)
                    self.enqueue(other)
                    ready = True
        return ready

    def enqueue(self, step: StepRow) -> None:
        """Insert into step_queue, whose primary key refuses a step that is there."""
        if step.queued:
            raise Bad("a step was queued twice")
        step.queued = True

    def extend(self, run: Run) -> bool:
        """``step.extend``: a lease that is still there is kept, even where it had run out; tells whether it is."""
        step = self.jobs[run[0]].steps[run[1]]
        if step.lease is None or not self.is_held(step, run[2]):
            return False
        if run[2] != step.tries:
            raise Bad("a worker was told that it holds what another one has")
        step.expired = False
        return True

    def is_overdue(self, step: StepRow) -> bool:
        """``l.expires_at < clock_timestamp()``: the rescuer looked a while ago."""
        return step.expired

    def give_back(self, run: Run) -> bool:
        """``step.give_back`` by the rescuer, of a lease that ran out."""
        step = self.jobs[run[0]].steps[run[1]]
        if step.lease is None or not self.is_held(step, run[2]) or not self.is_overdue(step):
            return False
        if not step.expired:
            raise Bad("a lease that was kept was taken away")
        step.vanished += 1
        self._run_again(run)
        return True

    def hand_back(self, run: Run) -> bool:
        """``step.give_back`` by the worker that holds the lease, or held it."""
        step = self.jobs[run[0]].steps[run[1]]
        if step.lease is None or not self.is_held(step, run[2]):
            return False
        self._run_again(run)
        return True

    def _run_again(self, run: Run) -> None:
        j, s, _ = run
        job, step = self.jobs[j], self.jobs[j].steps[s]
        before = self.queue()
        step.lease, step.expired, step.stop = None, False, False
        step.state = next_step_state(step.state, StepEvent.VANISH)
        if self.runs_again(job, s):
            self.enqueue(step)
        if job.verdict is not None:
            self.conclude(j, before)

    def runs_again(self, job: JobRow, s: int) -> bool:
        """A step is queued again unless the job's end is certain; clean-up always."""
        return self.plan[s].task.cleanup or job.verdict is None

    def conclude(self, j: int, before: frozenset[tuple[int, int]]) -> None:
        """``jobs.conclude``: judge, then settle or park; between the statements others may claim."""
        job = self.jobs[j]
        seen = self.looks_running(job)
        self.seam(before)
        self.judge(job)
        self.seam(before)
        if job.verdict is not None:
            self.settle(job, self.running(job, seen))
        else:
            self.park(job)

    def judge(self, job: JobRow) -> None:
        """``job.judge``: make the end certain if it is, and empty the queue then."""
        if job.state not in (J.STARTED, J.ABORTED_PENDING):
            return
        work = [(step, own.task) for step, own in zip(job.steps, self.plan, strict=True) if not own.task.cleanup]
        if job.verdict is None:
            if any(step.state is S.FAILED_FATAL and task.critical for step, task in work):
                job.verdict = J.FAILED_TOTAL
            elif any(step.state not in _OVER for step, _ in work):
                return
            else:
                warned = any(step.state is S.FAILED_FATAL for step, _ in work)
                job.verdict = J.FINISHED_WARNING if warned else J.FINISHED
        for step in job.steps:
            step.problem = False
        self.empty_queue(job)

    def empty_queue(self, job: JobRow) -> None:
        """Take the steps of a job whose end is certain out of the queue."""
        for step, own in zip(job.steps, self.plan, strict=True):
            if not own.task.cleanup:
                step.queued = False

    def looks_running(self, job: JobRow) -> bool:
        """Tell whether a step that is no clean-up is held."""
        return any(step.lease for step, own in zip(job.steps, self.plan, strict=True) if not own.task.cleanup)

    def running(self, job: JobRow, seen: bool) -> bool:
        """What ``job.settle`` sees: it is a statement of its own, so it sees claims that were committed after judge."""
        return self.looks_running(job)

    def settle(self, job: JobRow, running: bool) -> None:
        """``job.settle``: stop what runs, then the next clean-up step, then the end."""
        if job.verdict is None or job.state in ENDS:
            return
        clean_up = [step for step, own in zip(job.steps, self.plan, strict=True) if own.task.cleanup]
        if running:
            for step, own in zip(job.steps, self.plan, strict=True):
                step.stop = step.stop or (step.lease is not None and not own.task.cleanup)
            return
        if any(step.state not in (S.NONE, *_OVER) for step in clean_up):
            return
        called = next((step for step in clean_up if step.state is S.NONE), None)
        if called is not None:
            called.state = next_step_state(called.state, StepEvent.UNBLOCK)
            self.enqueue(called)
            return
        if job.verdict is J.FINISHED and any(step.state is S.FAILED_FATAL for step in clean_up):
            job.verdict = J.FINISHED_WARNING
        job.state = next_job_state(job.state, ENDS[job.verdict])
        job.under_way, job.slot = False, None

    def park(self, job: JobRow) -> None:
        """``job.park``: a job of which nothing runs and nothing can, but that has a step that waits, waits."""
        if (
            job.state is J.STARTED
            and any(step.state is S.WAITING for step in job.steps)
            and not any(step.lease or step.queued for step in job.steps)
        ):
            job.state = next_job_state(job.state, JobEvent.WAIT)
            job.under_way, job.slot = False, None

    def release(self, j: int, *, doomed: bool = False) -> None:
        """``problem.release``, after ``problem.doom`` if so: what the job waited for is gone, or not waited for longer."""
        job = self.jobs[j]
        freed = [step for step in job.steps if step.problem]
        for step in freed:
            step.problem = False
            step.doomed = step.doomed or doomed
        if job.state is J.WAITING:
            job.state, job.queued = next_job_state(job.state, JobEvent.RESUME), True
        elif job.state in (J.STARTED, J.ABORTED_PENDING) and job.verdict is None:
            for step in freed:
                if step.state is S.WAITING:
                    self.enqueue(step)

    def campaign(self, s: int) -> None:
        """``worker.campaign``: become or stay the leader; who is not told a term does not lead."""
        holder, term, expired = self.leader
        if holder == s or expired:
            self.leader = (s, term + (holder != s), False)
            self.terms[s] = self.leader[1]
        else:
            self.terms[s] = None

    def leads(self, s: int, term: int | None) -> bool:
        """``lead`` in ``job.admit``: the leadership row names this holder, this term, and has not run out."""
        return self.leader == (s, term, False)

    def is_free(self, slot: int) -> bool:
        """``fitting`` in ``job.admit``: whoever had the slot last has ended, or gave it back."""
        return all(job.slot != slot for job in self.jobs)

    def may_start(self, job: JobRow) -> bool:
        """It is in the queue, and its state is one that a job may be admitted from."""
        return job.queued and job.state is J.READY

    def admit(self, s: int, j: int, slot: int | None) -> bool:
        """``job.admit``: start the job that was chosen, in the slot that was chosen, if all of it still holds."""
        job = self.jobs[j]
        slot = None if job.immediate else slot
        if not self.leads(s, self.terms[s]) or not self.may_start(job):
            return False
        if not job.immediate and (slot is None or not self.is_free(slot)):
            return False
        if self.leader != (s, self.terms[s], False):
            raise Bad("somebody admitted a job who does not lead")
        job.queued, job.slot, job.under_way = False, slot, not job.immediate
        job.state = next_job_state(job.state, JobEvent.ADMIT)
        for step, own in zip(job.steps, self.plan, strict=True):
            if step.state is S.NONE and step.waiting == 0 and not own.task.cleanup:
                step.state = next_step_state(step.state, StepEvent.UNBLOCK)
                self.enqueue(step)
            elif step.state is S.WAITING:
                self.enqueue(step)
        return True

    def prioritise(self, j: int, *, immediate: bool) -> None:
        """``job.prioritise``: a job that is raised to IMMEDIATE gives its slot back."""
        job = self.jobs[j]
        job.immediate = immediate
        if immediate:
            job.slot, job.under_way = None, False

    def abort(self, j: int, cleanup: bool) -> None:
        """``job.abort`` with what follows it."""
        job, before = self.jobs[j], self.queue()
        drop = not cleanup and job.state in (J.READY, J.HOLD)
        job.state = next_job_state(job.state, JobEvent.DROP if drop else JobEvent.ABORT)
        job.verdict = J.ABORTED
        job.queued = False
        if drop:
            job.under_way, job.slot = False, None
        else:
            self.conclude(j, before)

    def queue(self) -> frozenset[tuple[int, int]]:
        """Return what is in step_queue."""
        return frozenset((j, s) for j, job in enumerate(self.jobs) for s, step in enumerate(job.steps) if step.queued)

    def seam(self, before: frozenset[tuple[int, int]]) -> None:
        """Let somebody claim between two statements, if that is this way's turn."""
        if self.pending_claim is not None and self.pending_claim[0] == self.seams:
            place = self.pending_claim[1]
            if place in before & self.queue() and len(self.runs) < self.workers:
                self.claim(*place)
                self.claimed = True
        self.seams += 1

    pending_claim: tuple[int, tuple[int, int]] | None = None
    #: How many seams the present move had so far.
    seams = 0
    claimed = False

    def check(self) -> None:
        """Raise ``Bad`` for what must not be, wherever it comes from."""
        if sum(job.under_way for job in self.jobs) > self.bounds.limit:
            raise Bad("more jobs are under way than there are slots")
        slots = [job.slot for job in self.jobs if job.slot is not None]
        if len(set(slots)) != len(slots):
            raise Bad("two jobs have one slot")
        for job in self.jobs:
            ended = job.state in ENDS
            if ended and (job.queued or job.slot or any(step.lease or step.queued for step in job.steps)):
                raise Bad("a job has ended and something of it goes on")
            if job.queued != (job.state is J.READY):
                raise Bad(f"a job is {job.state} and queued: {job.queued}")
            if job.under_way != (job.slot is not None):
                raise Bad("a job is under way without a slot, or has one without being so")
            if ended and job.state is not J.ABORTED:
                self._check_end(job)
            for step in job.steps:
                if step.queued and step.lease:
                    raise Bad("a step is queued and held")
                if (step.lease is not None) != (step.state in HELD):
                    raise Bad(f"a step is {step.state} and its lease {step.lease}")

    def _check_end(self, job: JobRow) -> None:
        fatal = [own.task for step, own in zip(job.steps, self.plan, strict=True) if step.state is S.FAILED_FATAL]
        total = any(task.critical and not task.cleanup for task in fatal)
        right = J.FAILED_TOTAL if total else J.FINISHED_WARNING if fatal else J.FINISHED
        if job.state is not right:
            raise Bad(f"a job is {job.state} and should be {right}")
        for step, own in zip(job.steps, self.plan, strict=True):
            if step.state not in _OVER and (own.task.cleanup or not total):
                raise Bad(f"a job is {job.state} and a step of it {step.state}")
