"""Operations on a real database by the store's functions, and beside them on the model of ``rules``: after each the two must
be the same, row by row. So the rules that the explorer goes through are those of the SQL.

An operation takes numbers, which pick a job, a lease, an outcome among those that are there, also among those that are long
stale; hypothesis or a seed chooses them. ``drain`` then brings all jobs to their end, and the checker reads the log.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.faults import checker
from tests.faults.rules import ENDS, Bounds, Rules, Run
from vidijob.access import ROLES, User
from vidijob.engine.bell import Bell
from vidijob.engine.commands import Commands
from vidijob.errors import TransitionRefused
from vidijob.jobs.model import JobId, Lease, Priority, WorkerId
from vidijob.jobs.policy import Admission
from vidijob.jobs.states import JobState, StepState
from vidijob.store import admissions, arrivals, counts, direct, jobs, problems, slots, steps, workers
from vidijob.store.arrivals import Opening
from vidijob.store.database import Database
from vidijob.store.direct import Offer
from vidijob.store.jobs import NewJob
from vidijob.store.steps import End, Held

LONG = timedelta(seconds=600)
_ADMIN = User("admin", frozenset(ROLES))
_PRIORITIES = (Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.IMMEDIATE)
_OUTCOMES = {
    "done": StepState.FINISHED,
    "fail": StepState.FAILED_FATAL,
    "retry": StepState.FAILED_RETRY,
    "wait": StepState.WAITING,
}
_JOBS = """
SELECT j.id, j.state, j.verdict, q.job_id IS NOT NULL AS queued, s.number AS slot, j.priority = 'IMMEDIATE' AS immediate
FROM job j LEFT JOIN job_queue q ON q.job_id = j.id LEFT JOIN seat s ON s.job_id = j.id ORDER BY j.id
"""
_STEPS = """
SELECT s.job_id, s.state, s.waiting, q.job_id IS NOT NULL AS queued, l.number AS lease,
       coalesce(l.expires_at < clock_timestamp(), false) AS expired, coalesce(l.stop, false) AS stop, s.tries, s.vanished,
       p.job_id IS NOT NULL AS problem, s.doom IS NOT NULL AS doomed
