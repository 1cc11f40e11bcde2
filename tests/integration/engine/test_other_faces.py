"""What other faces than Vidispine's need of the engine: pauses that hold at once, withdrawal, what a job was submitted as,
the event log by cursor, access keys.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.engine.access_keys import AccessKeys
from vidijob.engine.accounts import Accounts
from vidijob.engine.configuration import PAUSE_JOBS, Configuration
from vidijob.engine.history import History
from vidijob.engine.identities import Identities
from vidijob.engine.problems import Problems
from vidijob.engine.submissions import Order
from vidijob.engine.task_groups import TaskGroups
from vidijob.errors import Conflict, Invalid, NotAuthenticated, NotFound, TransitionRefused
from vidijob.executors.base import Done, Outcome, StepContext, Wait
from vidijob.jobs.model import JobId, Origin, Priority
from vidijob.jobs.policy import Admission
from vidijob.jobs.states import JobState
from vidijob.jobs.task_groups import JobFilter, TaskGroup
from vidijob.store import access_keys, admissions, limits, slots, users, workers
from vidijob.store.access_keys import Entry
from vidijob.store.database import Database

QUEUE = TaskGroup("q", filters=(JobFilter(data=(("queue", "q"),)),))
ORIGIN = Origin("mps", {"Priority": "9", "UserData": "ü", "nested": {"a": [1, None]}}, 9)


async def leader(engine: Engine) -> Admission:
    """Lead, without a loop, with one slot; returns the admission of the one job that is queued."""
    await workers.campaign(engine.database, "scheduler", HOLDER, timedelta(seconds=60))
    await slots.arrange(engine.database, HOLDER, 1, {1: Priority.LOWEST}, ())
    (queued,) = await admissions.head(engine.database, 10)
    return Admission(queued.job, 1)


HOLDER = uuid4()


@pytest.mark.parametrize("how", ["pause", "put", "delete", "property"])
async def test_what_was_chosen_before_a_pause_does_not_start_after_it(engine: Engine, how: str) -> None:
    groups = TaskGroups(engine.database, engine.bell)
    await groups.put(QUEUE)
    await engine.submit(queue="q")
    chosen = await leader(engine)
    rules = (await limits.read(engine.database)).rules
    match how:
        case "pause":
            await groups.pause("q", True)
        case "put":
            await groups.put(TaskGroup("q", filters=QUEUE.filters, max_concurrency=0))
        case "delete":
            await groups.delete("q")
        case _:
            await Configuration(engine.database, engine.bell).set_properties({PAUSE_JOBS: "true"})
    assert (await admissions.admit(engine.database, HOLDER, 1, [chosen], rules=rules)).started == []
    rules = (await limits.read(engine.database)).rules
    assert (await admissions.admit(engine.database, HOLDER, 1, [chosen], rules=rules)).started == [chosen.job]


async def test_a_pause_waits_for_an_admission_that_is_under_way(engine: Engine, url: str) -> None:
    groups = TaskGroups(engine.database, engine.bell)
    await groups.put(QUEUE)
    await engine.submit(queue="q")
    chosen = await leader(engine)
    connection = await asyncpg.connect(url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        # As an admission does that has checked the rules and is not committed.
        await connection.execute("SELECT FROM admission_rules FOR SHARE")
        pausing = asyncio.create_task(groups.pause("q", True))
        await asyncio.sleep(0.2)
        assert not pausing.done()
        await transaction.commit()
        await asyncio.wait_for(pausing, 5)
    finally:
        await connection.close()
    assert (await engine.insights.job(f"VX-{chosen.job}")).state is JobState.READY


async def test_jobs_of_a_queue_that_is_paused_can_be_withdrawn_one_by_one_while_others_run(engine: Engine) -> None:
    """Pause, cancel, activate: what was queued when the pause was answered is queued until it is withdrawn."""
    groups = TaskGroups(engine.database, engine.bell)
    await groups.put(QUEUE)
    engine.concurrent_jobs = 4
    engine.worker(ScriptedExecutor(), slots=16)
    engine.scheduler()
    ids = [await engine.submit(queue="q") for _ in range(60)]
    others = [await engine.submit() for _ in range(20)]
    withdrawn: set[str] = set()
    for _ in range(10):
        await groups.pause("q", True)
        queued = [id for id in ids if (await engine.insights.job(id)).state is JobState.READY]
        withdrawn |= set(queued[-2:])
        results = await asyncio.gather(*(engine.commands.withdraw(ADMIN, id) for id in queued[-2:]))
        assert all(results), "after the pause it was queued: nobody can have started it"
        await groups.pause("q", False)
        await asyncio.sleep(0.03)
    for id in [*ids, *others]:
        state = (await engine.until(id)).state
        assert state is (JobState.ABORTED if id in withdrawn else JobState.FINISHED)
    assert withdrawn


async def test_withdrawing_is_for_jobs_that_have_not_begun(engine: Engine) -> None:
    async def wait(_: StepContext) -> Outcome:
        return Wait("TEST", {}, "It waits.")

    async def hold(_: StepContext) -> Outcome:
        await asyncio.sleep(60)
        return Done()

    first = await engine.submit()
    assert await engine.commands.withdraw(ADMIN, first, reason="enough")
    job = await engine.insights.job(first)
    assert (job.state, job.data["abortReason"]) == (JobState.ABORTED, ["enough"])
    assert not await engine.commands.withdraw(ADMIN, first)
    with pytest.raises(NotFound):
        await engine.commands.withdraw(ADMIN, "VX-999")

    executor = ScriptedExecutor(work=hold)
    engine.worker(executor)
    scheduler = engine.scheduler()
    running = await engine.submit()
    await engine.until(running, JobState.STARTED)
    with pytest.raises(TransitionRefused) as refused:
        await engine.commands.withdraw(ADMIN, running)
    assert refused.value.state == "STARTED"
    assert (await engine.insights.job(running)).state is JobState.STARTED

    executor.acts["work"] = wait
    waiting = await engine.submit()
    await engine.until(waiting, JobState.WAITING)
    with pytest.raises(TransitionRefused) as refused:
        await engine.commands.withdraw(ADMIN, waiting)
    assert refused.value.state == "WAITING"
    await scheduler.stop()
    engine.parts.remove(scheduler)
    problems = Problems(engine.database, engine.bell, "VX")
    await problems.retry(ADMIN, str((await problems.of_job(waiting))[0].id))
    with pytest.raises(TransitionRefused) as refused:
        await engine.commands.withdraw(ADMIN, waiting)
    assert refused.value.state == "READY", "it queues again, but it has begun"


async def test_what_a_job_was_submitted_as_is_kept_beside_it(engine: Engine) -> None:
    orders = [Order("WORK", Priority.HIGHEST, {}, origin=ORIGIN), Order("WORK", Priority.LOW, {})]
    made = await engine.commands.submit_all(ADMIN, orders, key="k")
    assert await engine.insights.origins(made) == {made[0].id: ORIGIN}
    assert [job.id for job in await engine.commands.submit_all(ADMIN, orders, key="k")] == [job.id for job in made]
    other = Order("WORK", Priority.HIGHEST, {}, origin=Origin("mps", {"Priority": "9"}, 9))
    with pytest.raises(Conflict):
        await engine.commands.submit_all(ADMIN, [other, orders[1]], key="k")
    await engine.commands.prioritise(ADMIN, f"VX-{made[0].id}", Priority.LOWEST)
    (changed,) = (await engine.insights.origins(made)).values()
    assert (changed.priority, changed.document) == (None, ORIGIN.document)


async def test_the_event_log_is_read_by_cursor_without_a_gap(engine: Engine, url: str) -> None:
    history = History(engine.database, "VX")
    cursor = await history.now()
    engine.worker(ScriptedExecutor())
    engine.scheduler()
    ids = [await engine.submit() for _ in range(3)]
    sleeper = await asyncpg.connect(url)
    try:
        transaction = sleeper.transaction()
        await transaction.start()
        await sleeper.execute("INSERT INTO event (job_id, new_state, actor) VALUES (0, 'SLOW', 'test')")
        for id in ids:
            await engine.until(id)
        early, cursor = await history.since(cursor, limit=7)
        assert all(event.new != "SLOW" for event in early)
        await transaction.commit()
        found = list(early)
        async with asyncio.timeout(5):
            while not any(event.new == "SLOW" for event in found):
                more, cursor = await history.since(cursor, limit=7)
                found += more
        while more := (await history.since(cursor, limit=7))[0]:
            found += more
            _, cursor = await history.since(cursor, limit=7)
    finally:
        await sleeper.close()
    numbers = [event.id for event in found]
    assert len(set(numbers)) == len(numbers)
    for id in ids:
        mine = [event for event in found if f"VX-{event.job}" == id]
        assert mine == await history.of(id)
        assert [event.new for event in mine if event.step is None] == ["READY", "STARTED", "FINISHED"]
        assert {event.step for event in mine} == {None, 100, 200, 300, 5000}
    for text in ("", "x", "1-2", "-1", "1-2-3-4", "1 "):
        with pytest.raises(Invalid):
            await history.since(text)


async def test_every_process_makes_the_same_uuids(engine: Engine) -> None:
    first, second = await asyncio.gather(Identities(engine.database).uuids(), Identities(engine.database).uuids())
    uuid = first.of_job(JobId(17))
    assert second.of_job(JobId(17)) == uuid and second.job(uuid) == 17
    assert second.number("step", uuid) is None


async def test_access_keys(database: Database) -> None:
    await users.add(database, "ann", "hash", ["_job_read"])
    keys, other = AccessKeys(database), AccessKeys(database)
    id, secret = await keys.add("ann")
    user, found = await other.holder(id)
    assert (user.name, user.roles, found) == ("ann", frozenset({"_job_read"}), secret)
    assert [(key.id, key.account) for key in await keys.listing("ann")] == [(id, "ann")]
    assert await keys.listing("bob") == []
    for unknown in ("", "nobody", "\x00", "ü", "x" * 1000):
        with pytest.raises(NotFound):
            await keys.holder(unknown)
    with pytest.raises(NotFound):
        await keys.add("bob")
    for account, key in (("bob", id), ("ann", "none")):
        with pytest.raises(NotFound):
            await keys.revoke(account, key)

    # A number is used once, in all processes; of those that are let in there are only so many in a second.
    now = datetime.now(UTC)

    async def enter(nonce: str, action: str = "A", minutes: float = 0, by: AccessKeys = keys) -> Entry:
        return await by.enter(id, nonce, action, 2, now + timedelta(minutes=minutes))

    assert [await enter("n1", by=one) for one in (keys, other)] == [Entry.ADMITTED, Entry.REPEATED]
    assert [await enter(nonce) for nonce in ("n2", "n3", "n4")] == [Entry.ADMITTED, Entry.THROTTLED, Entry.THROTTLED]
    assert await enter("n5", "B") is Entry.ADMITTED, "each action for itself"
    assert await enter("n3") is Entry.REPEATED
    assert [await enter("n7", minutes=minutes) for minutes in (-15.1, 15.1)] == [Entry.EXPIRED] * 2
    await asyncio.sleep(1.01)
    assert await enter("n6", minutes=-14.9) is Entry.ADMITTED
    assert await access_keys.forget(database, timedelta(seconds=60), 10) == 0
    assert await access_keys.forget(database, timedelta(0), 4) == 4

    await users.set_disabled(database, "ann", True)
    with pytest.raises(NotAuthenticated):
        await AccessKeys(database).holder(id)
    await keys.revoke("ann", id)
    with pytest.raises(NotFound):
        await keys.holder(id)
    await Accounts(database).listing()
