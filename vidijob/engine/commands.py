"""What may be done with jobs: the verbs that every face uses. It knows no document and no HTTP.

A verb checks the rules, changes the database in one transaction, and rings the bell after the commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from vidijob.access import User
from vidijob.engine.arrivals import Arrivals
from vidijob.engine.bell import Bell
from vidijob.engine.submissions import Order, Submissions
from vidijob.errors import Invalid, NotFound, Refused, TransitionRefused, Unavailable
from vidijob.jobs.catalogue import is_result
from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.identity import job_name, parse_job
from vidijob.jobs.model import Job, JobData, JobId, Priority
from vidijob.jobs.notifications import NOTHING_ASKED, NotificationRequest
from vidijob.jobs.states import ENDED, JobState
from vidijob.jobs.uploads import takes_upload
from vidijob.store import deliveries, jobs, steps, watches
from vidijob.store.database import Database
from vidijob.store.jobs import NewJob

#: Keys and values beyond this are refused; a job is an order, not a file.
_LONGEST_KEY = 1000
_MOST_KEYS = 10_000
_MOST_DELETED = 10_000
_MOST_TOGETHER = 1000
_LONGEST_SUBMISSION_KEY = 255
#: A deletion waits so long for what is to be told of the jobs, in seconds.
_UNTOLD_WAIT = 3.0


#: The steps of a new job of a type; raises ``Invalid`` for one that cannot be run.
Plan = Callable[[str], Awaitable[Sequence[PlannedStep]]]


class Commands:
    """The verbs, for one site; ``arrivals`` is the short way in, where there is one."""

    def __init__(self, database: Database, bell: Bell, plan: Plan, site: str, arrivals: Arrivals | None = None) -> None:
        self._database = database
        self._bell = bell
        self._site = site
        self._plan = plan
        self._submissions = Submissions(database, bell, site, arrivals)

    async def submit(
        self,
        user: User,
        type: str,
        priority: Priority,
        data: JobData,
        asked: NotificationRequest = NOTHING_ASKED,
        *,
        hold: bool = False,
        key: str | None = None,
    ) -> Job:
        """Accept a job; when this returns it is stored and will be carried out, with ``hold`` once it is released.

        With a ``key``, a submission whose answer was lost can be repeated: the job that the user submitted under it is
        answered, as it is now, and no second one is made, as long as the job has not been deleted.

        Raises ``Invalid`` for an unknown type or data that cannot be stored, ``RoleMissing`` for IMMEDIATE without the
        role (spec "Job priority"), ``Conflict`` when the key stands for another order.
        """
        return await self._submit(user, type, priority, data, asked, None, hold, key)

    async def submit_all(self, user: User, orders: Sequence[Order], *, key: str | None = None) -> list[Job]:
        """Accept several jobs, all or none, each as ``submit`` would; returns them in this order.

        The key stands for all of them: a repetition has to have the same orders. Errors as for ``submit``; ``Invalid`` says
        which of the orders it means, counted from 0.
        """
        if not 0 < len(orders) <= _MOST_TOGETHER:
            raise Invalid("job", f"A list has 1 to {_MOST_TOGETHER} jobs; this one has {len(orders)}.")
        news = []
        for place, order in enumerate(orders):
            try:
                steps = await self.check(
                    user, order.type, order.priority, order.data, order.asked, key, steps=order.steps
                )
            except Invalid as error:
                raise Invalid(error.context, f"job[{place}]: {error.explanation}", value=error.value) from error
            state = JobState.HOLD if order.hold else JobState.READY
            news.append(
                NewJob(
                    order.type,
                    state,
                    order.priority,
                    user.name,
                    order.data,
                    steps,
                    asked=order.asked,
                    origin=order.origin,
                    watch=order.watch,
                    records=order.records,
                )
            )
        return await self._submissions.add_all(news, key)

    async def rerun(
        self, user: User, text: str, priority: Priority | None, *, hold: bool = False, key: str | None = None
    ) -> Job:
        """Submit a copy of a job: its type, data, priority and what it asked of notifications; the owner is the caller
        (spec "Create a duplicate job"). ``hold``, ``key`` and errors as for ``submit``; ``Refused`` for a job whose file came
        with its request: it is where the job has put it, or gone.
        """
        first = parse_job(self._site, text)
        known = await jobs.duplicate_of(self._database, first)
        if known is None:
            raise NotFound("Job", text)
        type, old_priority, data, asked = known
        if takes_upload(await self._plan(type)):
            raise Refused(
                "job",
                text,
                f"The file of the job {text} came with its request and is not kept for another: send it again (POST /import/raw).",
            )
        # What the first job found out is not an order to the second.
        orders = {key: values for key, values in data.items() if not is_result(key)}
        name = job_name(self._site, first)
        return await self._submit(
            user, type, priority or old_priority, {**orders, "rerunOf": [name]}, asked, f"re-run of {name}", hold, key
        )

    async def release(self, user: User, text: str) -> None:
        """Let a job that is held queue up (contract 2.1); raises ``TransitionRefused`` for one that is not."""
        job = parse_job(self._site, text)
        with self._bell.ringing("vidijob_job"):
            async with self._database.transaction() as session:
                state, _ = _one(await jobs.lock(session, [job]), job, text)
                if not await jobs.release(session, job, user.name):
                    raise TransitionRefused(
                        "job", text, f"The job {text} is {state}: only one in HOLD can be released."
                    )

    async def abort(self, user: User, text: str, *, reason: str | None, cleanup: bool) -> JobState:
        """Ask for a job to be aborted (spec "Abort a job"); returns its state now, ABORTED or ABORTED_PENDING.

        The reason stays in its data, as ``abortReason``. Asking again is no error and changes nothing, the reason included. Raises ``TransitionRefused`` when the job has ended.
        """
        job = parse_job(self._site, text)
        with self._bell.ringing("vidijob_stop", "vidijob_step", "vidijob_job"):
            async with self._database.transaction() as session:
                state, _ = _one(await jobs.lock(session, [job]), job, text)
                if state is JobState.ABORTED_PENDING:
                    return state
                if state in ENDED:
                    raise TransitionRefused("job", text, f"The job {text} has ended ({state}): it cannot be aborted.")
                marked = await jobs.abort(session, job, cleanup=cleanup, actor=user.name, reason=reason or None)
                if marked is None:
                    raise TransitionRefused("job", text, f"The job {text} is {state}: it cannot be aborted.")
                over = await jobs.conclude(session, [job]) if marked is JobState.ABORTED_PENDING else []
        return JobState.ABORTED if over else marked

    async def withdraw(self, user: User, text: str, *, reason: str | None = None) -> bool:
        """Abort a job if none of its steps was begun yet; tells whether that was done now: it may have been before.

        Raises ``NotFound``, and ``TransitionRefused`` with the state of a job that has begun, or has ended otherwise.
        """
        job = parse_job(self._site, text)
        with self._bell.ringing("vidijob_job"):
            async with self._database.transaction() as session:
                state, _ = _one(await jobs.lock(session, [job]), job, text)
                if state is JobState.ABORTED:
                    return False
                # A job that was aborted waits for nothing that could be cleaned up: none of its steps was begun.
                waits = state in (JobState.READY, JobState.HOLD) and not await steps.begun(session, [job])
                if not waits or await jobs.abort(session, job, cleanup=False, actor=user.name, reason=reason) is None:
                    raise TransitionRefused("job", text, f"The job {text} is {state}: it has begun.", state=state.value)
        return True

    async def prioritise(self, user: User, text: str, priority: Priority) -> None:
        """Give a job another priority (spec "Modify a job"); raises ``TransitionRefused`` when it has ended."""
        if priority is Priority.IMMEDIATE:
            user.require("_super_access_user")
        job = parse_job(self._site, text)
        with self._bell.ringing("vidijob_job", "vidijob_step"):
            async with self._database.transaction() as session:
                state, before = _one(await jobs.lock(session, [job]), job, text)
                if state in ENDED:
                    raise TransitionRefused("job", text, f"The job {text} has ended ({state}): its priority stays.")
                if before is Priority.IMMEDIATE is not priority and state not in (JobState.READY, JobState.HOLD):
                    # It runs beyond the limit, without a slot; lowered, it would have to have one.
                    raise TransitionRefused("job", text, f"The job {text} has started as IMMEDIATE and stays so.")
                await jobs.prioritise(session, job, priority, user.name)

    async def delete(self, user: User, texts: Sequence[str]) -> None:
        """Delete jobs and every entry about them, all or none (spec "Delete one or several jobs").

        Raises ``NotFound`` when one is not there, ``TransitionRefused`` when one has not ended, ``Unavailable`` when
        nobody reads off the event log what is to be told of them: it would be lost.
        """
        if not texts:
            raise Invalid("id", "The parameter id names the jobs to delete, separated by commas; it is missing.")
        if len(texts) > _MOST_DELETED:
            raise Invalid("id", f"At most {_MOST_DELETED} jobs can be deleted at once.")
        wanted = {parse_job(self._site, text): text for text in texts}
        end = time.monotonic() + _UNTOLD_WAIT
        while not await self._delete(user, wanted):
            if time.monotonic() > end:
                raise Unavailable("The event log", "what happened to these jobs is not entered for notifications yet")
            self._bell.ring("vidijob_event")
            await asyncio.sleep(0.05)
        self._bell.ring("vidijob_event")

    async def _delete(self, user: User, wanted: Mapping[JobId, str]) -> bool:
        """Delete jobs; ``False``: something that happened to them is still to be read, for notifications."""
        async with self._database.transaction() as session:
            found = await jobs.lock(session, list(wanted))
            for job, text in wanted.items():
                state, _ = _one(found, job, text)
                if state not in ENDED:
                    raise TransitionRefused(
                        "job", text, f"The job {text} is still running ({state}): abort it first (DELETE /job/{text})."
                    )
            if await deliveries.untold(session, list(wanted)) or await watches.untold(session, list(wanted)):
                return False
            await jobs.delete(session, list(wanted), user.name)
        return True

    async def _submit(
        self,
        user: User,
        type: str,
        priority: Priority,
        data: JobData,
        asked: NotificationRequest,
        remark: str | None,
        hold: bool,
        key: str | None,
    ) -> Job:
        steps = await self.check(user, type, priority, data, asked, key)
        state = JobState.HOLD if hold else JobState.READY
        return await self._submissions.add(NewJob(type, state, priority, user.name, data, steps, remark, asked, key))

    async def check(
        self,
        user: User,
        type: str,
        priority: Priority,
        data: JobData,
        asked: NotificationRequest = NOTHING_ASKED,
        key: str | None = None,
        *,
        steps: Sequence[PlannedStep] | None = None,
    ) -> Sequence[PlannedStep]:
        """Return the steps of a job, or raise what ``submit`` would raise as far as that can be told before.

        ``steps`` are those of a job that has its own.
        """
        if priority is Priority.IMMEDIATE:
            user.require("_super_access_user")
        steps = await self._plan(type) if steps is None else steps
        _check_data("jobmetadata", data)
        _check_data("notificationData", asked.data)
        if key is not None and not (0 < len(key) <= _LONGEST_SUBMISSION_KEY and key.isprintable()):
            raise Invalid(
                "Idempotency-Key", f"A key is 1 to {_LONGEST_SUBMISSION_KEY} printable characters.", value=key
            )
        return steps


def _one(found: Mapping[JobId, tuple[JobState, Priority]], job: JobId, text: str) -> tuple[JobState, Priority]:
    try:
        return found[job]
    except KeyError:
        raise NotFound("Job", text) from None


def _check_data(name: str, data: JobData) -> None:
    if len(data) > _MOST_KEYS:
        raise Invalid(name, f"A job takes at most {_MOST_KEYS} keys.")
    for key, values in data.items():
        if not key or len(key) > _LONGEST_KEY:
            raise Invalid(name, f"A key is 1 to {_LONGEST_KEY} characters.", value=key[:100])
        for text in (key, *values):
            if "\x00" in text or (not text.isprintable() and _unstorable(text)):
                raise Invalid(name, f"The value of {key[:100]!r} holds a character that cannot be stored.")


def _unstorable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
