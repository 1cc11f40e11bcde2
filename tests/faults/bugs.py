"""Bugs, written into the statements as they are in ``sql/queries`` and into the rules of the model. Each must be caught.

A bug of a statement is a piece of its text and what stands there instead; where the statement was changed so that the piece
is not there any more, the test of the bugs says so, and the bug has to be written anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from tests.faults.rules import Bounds, JobRow, Rules, StepRow
from vidijob.jobs.states import JobState
from vidijob.store import queries

JOIN = "l.number = i.number AND "
#: In an admission: who had the slot has ended.
FREE = "    AND (SELECT finished IS NULL FROM job WHERE id = s.job_id) IS NOT TRUE\n"


@dataclass(frozen=True)
class Bug:
    """A bug in a statement."""

    #: What is wrong, in words.
    words: str
    #: The statement, and in it (text, what stands there instead).
    query: str
    changes: tuple[tuple[str, str], ...]
    #: What stands otherwise in other statements, where one alone would not do.
    besides: tuple[Bug, ...] = ()


BUGS = [
    Bug(
        "no fence: the end of an attempt does not name its lease",
        "step.end",
        (
            ("FROM lease l JOIN input i USING (job_id, step, number)", "FROM lease l JOIN input i USING (job_id, step)"),
            (JOIN, ""),
        ),
    ),
    Bug(
        "no fence: a beat keeps whatever lease the step has",
        "step.extend",
        (
            ("FROM lease l JOIN beat b USING (job_id, step, number)", "FROM lease l JOIN beat b USING (job_id, step)"),
            (" AND l.number = b.number", ""),
        ),
    ),
    Bug(
        "no fence: a step is given back whoever has it now",
        "step.give_back",
        (
            ("FROM lease l JOIN input i USING (job_id, step, number)", "FROM lease l JOIN input i USING (job_id, step)"),
            (JOIN, ""),
        ),
    ),
    Bug(
        "a lease that was kept is given back",
        "step.give_back",
        (("WHERE l.worker = $2::uuid OR l.expires_at < clock_timestamp()", "WHERE $2::uuid IS NULL OR true"),),
    ),
    Bug(
        "a lease that was kept is given up as hopeless",
        "step.end",
        (("(NOT $2::boolean OR l.expires_at < clock_timestamp())", "$2::boolean IS NOT NULL"),),
    ),
    Bug("a slot is not looked at: a bare counter", "job.admit", ((FREE, ""),)),
    Bug("a slot is free when the end is certain, not when it has come", "job.admit", ((FREE, FREE.replace("finished", "verdict")),)),
    Bug("a slot is not free though its job has ended", "job.admit", ((FREE, "    AND s.job_id IS NULL\n"),)),
    Bug(
        "a job is admitted that is not queued, from any state",
        "job.admit",
        (
            ("FROM job_queue q JOIN job j ON j.id = q.job_id\n  WHERE q.job_id", "FROM job j\n  WHERE j.id"),
            (" OF j SKIP LOCKED FOR UPDATE OF q", ""),
            ("AND j.state = ANY ($5::text[]::job_state[])", "AND $5::text[] IS NOT NULL"),
        ),
    ),
    Bug(
        "the leader's term is not looked at",
        "job.admit",
        (
            (
                "WHERE role = 'scheduler' AND holder = $1::uuid AND term = $2::bigint AND expires_at > clock_timestamp()",
                "WHERE role = 'scheduler' AND $1::uuid IS NOT NULL AND $2::bigint > 0",
            ),
        ),
    ),
    Bug(
        "a term does not grow with a new leader",
        "worker.campaign",
        (("term = l.term + (l.holder <> excluded.holder)::integer", "term = l.term"),),
    ),
    Bug(
        "a second scheduler becomes leader beside the first",
        "worker.campaign",
        (("WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()", ""),),
    ),
    Bug("a job that waits keeps its slot", "job.park", (("WHERE slot.job_id = p.id", "WHERE false"),)),
    Bug(
        "a job's end leaves its steps in the queue",
        "job.judge",
        (("WHERE c.verdict IS NOT NULL AND q.job_id = c.id AND s.job_id", "WHERE false AND q.job_id = c.id AND s.job_id"),),
    ),
    Bug(
        "a job ends while its steps run: abort does not look at leases",
        "job.settle",
        (("coalesce(bool_or(l.job_id IS NOT NULL AND NOT s.cleanup), false) AS running", "false AS running"),),
    ),
    Bug(
        "clean-up steps are called all at once",
        "job.settle",
        (
            ("coalesce(bool_or(s.cleanup AND s.state NOT IN ('NONE', 'FINISHED', 'FAILED_FATAL')), false) AS cleaning", "false AS cleaning"),
        ),
    ),
    Bug(
        "a step is queued once more when it is tried again",
        "step.end",
        (
            ("FROM ended WHERE state = 'FAILED_RETRY' AND (cleanup OR NOT closing)\n", "FROM ended CROSS JOIN generate_series(1, 2) WHERE state = 'FAILED_RETRY' AND (cleanup OR NOT closing)\n"),
        ),
    ),
    Bug(
        "the try before is forgotten when a step is claimed again",
        "step.claim",
        (("WHERE s.tries > 1", "WHERE s.tries > 99"),),
    ),
    Bug(
        "a step that vanished is not queued again",
        "step.give_back",
        (("FROM gone WHERE cleanup OR NOT closing", "FROM gone WHERE false"),),
    ),
    Bug(
        "dependants are freed though the job's end is certain",
        "step.end",
        (("WHERE NOT e.cleanup AND NOT e.closing AND (e.state", "WHERE NOT e.cleanup AND (e.state"),),
    ),
    Bug(
        "dependants are freed by a failure that fails the job",
        "step.end",
        (("(e.state = 'FINISHED' OR (e.state = 'FAILED_FATAL' AND NOT e.critical))", "e.state IN ('FINISHED', 'FAILED_FATAL')"), ("f.critical AND NOT f.cleanup", "false")),
    ),
    Bug(
        "dependants are freed by a step that is only tried again",
        "step.end",
        (("(e.state = 'FINISHED' OR", "(e.state IN ('FINISHED', 'FAILED_RETRY') OR"),),
    ),
    Bug(
        "dependants are freed twice by one end",
        "step.end",
        (("SET waiting = s.waiting - f.n,", "SET waiting = greatest(s.waiting - 2 * f.n, 0),"), ("CASE WHEN s.waiting - f.n = 0", "CASE WHEN s.waiting - 2 * f.n <= 0")),
    ),
    Bug(
        "a failure that is not critical fails the job",
        "job.judge",
        (("s.state = 'FAILED_FATAL' AND s.critical) AS failed", "s.state = 'FAILED_FATAL') AS failed"),),
    ),
    Bug(
        "an aborted job stays in the queue",
        "job.abort",
        (("DELETE FROM job_queue q USING aborted a WHERE q.job_id = a.id", "DELETE FROM job_queue q USING aborted a WHERE false"),),
    ),
    Bug(
        "a job is aborted twice",
        "job.abort",
        (("WHEN state = ANY ($3::text[]::job_state[]) THEN", "WHEN $3::text[] IS NOT NULL AND state <> 'ABORTED' THEN"),),
    ),
    Bug(
        "a job waits though a step of it runs",
        "job.park",
        (("AND NOT EXISTS (SELECT FROM lease l WHERE l.job_id = j.id)", ""),),
    ),
    Bug(
        "a step that waited is not run again while its job runs",
        "problem.release",
        (("WHERE s.state = 'WAITING' AND j.state IN", "WHERE false AND j.state IN"),),
    ),
    Bug("a vanished worker is not counted", "step.give_back", (("vanished = s.vanished + ($2::uuid IS NULL)::integer", "vanished = s.vanished + ($2::uuid IS NULL AND false)::integer"),)),
    Bug(
        "an event is not written",
        "step.end",
        (("SELECT job_id, number, old::text, state::text, worker::text, error FROM ended\n", "SELECT job_id, number, old::text, state::text, worker::text, error FROM ended WHERE state <> 'FAILED_RETRY'\n"),),
    ),
    Bug("a new job is not counted", "job.submit", (("FROM made GROUP BY", "FROM made WHERE false GROUP BY"),)),
    Bug("an admission is not counted", "job.admit", (("FROM started GROUP BY", "FROM started WHERE false GROUP BY"),)),
    Bug("an end is not counted", "job.settle", (("FROM ended GROUP BY", "FROM ended WHERE false GROUP BY"),)),
    Bug("a wait is not counted", "job.park", (("FROM parked GROUP BY", "FROM parked WHERE false GROUP BY"),)),
    Bug("an abort is not counted", "job.abort", (("owner, priority, 1 FROM aborted", "owner, priority, 1 FROM aborted WHERE false"),)),
    Bug("a job that goes on is not counted", "problem.release", (("FROM resumed GROUP BY", "FROM resumed WHERE false GROUP BY"),)),
    Bug("another priority is counted on one side only", "job.prioritise", (("NULL::job_state, owner, old, 1 FROM changed", "NULL::job_state, owner, old, 1 FROM changed WHERE false"),)),
    Bug("no fence: a direct end does not name its lease", "direct.end", ((" AND l.number = f.number", ""),)),
    Bug("a job goes on directly though something else of it is under way", "direct.end", (("AND NOT others.busy ", ""),)),
    Bug("a job goes on directly though its end is certain", "direct.end", (("AND own.cleanup = (j.verdict IS NOT NULL)\n", "\n"),)),
    Bug("a direct end is not counted", "direct.end", (("FROM over GROUP BY", "FROM over WHERE false GROUP BY"),)),
    Bug("a direct end is no event", "direct.end", (("  GROUP BY job_id\n)", "  GROUP BY job_id HAVING false\n)"),)),
    Bug("the event of a direct end does not say that the job is over", "direct.end", (("' scheduler' FROM over", "' scheduler' FROM over WHERE false"),)),
    Bug("a failure is forgotten by a direct end", "direct.end", (("j.verdict IS NULL AND others.warned", "j.verdict IS NULL AND false"),)),
    Bug("a step is given to a worker and queued", "direct.end", (("FROM freer WHERE state = 'READY'\n)", "FROM freer WHERE state <> 'NONE'\n)"),)),
    Bug("the first step is given to a worker and queued", "job.admit", (("FROM begun WHERE NOT direct\n        UNION", "FROM begun\n        UNION"),)),
    Bug("a worker is given more than it offers to take", "job.admit", (("$10::integer >= count(*)", "$10::integer + 1 >= count(*)"),)),
    Bug("a job arrives in a slot that is not looked at", "arrival.start", ((FREE, ""),)),
    Bug("a job arrives by a term that is over", "arrival.start", (("holder = $2::uuid AND term = $3::bigint AND expires_at > clock_timestamp()", "$2::uuid IS NOT NULL AND $3::bigint > 0"),)),
    Bug("a job that arrives overtakes one that waits", "arrival.start", ((" AND NOT EXISTS (SELECT FROM job_queue WHERE job_id > $11::bigint)", " AND $11::bigint IS NOT NULL"),)),
    Bug("a job that arrives is started and queued", "arrival.start", (("FROM made WHERE state = 'READY'\n", "FROM made\n"),)),
    Bug("a job that arrives is not counted", "arrival.start", (("priority, 1 FROM made\n", "priority, 1 FROM made WHERE false\n"),)),
    Bug("a step of a job that arrives is given to a worker and queued", "arrival.start", (("WHERE p.state = 'READY'", "WHERE p.state <> 'NONE'"),)),
    Bug("a worker is given more by an arrival than it offers to take", "arrival.start", (("$8::integer >= count(*)", "$8::integer + 1 >= count(*)"),)),
    Bug("that a job has started with its arrival is no event", "arrival.start", (("STARTED scheduler' AS said FROM admitted\n", "STARTED scheduler' AS said FROM admitted WHERE false\n"),)),
    Bug("a change is folded that was not taken", "count.fold", (("LIMIT $1::integer", "LIMIT $1::integer - 1"), ("FROM taken t,", "FROM job_count_change t,"))),
]  # fmt: skip


#: The same in the statements of the outbox.
OUTBOX_BUGS = [
    Bug(
        "the cursor passes over transactions that are still open",
        "delivery.advance",
        (("FROM event_cursor c, event_horizon h", "FROM event_cursor c, (SELECT pg_snapshot_xmax(pg_current_snapshot()) AS tx) h"),),
    ),
    Bug(
        "the cursor passes over the rest of a stretch after its first page",
        "delivery.looked",
        (
            ("CASE WHEN $2::boolean THEN until_tx ELSE tx END", "CASE WHEN $2::boolean IS NOT NULL THEN until_tx END"),
            ("CASE WHEN NOT $2::boolean THEN until_tx END", "NULL"),
            ("CASE WHEN NOT $2::boolean THEN $1::bigint END", "NULL"),
        ),
    ),
    Bug("of what is put in together only the first gets into the outbox", "delivery.post", (("ORDER BY d.place", "ORDER BY d.place LIMIT 1"),)),
    Bug("a try that failed was the last", "delivery.failed", (("CASE WHEN $6::boolean THEN clock_timestamp() END", "CASE WHEN $6::boolean IS NOT NULL THEN clock_timestamp() END"), ("CASE WHEN $6::boolean THEN 'failed' ELSE 'pending' END", "'failed'"))),
    Bug("a delivery is entered as done when it is begun", "delivery.begin", (("SET state = 'sending',", "SET state = 'failed', ended_at = clock_timestamp(),"),)),
    Bug("what a killed sender had begun is nobody's any more", "delivery.begin", (("n.ended_at IS NULL ORDER BY", "n.state = 'pending' ORDER BY"),)),
    Bug("every try has a name of its own", "delivery.begin", (("SET state = 'sending',", "SET state = 'sending', key = gen_random_uuid(),"),)),
    Bug("a lane is taken out though something was put in meanwhile", "delivery.close", (("AND puts = $3::bigint", "AND $3::bigint > 0"),)),
    Bug("jobs are deleted before anybody has read what happened to them", "delivery.untold", (("WHERE last.tx >= c.tx AND", "WHERE false AND"),)),
]  # fmt: skip


@contextmanager
def written_into(bug: Bug) -> Iterator[None]:
    """Let the store use a statement with a bug; raises ``ValueError`` where the statement has not that text."""
    known = queries._all()
    right = known[bug.query]
    sql = right.sql
    for text, instead in bug.changes:
        if text not in sql:
            raise ValueError(f"{bug.query} has no such text: {text}")
        sql = sql.replace(text, instead)
    known[bug.query] = replace(right, sql=sql)
    try:
        with ExitStack() as stack:
            for other in bug.besides:
                stack.enter_context(written_into(other))
            yield
    finally:
        known[bug.query] = right


class NoFence(Rules):
    """A late report ends the attempt of somebody else."""

    def is_held(self, step: StepRow, number: int) -> bool:
        """Look only whether there is a lease."""
        return step.lease is not None


class BareCounter(Rules):
    """Two schedulers that chose the same slot both get it."""

    def is_free(self, slot: int) -> bool:
        """Believe what was chosen."""
        return True


class EarlySlot(Rules):
    """An abort gives the slot to the next job while the first still runs."""

    def abort(self, j: int, cleanup: bool) -> None:
        """Free the slot at once."""
        super().abort(j, cleanup)
        self.jobs[j].slot = None


class AnyState(Rules):
    """A job that was chosen and then aborted is started."""

    def may_start(self, job: JobRow) -> bool:
        """Believe what was chosen."""
        return True


class FullQueue(Rules):
    """Steps of a job whose end is certain can still be claimed."""

    def empty_queue(self, job: JobRow) -> None:
        """Leave them there."""


class OneStatement(Rules):
    """The end is decided by what was there before the queue was emptied: a claim in between is overlooked."""

    def running(self, job: JobRow, seen: bool) -> bool:
        """Believe what was seen before."""
        return seen


class NoLeases(Rules):
    """Clean-up begins while steps run."""

    def running(self, job: JobRow, seen: bool) -> bool:
        """Look at no lease."""
        return False


class NoExpiry(Rules):
    """The rescuer takes a step from a worker that lives."""

    def is_overdue(self, step: StepRow) -> bool:
        """Believe that every lease has run out."""
        return True


class NoTerm(Rules):
    """A scheduler that was replaced goes on admitting."""

    def leads(self, s: int, term: int | None) -> bool:
        """Believe whoever says so."""
        return term is not None


class Forgetful(Rules):
    """What vanished is not run again."""

    def runs_again(self, job: JobRow, s: int) -> bool:
        """Queue nothing."""
        return False


class Eager(Rules):
    """Dependants are freed by whatever ends."""

    def may_follow(self, job: JobRow, s: int) -> bool:
        """Do not look at the state."""
        return not self.plan[s].task.cleanup


class Deaf(Rules):
    """A problem is gone and the step that waited for it is not queued."""

    def release(self, j: int, *, doomed: bool = False) -> None:
        """Only take the problem out."""
        if self.jobs[j].state is JobState.WAITING:
            super().release(j, doomed=doomed)
        for step in self.jobs[j].steps:
            step.problem = False


#: Bugs of the rules, each with bounds within which the explorer must find it.
BROKEN_RULES: list[tuple[type[Rules], Bounds]] = [
    (NoFence, Bounds(faults=1)),
    (BareCounter, Bounds(faults=1)),
    (EarlySlot, Bounds(faults=0, aborts=1)),
    (AnyState, Bounds(faults=0, aborts=1)),
    (FullQueue, Bounds(faults=0, aborts=1, chain=False)),
    (OneStatement, Bounds(faults=0, aborts=1)),
    (NoLeases, Bounds(faults=0, aborts=1)),
    (NoExpiry, Bounds(faults=0)),
    (NoTerm, Bounds(faults=1)),
    (Forgetful, Bounds(faults=1)),
    (Eager, Bounds(faults=0, retries=1)),
    (Deaf, Bounds(faults=0, waits=1, chain=False)),
]