FROM step s
LEFT JOIN step_queue q ON q.job_id = s.job_id AND q.step = s.number
LEFT JOIN lease l ON l.job_id = s.job_id AND l.step = s.number
LEFT JOIN problem_job p ON p.job_id = s.job_id AND p.step = s.number
ORDER BY s.job_id, s.number
"""
_STEP_COLUMNS = ("state", "waiting", "queued", "lease", "expired", "stop", "tries", "vanished", "problem", "doomed")
_CLEAR = (
    "DELETE FROM event; DELETE FROM problem; DELETE FROM slot; DELETE FROM job_queue; DELETE FROM step_queue;"
    "DELETE FROM lease; DELETE FROM step; DELETE FROM earlier_attempt; DELETE FROM sub_task; DELETE FROM job;"
    "DELETE FROM leader; DELETE FROM worker; DELETE FROM job_count; DELETE FROM job_count_change"
)


class Differs(AssertionError):
    """The database did not do what the rules say."""


@dataclass(frozen=True)
class Hold:
    """What some worker believes to hold, rightly or not any more."""

    run: Run
    held: Held
    worker: WorkerId
    doomed: bool


class Driver:
    """One history, on a database of its own."""

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database = database
        self._rules = Rules(bounds)
        self._rules.most_vanished = 1
        self._rules.start()
        self._rules.jobs = []
        self._commands = Commands(database, Bell(database), self._plan, "VX")
        self._ids: list[JobId] = []
        self._holds: list[Hold] = []
        self._stale: list[Hold] = []
        self._journal: list[checker.Begun] = []
        self._workers = [WorkerId(uuid4()) for _ in range(2)]
        self._schedulers = [uuid4() for _ in range(2)]

    async def _plan(self, _: str) -> Any:
        return self._rules.plan

    async def start(self) -> None:
        """Empty the database and make the slots."""
        await self._sql(_CLEAR)
        await self.campaign(0)
        limit = range(1, self._rules.bounds.limit + 1)
        await slots.arrange(self._database, self._schedulers[0], 1, dict.fromkeys(limit, Priority.LOWEST), [])

    # Operations. #

    async def submit(self, a: int, b: int = 0) -> None:
        """Submit a job of some priority."""
        if len(self._ids) >= 12:
            return
        priority = _PRIORITIES[a % 4]
        new = NewJob("FAULT", JobState.READY, priority, "admin", {}, self._rules.plan)
        (stored,) = await jobs.submit(self._database, [new])
        assert stored is not None
        self._ids.append(stored[0])
        job = self._rules.job()
        job.immediate = priority is Priority.IMMEDIATE
        self._rules.jobs.append(job)

    async def campaign(self, a: int, b: int = 0) -> None:
        """Let a scheduler stand for election."""
        s = a % 2
        term = await workers.campaign(self._database, "scheduler", self._schedulers[s], LONG)
        self._rules.campaign(s)
        self._same("the term", term, self._rules.terms[s])

    async def end_term(self, a: int = 0, b: int = 0) -> None:
        """Let the leadership run out."""
        await self._sql("UPDATE leader SET expires_at = clock_timestamp() - interval '1 s'")
        self._rules.leader = (*self._rules.leader[:2], True)

    async def admit(self, a: int, b: int) -> None:
        """Let a scheduler, who may not lead, admit a job, which may have gone, to a slot, which may be taken."""
        s = a % 2
        if not self._ids or self._rules.terms[s] is None:
            return
        j = (a // 2) % len(self._ids)
        slot = b % (self._rules.bounds.limit + 1) or None
        await self._admit(s, j, slot, self._offer(a // 2, (b // 8) % 2))

    async def arrive(self, a: int, b: int) -> None:
        """Let a scheduler, who may not lead, store a job and start it at once, in a slot that may be taken."""
        s = a % 2
        term = self._rules.terms[s]
        if len(self._ids) >= 12 or term is None:
            return
        priority = _PRIORITIES[(a // 2) % 4]
        new = NewJob("FAULT", JobState.READY, priority, "admin", {}, self._rules.plan)
        slot = b % (self._rules.bounds.limit + 1) or None
        offer = self._offer(a // 8, (b // 8) % 2)
        # Behind the last one nothing waits.
        behind = self._ids[-1] if self._ids and (b // 16) % 2 else JobId(0)
        opening = Opening(self._schedulers[s], term, None, slot, behind)
        async with self._database.session() as session:
            arrived = await arrivals.start(session, new, opening, offer)
        job, before = self._rules.job(), self._rules.queue()
        job.immediate = priority is Priority.IMMEDIATE
        overtakes = not job.immediate and not behind and any(other.queued for other in self._rules.jobs)
        self._ids.append(arrived.job)
        self._rules.jobs.append(job)
        started = not overtakes and self._rules.admit(s, len(self._ids) - 1, slot)
        self._same("started", arrived.started, started)
        self._given(arrived.leases, offer, self._rules.queue() - before, arrived.queued)

    def _offer(self, a: int, room: int) -> Offer:
        return Offer(self._workers[a % 2], ["test"], room, LONG)

    async def _admit(self, s: int, j: int, slot: int | None, offer: Offer) -> None:
        term = self._rules.terms[s]
        assert term is not None
        before = self._rules.queue()
        admission = Admission(self._ids[j], slot)
        admitted = await admissions.admit(self._database, self._schedulers[s], term, [admission], offer)
        self._same("admitted", admitted.started == [self._ids[j]], self._rules.admit(s, j, slot))
        assert before <= self._rules.queue()
        self._given(admitted.leases, offer, self._rules.queue() - before, admitted.queued)

    def _given(self, leases: Sequence[Lease], offer: Offer, ready: frozenset[tuple[int, int]], queued: bool) -> None:
        """Compare what was given to a worker, and queued, with what became ready by it."""
        fresh = [(j, s) for j, s in ready if self._rules.jobs[j].steps[s].state is not StepState.WAITING]
        self._same("given", len(leases), min(len(fresh), offer.room))
        self._same("queued", queued, len(ready) > len(leases))
        for lease in leases:
            self._take(lease, offer.worker)

    async def claim(self, a: int, b: int) -> None:
        """Let a worker claim one or two steps."""
        await self._claim(self._workers[a % 2], 1 + b % 2)

    async def _claim(self, worker: WorkerId, limit: int) -> None:
        leases = await steps.claim(self._database, worker, ["test"], limit=limit, urgent_only=False, duration=LONG)
        if len(leases) < min(limit, len(self._rules.queue())):
            raise Differs(f"claimed {len(leases)} of {self._rules.queue()}")
        for lease in leases:
            self._take(lease, worker)

    def _take(self, lease: Lease, worker: WorkerId) -> None:
        j = self._ids.index(lease.job)
        s = [step.task.step for step in self._rules.plan].index(lease.step)
        if (j, s) not in self._rules.queue():
            raise Differs(f"{(j, s)} was claimed and not in the queue")
        self._rules.claim(j, s)
        self._rules.runs.clear()
        step = self._rules.jobs[j].steps[s]
        self._same("doomed", lease.doom is not None, step.doomed)
        self._journal.append(checker.Begun(lease.job, lease.step, lease.number))
        held = Held(lease.job, lease.step, lease.number)
        self._holds.append(Hold((j, s, step.tries), held, worker, step.doomed))

    async def extend(self, a: int, b: int = 0) -> None:
        """Let a worker keep a lease, also one that it lost."""
        hold = self._pick(a)
        if hold is None:
            return
        kept = await steps.extend(self._database, {hold.held: None}, LONG)
        stop = self._rules.jobs[hold.run[0]].steps[hold.run[1]].stop
        self._same("kept", kept, {hold.held: stop} if self._rules.extend(hold.run) else {})

    async def end(self, a: int, b: int) -> None:
        """Let a worker report how an attempt ended, also one that it lost, or that it has reported before."""
        hold = self._pick(a)
        if hold is not None:
            outcome = ("done", "done", "done", "fail", "retry", "retry", "wait", "wait")[b % 8]
            await self._end(hold, outcome, self._offer(b // 16, (b // 16) % 3) if (b // 8) % 2 else None)

    async def _end(self, hold: Hold, outcome: str, offer: Offer | None = None) -> None:
        s = hold.run[1]
        if hold.doomed:
            outcome = "fail"
        if outcome == "wait" and self._rules.plan[s].task.cleanup:
            outcome = "retry"
        data = {f"lease-{hold.held.step}": [str(hold.held.number)]} if outcome == "done" else {}
        problem = ("TEST", {"job": str(hold.held.job)}) if outcome == "wait" else None
        end = End(
            hold.held, _OUTCOMES[outcome], error=None if outcome == "done" else outcome, data=data, problem=problem
        )
        if offer is not None and direct.may_be(end) and await self._end_directly(hold, end, offer):
            return
        ended = await steps.end(self._database, [end])
        before = {id for id, job in zip(self._ids, self._rules.jobs, strict=True) if job.state in ENDS}
        self._same("accepted", ended.accepted == {hold.held}, self._rules.end(hold.run, outcome))
        after = {id for id, job in zip(self._ids, self._rules.jobs, strict=True) if job.state in ENDS}
        self._same("ended", set(ended.over), after - before)
        self._drop(hold)

    async def _end_directly(self, hold: Hold, end: End, offer: Offer) -> bool:
        """Let a worker end an attempt and go on in one statement; tells whether that was done, which it may not be."""
        ended = await direct.end(self._database, [end], offer)
        if not ended.accepted:
            self._same("what is not accepted", ended, direct.Ended(set(), [], [], False))
            return False
        before = {id for id, job in zip(self._ids, self._rules.jobs, strict=True) if job.state in ENDS}
        queue = self._rules.queue()
        self._same("accepted", True, self._rules.end(hold.run, "done"))
        after = {id for id, job in zip(self._ids, self._rules.jobs, strict=True) if job.state in ENDS}
        self._same("ended", set(ended.over), after - before)
        self._drop(hold)
        self._given(ended.leases, offer, self._rules.queue() - queue, ended.queued)
        return True

    async def hand_back(self, a: int, b: int = 0) -> None:
        """Let a worker hand a step back, also one that it lost."""
        hold = self._pick(a)
        if hold is None:
            return
        back = await steps.give_back(self._database, [hold.held], hold.worker)
        self._same("handed back", back == [hold.held], self._rules.hand_back(hold.run))
        self._drop(hold)

    async def expire(self, a: int, b: int = 0) -> None:
        """Let a lease run out, or go on that had run out."""
        hold = self._pick(a)
        if hold is None:
            return
        await self._expire(hold, over=bool(b % 4))

    async def _expire(self, hold: Hold, *, over: bool) -> None:
        by = "-" if over else "+"
        await self._sql(
            f"UPDATE lease SET expires_at = clock_timestamp() {by} interval '600 s' WHERE number = {hold.held.number}"
        )
        step = self._rules.jobs[hold.run[0]].steps[hold.run[1]]
        if step.lease == hold.run[2]:
            step.expired = over

    async def rescue(self, a: int, b: int = 0) -> None:
        """Let the rescuer give back a lease that it believes to have run out."""
        hold = self._pick(a)
        if hold is None:
            return
        if b % 2:
            await self._expire(hold, over=True)
        if self._rules.jobs[hold.run[0]].steps[hold.run[1]].vanished >= self._rules.most_vanished:
            end = End(hold.held, StepState.FAILED_FATAL, error="vanished")
            ended = await steps.end(self._database, [end], expired_only=True)
            self._same("given up", ended.accepted == {hold.held}, self._rules.end(hold.run, "fail", expired_only=True))
        else:
            back = await steps.give_back(self._database, [hold.held], None)
            self._same("given back", back == [hold.held], self._rules.give_back(hold.run))

    async def abort(self, a: int, b: int) -> None:
        """Abort a job, whatever its state."""
        if not self._ids:
            return
        j = a % len(self._ids)
        expected: JobState | None = None
        try:
            self._rules.abort(j, cleanup=bool(b % 2))
            expected = self._rules.jobs[j].state
        except TransitionRefused:
            pass
        async with self._database.transaction() as session:
            await jobs.lock(session, [self._ids[j]])
            marked = await jobs.abort(session, self._ids[j], cleanup=bool(b % 2), actor="admin", reason="test")
            over = await jobs.conclude(session, [self._ids[j]]) if marked is JobState.ABORTED_PENDING else []
        self._same("aborted", JobState.ABORTED if over else marked, expected)

    async def prioritise(self, a: int, b: int) -> None:
        """Give a job another priority."""
        if not self._ids:
            return
        j, priority = a % len(self._ids), _PRIORITIES[b % 4]
        job, immediate = self._rules.jobs[j], priority is Priority.IMMEDIATE
        if job.immediate and immediate and job.state is not JobState.READY:
            return  # the log would not tell the checker what it was before
        refused = job.state in ENDS or (job.immediate and not immediate and job.state is not JobState.READY)
        try:
            await self._commands.prioritise(_ADMIN, f"VX-{self._ids[j]}", priority)
        except TransitionRefused:
            self._same("prioritised", False, not refused)
        else:
            self._same("prioritised", True, not refused)
            self._rules.prioritise(j, immediate=immediate)

    async def resolve(self, a: int, b: int) -> None:
        """Let a problem be gone, or let its job fail."""
        known = await problems.listing(self._database)
        waiting = {j for j, job in enumerate(self._rules.jobs) if any(step.problem for step in job.steps)}
        self._same("held back", {self._ids.index(id) for one in known for id in one.jobs}, waiting)
        if known:
            problem, doom = known[a % len(known)], b % 3 == 0
            await problems.resolve(
                self._database, problem.id, actor="admin", remark="test", doom="let fail" if doom else None
            )
            for id in problem.jobs:
                self._rules.release(self._ids.index(id), doomed=doom)

    # Comparing. #

    async def same(self) -> None:
        """Raise ``Differs`` unless the database is what the rules say, and ``Bad`` where that must not be."""
        self._rules.check()
        async with self._database.session() as session:
            job_rows = await session._connection.fetch(_JOBS)
            step_rows = await session._connection.fetch(_STEPS)
        self._same("the jobs", [row["id"] for row in job_rows], self._ids)
        tries = {hold.held.number: hold.run[2] for hold in [*self._holds, *self._stale]}
        numbers = iter(step_rows)
        for row, job in zip(job_rows, self._rules.jobs, strict=True):
            where = f"job {row['id']}"
            for name in ("state", "verdict", "queued", "slot", "immediate"):
                self._same(f"{name} of {where}", row[name], getattr(job, name))
            for step, own in zip(job.steps, self._rules.plan, strict=True):
                there = dict(next(numbers))
                there["lease"] = tries.get(there["lease"], there["lease"])
                for name in _STEP_COLUMNS:
                    self._same(f"{name} of step {own.task.step} of {where}", there[name], getattr(step, name))

    async def drain(self) -> None:
        """Bring every job to its end, as the engine would."""
        for _ in range(200):
            if all(job.state in ENDS for job in self._rules.jobs):
                return
            await self._sql("UPDATE step_queue SET ready_at = clock_timestamp()")
            # A few at a time: also what one statement wrote is divided.
            await counts.fold(self._database, 5)
            await self._lead()
            for place, hold in enumerate(list(self._holds)):
                await self._end(hold, "done", self._offer(0, 1) if place % 2 else None)
            await self._claim(self._workers[0], 8)
            for j, job in enumerate(self._rules.jobs):
                if any(step.problem for step in job.steps):
                    await self.resolve(j, 1)
                if job.state is JobState.READY:
                    free = [n for n in range(1, self._rules.bounds.limit + 1) if self._rules.is_free(n)]
                    if free or job.immediate:
                        await self._admit(0, j, free[0] if free else None, self._offer(0, j % 2))
            await self.same()
            self._same("strays", await jobs.stray(self._database), [])
        raise Differs(f"not at the end: {[job.state.value for job in self._rules.jobs]}")

    async def _lead(self) -> None:
        if not self._rules.leads(0, self._rules.terms[0]):
            await self.end_term()
            await self.campaign(0)

    async def check(self) -> None:
        """Let the checker read the log of what has ended."""
        async with self._database.session() as session:
            log = await checker.read(session._connection)  # type: ignore[arg-type]
        found = checker.breaches(log, limit=self._rules.bounds.limit, acknowledged=self._ids, journal=self._journal)
        if found:
            raise Differs("\n".join(found))

    def _pick(self, a: int) -> Hold | None:
        """Return a hold: one of any time, one that was lost and whose step another has now, or one that counts."""
        known = [*self._holds, *self._stale[-8:]]
        steps_of = {hold: self._rules.jobs[hold.run[0]].steps[hold.run[1]].lease for hold in known}
        contested = [hold for hold, lease in steps_of.items() if lease not in (None, hold.run[2])]
        counting = [hold for hold, lease in steps_of.items() if lease == hold.run[2]]
        chosen = (known, contested, contested, counting)[a % 4] or counting or known
        return chosen[(a // 4) % len(chosen)] if chosen else None

    def _drop(self, hold: Hold) -> None:
        if hold in self._holds:
            self._holds.remove(hold)
            self._stale.append(hold)

    def _same(self, what: str, there: object, expected: object) -> None:
        if there != expected:
            raise Differs(f"{what}: the database says {there!r}, the rules say {expected!r}")

    async def _sql(self, statements: str) -> None:
        async with self._database.session() as session:
            await session._connection.execute(statements)


#: How often each operation is chosen by a seed, of all.
WEIGHTS = {
    "submit": 5, "campaign": 1, "end_term": 1, "admit": 9, "arrive": 4, "claim": 10, "extend": 3, "end": 10, "hand_back": 3, "expire": 2,
    "rescue": 6, "abort": 2, "prioritise": 1, "resolve": 5,
}  # fmt: skip


async def history(database: Database, bounds: Bounds, seed: int, operations: int) -> None:
    """Go through one history chosen by a seed; raises what is wrong with it."""
    chance = random.Random(seed)
    driver = Driver(database, bounds)
    await driver.start()
    await driver.submit(1)
    await driver.admit(0, 1)
    names = list(WEIGHTS)
    for name in chance.choices(names, weights=[WEIGHTS[name] for name in names], k=operations):
        operation: Callable[[int, int], Awaitable[None]] = getattr(driver, name)
        await operation(chance.randrange(1000), chance.randrange(1000))
        await driver.same()
    await driver.drain()
    await driver.check()
