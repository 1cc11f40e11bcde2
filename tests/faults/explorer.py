"""All orders of everything that can happen to two jobs, two workers and two schedulers, gone through.

* A worker knows what it believes to hold: a step and a lease number. It reports an outcome of its own choice when it likes,
  also long after the step was given to somebody else, and twice when no answer came. A killed worker forgets.
* A scheduler believes in a term, chooses a job and a slot, and admits later, when all three may be stale.
* A lease runs out when its holder is gone; under a living holder that is a fault, like every kill and every lost answer.
* Faults and what operators do are limited by a budget. Without either, every state must have a way to the end of both jobs.

The sweeper is left out: it must not be needed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.faults.rules import ENDS, Bad, Rules, Run, State
from vidijob.errors import TransitionRefused
from vidijob.jobs.states import JobState

J = JobState
Move = tuple[str, Callable[[], object], bool]


class Model(Rules):
    """Who may do what when."""

    def moves(self) -> Iterator[Move]:
        """Yield what may happen now: in words, what it does, whether fate or an operator does it.

        What it does names rows by number: it can be done to any copy of the present state.
        """
        faults, aborts, *_ = self.budget
        if len(self.runs) < self.workers:
            for place in self.queue():
                yield f"claim {place}", partial(self.claim, *place), False
        for run in set(self.runs):
            yield from self._moves_of_a_run(run)
        for j, job in enumerate(self.jobs):
            for s, step in enumerate(job.steps):
                if step.lease is not None:
                    run = (j, s, step.lease)
                    if not step.expired and (run not in self.runs or faults):
                        yield f"lease runs out {run}", partial(self._expire, run), run in self.runs
                    if self.is_overdue(step):
                        yield f"rescue {run}", partial(self._rescue, run), False
            if any(step.problem for step in job.steps):
                yield f"problem gone {j}", partial(self.release, j), False
                yield f"problem failed {j}", partial(self.release, j, doomed=True), True
            if aborts and job.state in (J.READY, J.STARTED, J.WAITING):
                for cleanup in (True, False):
                    yield f"abort {j}, clean-up {cleanup}", partial(self._abort, j, cleanup), True
        for s in range(self.schedulers):
            yield from self._moves_of_a_scheduler(s)

    def _moves_of_a_run(self, run: Run) -> Iterator[Move]:
        j, s, number = run
        faults, _, fails, retries, waits = self.budget
        step = self.jobs[j].steps[s]
        ordered = step.stop and self.is_held(step, number)
        outcomes = ["done", *["fail"] * bool(fails or ordered), *["retry"] * bool(retries)]
        if waits and not self.plan[s].task.cleanup:
            outcomes.append("wait")
        if step.doomed and self.is_held(step, number):
            outcomes = ["fail"]
        for outcome in outcomes:
            yield f"report {run} {outcome}", partial(self._report, run, outcome, lost=False), False
            if faults:
                yield f"report {run} {outcome}, unanswered", partial(self._report, run, outcome, lost=True), True
        if not (step.lease == number and not step.expired and not step.stop):
            yield f"beat {run}", partial(self._beat, run), False
        if faults:
            yield f"kill the worker of {run}", partial(self._kill, run), True

    def _moves_of_a_scheduler(self, s: int) -> Iterator[Move]:
        holder, _, expired = self.leader
        faults, term = self.budget[0], self.terms[s]
        if expired or (term is not None and not self.leads(s, term)):
            yield f"campaign {s}", partial(self.campaign, s), False
        if holder == s and not expired and (faults or term is None):
            yield f"leadership runs out {s}", partial(self._end_term, s), term is not None
        if term is None:
            return
        if self.plans[s] is not None:
            yield f"admit {s}", partial(self._admit, s), False
        else:
            queued = [j for j, job in enumerate(self.jobs) if job.queued]
            free = [slot for slot in range(1, self.bounds.limit + 1) if self.is_free(slot)]
            if queued and free:
                yield f"choose {s}", partial(self._choose, s, queued[0], free[0]), False
        if faults:
            yield f"kill scheduler {s}", partial(self._kill_scheduler, s), True

    def _abort(self, j: int, cleanup: bool) -> None:
        self._spend(1)
        self.abort(j, cleanup)

    def _kill(self, run: Run) -> None:
        self._spend(0)
        self.runs.remove(run)

    def _choose(self, s: int, job: int, slot: int) -> None:
        self.plans[s] = (job, slot)

    def _admit(self, s: int) -> None:
        chosen, self.plans[s] = self.plans[s], None
        if chosen is not None:
            self.admit(s, *chosen)

    def _kill_scheduler(self, s: int) -> None:
        self._spend(0)
        self.terms[s] = self.plans[s] = None

    def _report(self, run: Run, outcome: str, *, lost: bool) -> None:
        step = self.jobs[run[0]].steps[run[1]]
        ordered = (step.stop or step.doomed) and self.is_held(step, run[2]) and outcome == "fail"
        if self.end(run, outcome) and not ordered:
            self._spend({"done": None, "fail": 2, "retry": 3, "wait": 4}[outcome])
        if lost:
            self._spend(0)
        else:
            self.runs.remove(run)

    def _beat(self, run: Run) -> None:
        if not self.extend(run):
            self.runs.remove(run)

    def _expire(self, run: Run) -> None:
        if run in self.runs:
            self._spend(0)
        self.jobs[run[0]].steps[run[1]].expired = True

    def _rescue(self, run: Run) -> None:
        if self.jobs[run[0]].steps[run[1]].vanished >= self.most_vanished:
            self.end(run, "fail", expired_only=True)
        else:
            self.give_back(run)

    def _end_term(self, s: int) -> None:
        if self.terms[s] is not None:
            self._spend(0)
        self.leader = (*self.leader[:2], True)

    def _spend(self, what: int | None) -> None:
        if what is not None:
            self.budget[what] -= 1

    def ways(self, state: State) -> Iterator[tuple[str, State, bool]]:
        """Yield every state that may follow, with the move in words and whether fate or an operator made it."""
        self.load(state)
        claimable = sorted(self.queue()) if len(self.runs) < self.workers else []
        for words, move, by_fate in list(self.moves()):
            yield words, self._after(state, words, move), by_fate
            for seam in range(self.seams):
                for place in claimable:
                    after = self._after(state, words, move, (seam, place))
                    if self.claimed:
                        yield f"{words}, with a claim of {place} within", after, by_fate

    def _after(
        self, state: State, words: str, move: Callable[[], object], claim: tuple[int, tuple[int, int]] | None = None
    ) -> State:
        self.load(state)
        self.pending_claim, self.seams, self.claimed = claim, 0, False
        try:
            move()
            self.check()
        except (Bad, TransitionRefused) as bad:
            raise Bad(f"{words}: {bad}") from bad
        return self.state()


@dataclass
class Findings:
    """What a search came to."""

    states: int = 0
    moves: int = 0
    #: What is wrong first, and the way to it.
    bad: str | None = None
    way: list[str] = field(default_factory=list)


def explore(model: Model, most: int = 400_000) -> Findings:
    """Go through everything that may follow; stops at the first bad state, or at one that no way leads out of."""
    start = model.start()
    came: dict[State, tuple[State, str] | None] = {start: None}
    back: defaultdict[State, list[State]] = defaultdict(list)
    found, ends = Findings(), []
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        found.states += 1
        if found.states > most:
            raise AssertionError(f"more than {most} states: the bounds are too wide")
        if all(job[0] in ENDS for job in state[0]):
            ends.append(state)
        try:
            for words, after, by_fate in model.ways(state):
                found.moves += 1
                if not by_fate:
                    back[after].append(state)
                if after not in came:
                    came[after] = (state, words)
                    waiting.append(after)
        except Bad as bad:
            found.bad, found.way = str(bad), _way(came, state)
            return found
    stuck = _without_a_way_out(came, back, ends)
    if stuck is not None:
        found.bad, found.way = "no way leads to the end from here", _way(came, stuck)
    return found


def _without_a_way_out(
    came: dict[State, tuple[State, str] | None], back: dict[State, list[State]], ends: list[State]
) -> State | None:
    safe, waiting = set(ends), deque(ends)
    while waiting:
        for state in back.get(waiting.popleft(), ()):
            if state not in safe:
                safe.add(state)
                waiting.append(state)
    return next((state for state in came if state not in safe), None)


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    words = []
    while (step := came[state]) is not None:
        state = step[0]
        words.append(step[1])
    return words[::-1]
